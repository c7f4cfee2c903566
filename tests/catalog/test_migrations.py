"""Forward and back with data: what revision 0001 can express is the same afterwards."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, create_engine, insert, select

from brainray.catalog import Library
from brainray.catalog.database import MIGRATIONS, downgrade, head_revision, upgrade
from brainray.catalog.migrating import alembic_config
from brainray.settings import Settings
from brainray.testing.atlases import tiny_atlas

TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WIRING = {"models": {"image": "eye", "audio": "ear"}, "levels": []}


def model(identifier: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "name": identifier,
        "version": 1,
        "kind": "unimodal",
        "network": "lenet3.image",
        "sub_region": "vision.shape",
        "modality": "image",
        "data_set": "d" * 64,
        "optimizer": "adam",
        "platform": "PyTorch 2.12",
        "preparation": {"name": "grey_image"},
        "metrics": {"validation": 0.5},
        "spec": {"classes": 2},
        "recipe": identifier,
        "sha256": "w" * 64,
        "key": "models/vision/shape/w.safetensors",
        "parameters": 2**40,
        "size_bytes": 7,
        "run_id": "r1",
        "created": TIME,
    } | changes


MODELS = [
    model("eye"),
    model("eye2", optimizer="lion", metrics={"test": 0.75, "validation": 0.5, "note": "x"}),
    model("child", spec={"classes": 2, "parent": "eye"}, metrics={}),
    model("orphan", spec={"parent": "forgotten"}),
    model("ear", sub_region="vision.other"),
    *(
        model(
            f"both{version}",
            name="both",
            version=version,
            kind="fused",
            network=None,
            sub_region="multisensory.integration",
            modality="audio+image",
            spec={"wiring": WIRING},
        )
        for version in (1, 2)
    ),
    model("other", kind="fused", network=None, spec={}),
]
BACKBONES = [
    {"fused": fused, "position": position, "backbone": backbone}
    for fused in ("both1", "both2", "other")
    for position, backbone in enumerate(["ear", "eye"])
]


@pytest.fixture
def url(tmp_path: Path, new_database: Callable[..., str]) -> str:
    """A database of revision 0001 with a row of everything."""
    url = new_database(tmp_path)
    fill(url)
    return url


def fill(url: str) -> None:
    """Make a database as revision 0001 left it, seeded by that version and used."""
    engine = create_engine(url)
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection, MIGRATIONS), "0001")
        metadata = MetaData()
        metadata.reflect(connection)
        rows: dict[str, list[dict[str, Any]]] = {
            "region": [{"name": name} for name in ("vision", "multisensory", "mine")],
            "sub_region": [
                {"name": name, "region": name.partition(".")[0]}
                for name in ("vision.shape", "vision.other", "multisensory.integration", "mine.a")
            ],
            "function": [
                {"name": "shape", "sub_region": "vision.shape", "synonyms": ["form"]},
                {"name": "detection", "sub_region": "mine.a", "synonyms": []},
            ],
            "data_set": [
                {
                    "sha256": "d" * 64,
                    "name": "digits",
                    "source": "files",
                    "classes": ["0", "1"],
                    "modalities": {"image": "image"},
                    "rows": {"train": 1},
                    "key": "datasets/d.parquet",
                    "created": TIME,
                }
            ],
            "network": [
                {
                    "name": "lenet3.image",
                    "architecture": "lenet3",
                    "category": "LeNet",
                    "modality": "image",
                    "preparation": {"name": "grey_image", "size": 28},
                }
            ],
            "network_sub_region": [
                {"network": "lenet3.image", "sub_region": name, "position": position}
                for position, name in enumerate(["vision.shape", "vision.other"])
            ],
            "pretrained_model": MODELS,
            "model_backbone": BACKBONES,
            "run": [
                {
                    "id": "r1",
                    "scenario": "digits",
                    "seed": 2**62,
                    "status": "finished",
                    "created": TIME,
                    "finished": TIME,
                    "record": "runs/r1",
                    "model_id": "both1",
                    "summary": {"test": 0.5},
                }
            ],
        }
        for name, values in rows.items():
            connection.execute(insert(metadata.tables[name]), values)
    engine.dispose()


def content(url: str) -> dict[str, list[Any]]:
    """Return all rows of all tables."""
    engine = create_engine(url)
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        rows = {
            name: sorted(map(repr, connection.execute(select(table)).mappings()))
            for name, table in metadata.tables.items()
        }
    engine.dispose()
    return rows


def columns(url: str) -> dict[str, list[str]]:
    engine = create_engine(url)
    metadata = MetaData()
    metadata.reflect(engine)
    engine.dispose()
    return {
        name: sorted(f"{column.name} {column.type} {column.nullable}" for column in table.columns)
        for name, table in metadata.tables.items()
    }


def library(url: str, folder: Path) -> Library:
    return Library.open(
        Settings(
            database_url=url,
            store_url=str(folder / "store"),
            data=None,
            cache=folder / "cache",
            runs=folder / "runs",
        )
    )


def test_forward_and_back_keeps_every_row(url: str) -> None:
    before, shape = content(url), columns(url)
    upgrade(url)
    downgrade(url, "0001")
    after = content(url)
    assert columns(url) == shape
    for name, rows in before.items():
        # The upgrade adds built-in rows; it changes and removes none.
        assert set(rows) <= set(after[name]), name
    for name in ("pretrained_model", "model_backbone", "run", "data_set"):
        assert after[name] == before[name]
    upgrade(url)


def test_fused_models_get_networks(url: str, tmp_path: Path) -> None:
    upgrade(url)
    catalog = library(url, tmp_path)
    first, second, other = (catalog.model(what) for what in ("both1", "both2", "other"))
    assert first.network == second.network != other.network
    network = catalog.network(first.network)
    assert first.network.startswith("both.")
    assert network.category == "Fusion"
    assert network.modality == "audio+image"
    assert network.sub_regions == ("vision.other", "vision.shape", "multisensory.integration")
    assert network.functions == ("classification",)
    assert catalog.network("lenet3.image").functions == ("classification",)


def test_dictionaries_are_made_of_what_is_in_use(url: str, tmp_path: Path) -> None:
    upgrade(url)
    catalog = library(url, tmp_path)
    assert catalog.model("eye2").optimizer == "lion"
    rows = content(url)
    assert any("'lion'" in row for row in rows["optimizer"])
    assert any("PyTorch 2.12" in row and "safetensors" in row for row in rows["platform"])
    assert catalog.functions()["detection"] == "mine.a"  # a task's name that was taken stays so


def test_models_keep_their_facts_in_columns(url: str, tmp_path: Path) -> None:
    upgrade(url)
    catalog = library(url, tmp_path)
    accuracies = {name: catalog.model(name).accuracy for name in ("eye", "eye2", "child")}
    assert accuracies == {"eye": 0.5, "eye2": 0.75, "child": None}
    child = catalog.model("child")
    assert (child.parent, child.spec) == ("eye", {"classes": 2})
    assert catalog.model("orphan").spec == {"parent": "forgotten"}
    evaluations = [row for row in content(url)["evaluation"] if "'eye2'" in row]
    assert len(evaluations) == 2
    assert catalog.run("r1").scenario_sha256 is None


def test_atlases_go_with_their_revision_and_nothing_else(url: str, tmp_path: Path) -> None:
    upgrade(url)
    downgrade(url, "0004")
    before, shape = content(url), columns(url)
    upgrade(url)
    library(url, tmp_path).add_atlas(tiny_atlas())
    downgrade(url, "0005")
    assert {"atlas", "roi", "association", "relation"} == content(url).keys() - before.keys()
    downgrade(url, "0004")
    assert (content(url), columns(url)) == (before, shape)


def test_tracking_endpoints_go_with_their_revision_and_nothing_else(
    url: str, tmp_path: Path
) -> None:
    upgrade(url)
    downgrade(url, "0005")
    before, shape = content(url), columns(url)
    upgrade(url)
    weights = tmp_path / "weights.onnx"
    weights.write_bytes(b"graph")
    files = {"weights": weights, "appearance": weights}
    library(url, tmp_path).deploy_tracking("street", "nanodet", {}, files, "sort", {}, None, {})
    assert {"tracking_endpoint", "detector_file"} == content(url).keys() - before.keys()
    downgrade(url, "0007")  # which would take every file for one of the detector
    assert ["'weights'" in row for row in content(url)["detector_file"]] == [True]
    upgrade(url)
    (kept,) = library(url, tmp_path).tracking_endpoints()
    assert (list(kept.files), kept.appearance) == (["weights"], None)
    downgrade(url, "0005")
    assert (content(url), columns(url)) == (before, shape)


def test_the_files_are_named_after_their_revisions() -> None:
    found = [one.revision for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]
    names = sorted(path.stem for path in MIGRATIONS.glob("versions/*.py"))
    assert [name.partition("_")[0] for name in names] == found[::-1]
    assert head_revision() == found[0]

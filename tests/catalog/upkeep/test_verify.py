import hashlib
import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from brainray.catalog import Library, Model, NewModel, tables
from brainray.catalog.cards import ModelCard, NetworkCard, parse_card
from brainray.catalog.upkeep import Finding, Verification
from brainray.catalog.upkeep.rows import foreign_keys, last
from brainray.testing.graphs import picture_graph

METADATA = tables.Region.metadata
MODEL = METADATA.tables["pretrained_model"]
REFERENCES = [
    (table.name, str(last(key).name))
    for table in METADATA.sorted_tables
    for key in foreign_keys(table)
]
ORPHANS = [
    f"models/vision/shape/{'1' * 64}.safetensors",
    f"models/{'1' * 64}.onnx",
    f"datasets/{'1' * 64}.parquet",
    "models/vision/shape/my notes (1).txt",
    "notes.txt",
    "banks/notes.txt",
    f"banks/{'1' * 64}/notes.txt",
    "odd/place/of.bin",
]
Unchecked = Callable[[], AbstractContextManager[Connection]]
Build = Callable[..., NewModel]


def damage(verification: Verification) -> list[Finding]:
    return [finding for finding in verification.findings if finding.damage]


def kinds_at(verification: Verification, where: str) -> set[str]:
    return {finding.kind for finding in damage(verification) if finding.where == where}


def test_a_whole_catalog_is_whole(whole: Library) -> None:
    found = whole.verify()
    assert found.findings == ()
    assert found.whole
    assert (found.models, found.files) == (4, 8)
    assert found.size_bytes == sum(whole.store.files().values())


def test_an_empty_catalog_is_whole(library: Library) -> None:
    assert library.verify().findings == ()


def test_every_damage_of_every_file_is_found(whole: Library, behind: Any) -> None:
    chance = random.Random(0)
    for key in whole.store.files():
        data = behind.read(key)
        places = [0, 8, len(data) // 2, len(data) - 1, *chance.sample(range(len(data)), 3)]
        wrong = [data[:-1], data[:1], b"", data + b"0"]
        for place in places:
            flipped = bytearray(data)
            flipped[place] ^= 1 << chance.randrange(8)
            wrong.append(bytes(flipped))
        kind = "damaged bank" if key.startswith("banks/") else "damaged file"
        for bad in wrong:
            behind.write(key, bad)
            assert kind in kinds_at(whole.verify(), key), (key, bad)
        behind.write(key, data)
        assert whole.verify().whole


def test_every_missing_file_is_found(whole: Library, behind: Any) -> None:
    for key in whole.store.files():
        data = behind.read(key)
        behind.remove(key)
        found = whole.verify()
        if key.startswith("banks/"):
            assert found.whole  # it can be made again
        else:
            assert {finding.kind for finding in damage(found)} == {"missing file"}
            assert {finding.where for finding in damage(found)} == {key}
        behind.write(key, data)
        assert whole.verify().whole


@pytest.mark.parametrize("key", ORPHANS)
def test_every_orphan_is_found(whole: Library, behind: Any, key: str) -> None:
    behind.write(key, b"nobody's")
    (found,) = damage(whole.verify())
    assert (found.kind, found.where) == ("orphan file", key)
    assert "--repair" in found.fix


def test_every_reference_to_nothing_is_found(whole: Library, unchecked: Unchecked) -> None:
    assert len(REFERENCES) > 20
    for name, column in REFERENCES:
        table = METADATA.tables[name]
        keys = [key.name for key in table.primary_key.columns]
        with unchecked() as connection:
            row = connection.execute(select(table).limit(1)).mappings().one()
        chosen = [table.c[key] == row[key] for key in keys]
        gone = [table.c[key] == ("gone" if key == column else row[key]) for key in keys]
        with unchecked() as connection:
            connection.execute(update(table).where(*chosen).values({column: "gone"}))
        assert "dangling row" in kinds_at(whole.verify(), f"{name}.{column}"), (name, column)
        with unchecked() as connection:
            connection.execute(update(table).where(*gone).values({column: row[column]}))
        assert whole.verify().whole


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("parameters", 7, "wrong count"),
        ("size_bytes", 7, "wrong size"),
        ("sha256", "1" * 64, "wrong key"),
        ("sub_region", "vision.motion", "wrong key"),
        ("key", f"models/vision/motion/{'1' * 64}.safetensors", "missing file"),
    ],
)
def test_every_wrong_row_of_a_model_is_found(
    whole: Library, unchecked: Unchecked, column: str, value: Any, kind: str
) -> None:
    for model in whole.models():
        with unchecked() as connection:
            chosen = update(MODEL).where(MODEL.c.id == model.id)
            connection.execute(chosen.values({column: value}))
        assert kind in {one.kind for one in damage(whole.verify()) if model.id in one.what}
        with unchecked() as connection:
            connection.execute(chosen.values({column: getattr(model, column)}))
        assert whole.verify().whole


def test_a_fused_model_without_a_backbone_is_found(whole: Library, unchecked: Unchecked) -> None:
    part = METADATA.tables["model_backbone"]
    with unchecked() as connection:
        connection.execute(part.delete().where(part.c.position == 0))
    assert {finding.kind for finding in damage(whole.verify())} == {"broken fusion"}


def test_a_sub_region_that_contradicts_its_name_is_found(
    whole: Library, unchecked: Unchecked
) -> None:
    table = METADATA.tables["sub_region"]
    with unchecked() as connection:
        chosen = update(table).where(table.c.name == "vision.shape")
        connection.execute(chosen.values(region="audition"))
    assert [one.what for one in damage(whole.verify())] == ["sub-region vision.shape"]


def test_what_is_not_ended_is_no_damage(library: Library, new_model: Build, behind: Any) -> None:
    key = new_model().weights.key
    behind.write(f"banks/.{'0' * 32}.tmp", b"half")
    found = library.verify()
    assert found.whole
    assert {finding.kind for finding in found.findings} == {"unfinished write"}
    assert {finding.where for finding in found.findings} == {key, f"banks/.{'0' * 32}.tmp"}


@pytest.fixture
def graph(library: Library, tmp_path: Path) -> Model:
    """An uploaded ONNX file."""
    library.add_named_data_set("ImageNet")
    network = {
        "name": "mine.image",
        "architecture": "onnx",
        "category": "Mine",
        "modality": "image",
        "preparation": {"name": "grey_image", "size": 28},
        "sub_regions": ["vision.shape"],
    }
    model = {"network": "mine.image", "data_set": "ImageNet", "platform": "ONNX Runtime 1.32"}
    path = tmp_path / "graph.onnx"
    path.write_bytes(picture_graph())
    library.add_network(parse_card(network, NetworkCard, "card"))
    return library.upload(library.declare_card(parse_card(model, ModelCard, "card")), path)


def test_every_damage_of_a_graph_is_found(library: Library, graph: Model, behind: Any) -> None:
    data = behind.read(graph.key)
    assert library.verify().findings == ()
    flipped = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in (0, 99, len(data) - 1)]
    for bad in (data[:-1], b"", data + b"0", *flipped):
        behind.write(graph.key, bad)
        assert kinds_at(library.verify(), graph.key) == {"damaged file"}
    behind.remove(graph.key)
    assert kinds_at(library.verify(), graph.key) == {"missing file"}


def test_a_wrong_count_of_a_graph_is_found(
    library: Library, graph: Model, unchecked: Unchecked
) -> None:
    with unchecked() as connection:
        connection.execute(update(MODEL).values(parameters=7, size_bytes=7))
    assert kinds_at(library.verify(), graph.key) == {"wrong count", "wrong size"}
    assert library.repair().whole
    assert library.model(graph.id) == graph


def test_a_file_that_is_no_graph_is_found(
    library: Library, graph: Model, unchecked: Unchecked, behind: Any
) -> None:
    sha256 = hashlib.sha256(b"no graph").hexdigest()
    key = f"models/vision/shape/{sha256}.onnx"
    behind.write(key, b"no graph")
    behind.remove(graph.key)
    with unchecked() as connection:
        connection.execute(update(MODEL).values(key=key, sha256=sha256, size_bytes=8))
    (found,) = damage(library.verify())
    assert (found.kind, found.where) == ("unreadable file", key)
    assert "is no ONNX file" in found.fix

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from brainray.catalog import Library, Model, NewModel, recipe_of, store_weights
from brainray.cli.catalog import app
from brainray.datasets.dataset import Dataset
from brainray.errors import CatalogError, FilterError, SettingsError
from brainray.settings import load_settings
from brainray.testing.places import places_below

LONG_NAME = "a-name-that-is-much-longer-than-a-column-of-a-table-on-a-terminal"


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, place in places_below(tmp_path).items():
        monkeypatch.setenv(name, place)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def models(tmp_path: Path) -> list[Model]:
    library = Library.open(load_settings())
    path = tmp_path / "packed"
    path.write_bytes(b"packed")
    sha256 = hashlib.sha256(b"packed").hexdigest()
    rows = {"train": 1, "validation": 1, "test": 1}
    library.add_data_set(Dataset(path, "d", sha256, ("a",), {"image": "image"}, rows), "files")
    library.add_platform("PyTorch [2.13]", "safetensors")
    common = {
        "modality": "image",
        "data_set": sha256,
        "optimizer": "adam",
        "platform": "PyTorch [2.13]",
        "preparation": {},
        "metrics": {"validation": 0.5},
        "weights": store_weights(library.store, "vision.shape", {"w": torch.ones(1000)}),
    }
    one = library.register(
        NewModel(
            name="lenet3.image-adam",
            kind="unimodal",
            network="lenet3.image",
            sub_region="vision.shape",
            recipe=recipe_of({"n": 1}),
            spec={"learning": {"rule": "FixMatch", "ratio": 7}},
            **common,
        )
    )
    elsewhere = store_weights(library.store, "multisensory.integration", {"w": torch.ones(1000)})
    two = library.register(
        NewModel(
            name=LONG_NAME,
            kind="fused",
            network=None,
            sub_region="multisensory.integration",
            recipe=recipe_of({"n": 2}),
            backbones=(one.id,),
            **common | {"weights": elsewhere},
        )
    )
    return [one, two]


def output(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_list_has_whole_ids_when_piped(models: list[Model]) -> None:
    command = [sys.executable, "-c", "from brainray.cli.catalog import app; app()", "list"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for model in models:
        line = next(line for line in text.splitlines() if model.id in line)
        assert "PyTorch [2.13]" in line
        assert "1,000" in line


def test_the_list_says_how_a_network_has_learned(models: list[Model]) -> None:
    (line,) = (line for line in output("list").splitlines() if "FixMatch" in line)
    assert models[0].id in line
    assert json.loads(output("show", models[0].id, "--json", "-"))["spec"]["learning"]["ratio"] == 7


def test_the_list_is_filtered(models: list[Model]) -> None:
    for filters in (
        ["--kind", "unimodal"],
        ["--network", "lenet3.image"],
        ["--sub-region", "vision.shape"],
    ):
        assert [m["id"] for m in json.loads(output("list", *filters, "--json", "-"))] == [
            models[0].id
        ]
    assert len(json.loads(output("list", "--modality", "image", "--json", "-"))) == 2
    assert json.loads(output("list", "--modality", "text", "--json", "-")) == []


def test_json_goes_to_a_file_beside_the_table(models: list[Model], tmp_path: Path) -> None:
    file = tmp_path / "out" / "models.json"
    assert models[1].id in output("list", "--json", str(file))
    assert [model["id"] for model in json.loads(file.read_text())] == sorted(m.id for m in models)


def test_json_that_cannot_be_written_is_refused(models: list[Model], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be written"):
        output("stats", "--json", str(tmp_path))


def test_one_model_is_shown(models: list[Model]) -> None:
    document = json.loads(output("show", models[1].id, "--json", "-"))
    assert document["backbones"] == [models[0].id]
    assert document["metrics"] == {"validation": 0.5}
    assert document["created"].endswith("+00:00")
    text = output("show", LONG_NAME)
    assert models[1].sha256 in text
    assert f'["{models[0].id}"]' in text


def test_unknown_names_are_refused(models: list[Model]) -> None:
    with pytest.raises(CatalogError, match="model 'nothing': not in the catalog"):
        output("show", "nothing")
    with pytest.raises(CatalogError, match="field 'kind': 'both' is not in the catalog"):
        output("list", "--kind", "both")


def test_stats_add_up(models: list[Model]) -> None:
    document = json.loads(output("stats", "--json", "-"))
    assert document["total"]["parameters"] == 2000
    assert document["by"]["region"]["vision"]["models"] == 2  # the fused one too
    assert document["counts"]["networks"] == 11
    text = output("stats")
    assert "multisensory.integration" in text
    assert "71 functions" in text


def test_models_are_searched(models: list[Model]) -> None:
    found = json.loads(output("search", "accuracy", ">=", "0.5", "--sort", "id", "--json", "-"))
    assert found["total"] == 2
    assert [m["id"] for m in found["models"]] == sorted(model.id for model in models)
    second = output("search", "--limit", "1", "--page", "2")
    assert "2 to 2 of 2 models" in second
    assert json.loads(output("search", "kind = fused", "--facets", "--json", "-"))["total"] == 1
    assert "unimodal" in output("search", "--facets")
    assert json.loads(output("stats", "kind = fused", "--json", "-"))["total"]["models"] == 1
    with pytest.raises(FilterError, match="position 8: field 'kind': 'both'"):
        output("search", "kind = both")


def test_an_empty_catalog_is_listed() -> None:
    assert json.loads(output("list", "--json", "-")) == []
    assert "0 models" in output("list")

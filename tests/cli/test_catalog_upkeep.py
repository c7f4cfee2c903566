import hashlib
import json
from pathlib import Path

import pytest
import torch
import yaml
from typer.testing import CliRunner

from brainray.catalog import Library, Model, NewModel, recipe_of, store_weights
from brainray.cli.catalog import app
from brainray.datasets.dataset import Dataset
from brainray.errors import CatalogError
from brainray.settings import load_settings
from brainray.testing.places import places_below


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    for name, place in places_below(tmp_path).items():
        monkeypatch.setenv(name, place)
    library = Library.open(load_settings())
    path = tmp_path / "packed"
    path.write_bytes(b"packed")
    sha256 = hashlib.sha256(b"packed").hexdigest()
    rows = {"train": 1, "validation": 1, "test": 1}
    library.add_data_set(Dataset(path, "d", sha256, ("a",), {"image": "image"}, rows), "files")
    return library.register(
        NewModel(
            name="lenet3.image-adam",
            kind="unimodal",
            network="lenet3.image",
            sub_region="vision.shape",
            modality="image",
            data_set=sha256,
            optimizer="adam",
            platform="PyTorch 2.13",
            preparation={"name": "grey_image"},
            recipe=recipe_of({"n": 1}),
            weights=store_weights(library.store, "vision.shape", {"w": torch.ones(10)}),
        )
    )


def call(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def test_verify_says_whether_it_is_whole(model: Model, tmp_path: Path) -> None:
    code, text = call("verify")
    assert code == 0
    assert "Nothing is damaged" in text
    assert "1 models" in text
    (tmp_path / "store" / "notes.txt").write_text("notes")
    code, text = call("verify", "--json", "-")
    document = json.loads(text)
    assert (code, document["whole"]) == (1, False)
    assert [finding["where"] for finding in document["findings"]] == ["notes.txt"]
    code, text = call("verify", "--repair", "--json", "-")
    assert code == 0
    assert [finding["where"] for finding in json.loads(text)["repaired"]] == ["notes.txt"]


def test_gc_says_what_it_removes(model: Model, tmp_path: Path) -> None:
    store_weights(Library.open(load_settings()).store, "vision.shape", {"w": torch.zeros(9)})
    assert json.loads(call("gc", "--json", "-")[1])["files"] == {}
    for options in (["--dry-run"], []):
        document = json.loads(call("gc", "--grace-hours", "0", *options, "--json", "-")[1])
        assert len(document["files"]) == 2
        assert document["size_bytes"] == sum(document["files"].values()) > 36
    assert json.loads(call("gc", "--grace-hours", "0", "--json", "-")[1])["files"] == {}


def test_a_model_is_removed(model: Model) -> None:
    document = json.loads(call("remove", "model", model.id, "--json", "-")[1])
    assert document["files"] == {model.key: model.size_bytes}
    with pytest.raises(CatalogError, match="not in the catalog"):
        call("remove", "model", model.id)
    assert call("verify")[0] == 0


def test_a_model_is_downloaded(model: Model, tmp_path: Path) -> None:
    to = tmp_path / "there"
    document = json.loads(call("download", model.id, "--to", str(to), "--json", "-")[1])
    assert hashlib.sha256(Path(document["weights"]).read_bytes()).hexdigest() == model.sha256
    card = yaml.safe_load(Path(document["card"]).read_text())
    assert (card["id"], card["sha256"], card["backbones"]) == (model.id, model.sha256, [])
    with pytest.raises(CatalogError, match="cannot be written"):
        call("download", model.id, "--to", str(tmp_path / "packed"))

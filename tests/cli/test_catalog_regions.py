"""``brainray catalog``: dictionaries and regions as a person changes them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from brainray.catalog.dictionaries import DICTIONARIES
from brainray.cli.catalog import app
from brainray.errors import CatalogError
from brainray.testing.places import places_below


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, place in places_below(tmp_path).items():
        monkeypatch.setenv(name, place)


def call(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def document(*arguments: str) -> Any:
    return json.loads(call(*arguments, "--json", "-"))


def test_every_dictionary_is_listed_and_shown() -> None:
    for what in DICTIONARIES:
        rows = document("list", what)
        assert str(len(rows)) in call("list", what).split()
        for row in rows[:1]:
            assert document("show", what, row["name"]) == row
    text = call("show", "networks", "lenet3.image")
    assert "Conv2d" in text
    with pytest.raises(CatalogError, match="dictionary 'nose': not in the catalog"):
        call("list", "nose")


def test_rows_are_added_and_removed() -> None:
    assert document("add", "region", "smell", "--description", "of air")["description"] == "of air"
    assert document("add", "region", "smell.odor")["region"] == "smell"
    function = document(
        "add", "function", "sniffing", "--sub-region", "smell.odor", "--synonym", "s"
    )
    assert function["synonyms"] == ["s"]
    assert document("add", "platform", "Torch 9", "--format", "onnx")["format"] == "onnx"
    assert document("add", "optimizer", "lion")["name"] == "lion"
    with pytest.raises(CatalogError, match=r"'smell\.odor': is in use by 1 function: sniffing"):
        call("remove", "sub-regions", "smell.odor")
    rows = ("functions sniffing", "sub-regions smell.odor", "regions smell", "optimizers lion")
    for row in rows:
        call("remove", *row.split())
    assert "smell" not in [row["name"] for row in document("list", "regions")]


def test_regions_are_moved_merged_and_split() -> None:
    names = [row["name"] for row in document("move", "vision.shape", "vision.form")]
    assert "vision.form" in names
    assert "vision.shape" not in names
    assert document("show", "sub-regions", "vision.shape")["name"] == "vision.form"
    call(
        "split",
        "vision.form",
        "--function",
        "vision.outline=shape",
        "--network",
        "vision.small=lenet3.image",
    )
    assert document("show", "functions", "shape")["sub_region"] == "vision.outline"
    assert "vision.small" in document("show", "networks", "lenet3.image")["sub_regions"]
    call("merge", "vision.outline", "vision.small", "--into", "vision.form")
    assert document("show", "functions", "shape")["sub_region"] == "vision.form"
    with pytest.raises(CatalogError, match="--function 'shape': must be PART=NAME"):
        call("split", "vision.form", "--function", "shape")

"""docs/networks.md is true: its tables and its example are compared with the code and run."""

import dataclasses
import importlib
import re
import sys
import tomllib
from pathlib import Path

import pytest
import torch

from brainray import plugins
from brainray.networks.interface import build_preparation

PAGE = (Path(__file__).parents[2] / "docs" / "networks.md").read_text(encoding="utf-8")
INPUT_SHAPES = {"(C, H, W)": (1, 64, 64), "(tokens,)": (16,)}
INPUT_TYPES = {"(C, H, W)": torch.float32, "(tokens,)": torch.int64}


def table_rows(heading: str) -> list[list[str]]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def code_block(after: str, language: str) -> str:
    return PAGE.split(after, 1)[1].split(f"```{language}\n", 1)[1].split("```")[0]


@pytest.mark.parametrize("row", table_rows("Networks"), ids=lambda row: row[0])
def test_the_table_of_networks_gives_the_taps_and_their_sizes(row):
    name, class_name, shape, taps = (cell.strip("`") for cell in row[:4])
    architecture = plugins.load("networks", name)
    assert architecture.__name__ == class_name
    inputs = torch.ones(1, *INPUT_SHAPES[shape], dtype=INPUT_TYPES[shape])
    halves = {f"{side}/{n}": 64 // n for side in "HW" for n in (2, 4, 8, 16, 32)}
    sizes = {"classes": 5, "H": 64, "W": 64, **halves}
    documented = {
        tap: tuple(sizes.get(size) or int(size) for size in dimensions.split(", "))
        for tap, dimensions in re.findall(r"`?(\w+)` \(([^)]*)\)", taps)
    }
    actual = architecture(INPUT_SHAPES[shape], 5).forward_taps(inputs)
    assert list(documented) == list(actual)
    assert documented == {tap: tuple(value.shape[1:]) for tap, value in actual.items()}


@pytest.mark.parametrize("row", table_rows("Preparations"), ids=lambda row: row[0])
def test_the_table_of_preparations_gives_every_option_and_default(row):
    preparation = build_preparation({"name": row[0].strip("`")})
    documented = dict(re.findall(r"(?:^|, )`(\w+)` ([\w.]+)", re.sub(r" \([^)]*\)", "", row[3])))
    assert documented == {
        field.name: str(getattr(preparation, field.name))
        for field in dataclasses.fields(preparation)
    }
    assert str(preparation.dtype) in row[2]


@pytest.mark.parametrize("group", ["networks", "preparations"])
def test_the_tables_are_complete(group):
    built_in = {
        name
        for name in plugins.names(group)
        if plugins.load(group, name).__module__.startswith("brainray.")
    }
    assert {row[0].strip("`") for row in table_rows(group.capitalize())} == built_in


def test_the_example_package_works_once_installed(tmp_path, monkeypatch):
    project = tomllib.loads(code_block("`pyproject.toml`:", "toml"))["project"]
    (tmp_path / "loudness.py").write_text(code_block("`loudness.py`:", "python"))
    installed = tmp_path / f"{project['name']}-{project['version']}.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    (installed / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
            for group, entries in project["entry-points"].items()
        )
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()

    names: dict[str, object] = {}
    exec(code_block("A network is then", "python"), names)
    monkeypatch.delitem(sys.modules, "loudness")

    sample, network = torch.from_numpy(names["sample"])[None], names["network"]
    assert sample.shape == (1, 32)
    assert network(sample).shape == (1, 10)
    assert {name: tuple(f.shape) for name, f in network.tap_features(sample).items()} == {
        "hidden": (1, 8),
        "logits": (1, 10),
    }

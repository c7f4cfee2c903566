"""Imports go down only, and no package stands outside the layers."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

NO_LAYER = {"brainray.testing"}
"""Fakes for tests; a contract of their own keeps them out of everything else."""


def test_the_import_contracts_are_kept(root: Path) -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert f"{len(contracts['contracts'])} kept, 0 broken" in result.stdout


@pytest.fixture
def layered(root: Path) -> list[str]:
    """Return the modules of all layers, from the top to the ground."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [name for layer in layers for name in re.split(r"\s*[|:]\s*", layer)]


def test_every_module_has_its_layer(root: Path, layered: list[str]) -> None:
    modules = {"actors", "scenarios", "serve"}
    for path in (root / "brainray").iterdir():
        if path.suffix == ".py" or (path / "__init__.py").is_file():
            modules.add(f"brainray.{path.stem}")
    assert set(layered) == modules - NO_LAYER - {"brainray.__init__"}


def test_the_page_on_architecture_draws_the_same_layers(root: Path, layered: list[str]) -> None:
    page = (root / "docs" / "architecture.md").read_text()
    picture = page.split("## The layers")[1].split("```")[1]
    assert re.split(r" \| |, |\n", picture.strip()) == layered

"""The wheel holds the four packages with all their files, and works by itself."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

PACKAGES = ("actors", "brainray", "scenarios", "serve")


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    result = subprocess.run(
        [*command, str(root)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    (built,) = folder.glob("*.whl")
    return built


def names(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_file_of_the_packages_is_in_it(wheel: Path, root: Path, files: list[Path]) -> None:
    relative = {path.relative_to(root).as_posix() for path in files}
    expected = {name for name in relative if name.partition("/")[0] in PACKAGES}
    assert {name for name in names(wheel) if ".dist-info/" not in name} == expected


@pytest.mark.parametrize(
    "name",
    [
        "scenarios/audio_visual_digits/scenario.yaml",
        "brainray/datasets/data/spoken_digits.parquet",
        "brainray/catalog/seed/functions.csv",
        "brainray/catalog/seed/networks.yaml",
        "brainray/atlas/data/rois.csv",
        "brainray/py.typed",
        "brainray/catalog/migrations/env.py",
        "brainray/catalog/migrations/versions/0001_first_tables.py",
    ],
)
def test_what_is_no_module_is_in_it(wheel: Path, name: str) -> None:
    assert name in names(wheel)


def test_its_license_is_in_it(wheel: Path) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names(wheel))


def test_it_works_where_the_repository_is_not(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    program = f"""
import sys
sys.path.insert(0, {str(site)!r})
import actors, brainray, scenarios, serve
for package in (actors, brainray, scenarios, serve):
    assert package.__file__.startswith({str(site)!r}), package.__file__
sys.argv = ["brainray", "scenarios", "list"]
from brainray.cli.main import main
main()
"""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "audio_visual_digits" in result.stdout

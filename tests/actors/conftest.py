"""Settings that actors in other processes can use; a scenario, and what a run of it gives."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from brainray.catalog import Library
from brainray.pipeline.local import local_runner
from brainray.pipeline.run import run_scenario
from brainray.scenario import Report, load_scenario
from brainray.settings import Settings
from brainray.testing.drivers import Driver
from brainray.testing.places import settings_below

SEED = 3
SCENARIO = """
name: two-texts
goal: {{target: label}}
inputs:
  left: {{modality: text, networks: [fasttext.text]}}
  right: {{modality: text, networks: [fasttext.text]}}
data: {{manifest: {manifest}}}
search: {{budget: 40, brood: 2, epochs: 4, depth: 2, finalists: 2}}
pretraining: {{epochs: 8, batch_size: 8}}
training: {{epochs: 8, batch_size: 16, workers: 2}}
"""


def new_settings(home: Path) -> Settings:
    settings = settings_below(home)
    Library.open(settings)  # as a driver does, before there are actors
    return settings


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return new_settings(tmp_path_factory.mktemp("actors"))


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two texts a sample; each tells half of the label."""
    path = tmp_path_factory.mktemp("manifest") / "two-texts.csv"
    rows = ["left,right,label"]
    for number in range(240):
        label = number % 4
        first, second = ("low", "high")[label // 2], ("even", "odd")[label % 2]
        rows.append(f"{first} filler{number % 7},{second} filler{number % 5},{label}")
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="session")
def scenario(tmp_path_factory: pytest.TempPathFactory, manifest: Path) -> Path:
    """Four networks to pretrain, twenty broods, two finalists: some seconds in all."""
    path = tmp_path_factory.mktemp("scenario") / "scenario.yaml"
    path.write_text(SCENARIO.format(manifest=manifest))
    return path


@pytest.fixture(scope="session")
def undisturbed(
    scenario: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Report, Settings]:
    """A run of the scenario in one process, with the seed 3."""
    settings = new_settings(tmp_path_factory.mktemp("undisturbed"))
    return run_scenario(load_scenario(scenario), SEED, settings, local_runner), settings


@pytest.fixture
def drive() -> Iterator[Callable[..., Driver]]:
    drivers: list[Driver] = []

    def start(*arguments: str) -> Driver:
        drivers.append(Driver(*arguments))
        return drivers[-1]

    yield start
    for driver in drivers:
        if driver.process.poll() is None:
            driver.process.kill()
            driver.process.communicate()

"""Settings that actors in other processes can use; a scenario, and what a run of it gives."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors import cluster
from actors.runner import RayRunner
from brainray.catalog import Library
from brainray.datasets.dataset import SPLITS
from brainray.datasets.source import load_dataset
from brainray.pipeline.columns import ColumnUnit
from brainray.pipeline.local import local_runner
from brainray.pipeline.run import run_scenario
from brainray.pipeline.units import PretrainUnit
from brainray.scenario import Report, load_scenario, parse_scenario
from brainray.settings import Settings
from brainray.testing.drivers import PATIENCE_SECONDS, Driver
from brainray.testing.places import settings_below
from brainray.training.loop import Recipe

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


@pytest.fixture
def runner(settings: Settings, tmp_path: Path) -> RayRunner:
    return RayRunner(settings, tmp_path, stays=True)


@pytest.fixture(scope="session")
def units(settings: Settings, manifest: Path) -> list[PretrainUnit]:
    """Six networks, of which each takes some seconds."""
    scenario = parse_scenario(
        {
            "name": "two-texts",
            "goal": {"target": "label"},
            "inputs": {"left": {"modality": "text"}, "right": {"modality": "text"}},
            "data": {"manifest": manifest},
        },
        origin="test",
    )
    dataset, source = load_dataset(
        scenario.data, {"left": "text", "right": "text"}, "label", 0, settings
    )
    library = Library.open(settings)
    library.add_data_set(dataset, source)
    spec = library.network("textcnn.text")
    return [
        PretrainUnit(
            columns={
                split: ColumnUnit(library.store, dataset.sha256, name, split, spec.preparation)
                for split in SPLITS
            },
            spec=spec,
            sub_region="language.reading",
            classes=len(dataset.classes),
            recipe=Recipe(epochs, 16, "adam", 3e-3),
            seed=0,
        )
        for name in ("left", "right")
        for epochs in (4, 16, 12)
    ]


@pytest.fixture
def wait_until_free() -> Callable[[], None]:
    """Waits until nothing holds a processor of the session's cluster."""

    def wait() -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while cluster.free_cpus() < 4:
            assert time.monotonic() < deadline, "processors are still held"
            time.sleep(0.1)

    return wait

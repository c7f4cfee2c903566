"""Networks are pretrained by Train workers that pull them from the regions' actors."""

import contextlib
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray

from actors import cluster
from actors.coordinator import NAMESPACE, region_name
from actors.runner import RayRunner
from brainray.catalog import Library
from brainray.datasets.dataset import SPLITS
from brainray.datasets.source import load_dataset
from brainray.errors import ClusterError, DataError
from brainray.pipeline.local import LocalRunner
from brainray.pipeline.units import ColumnUnit, Pretrained, PretrainUnit
from brainray.scenario import parse_scenario
from brainray.settings import Settings
from brainray.training.loop import Recipe

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.fixture
def runner(settings: Settings, tmp_path: Path) -> RayRunner:
    return RayRunner(settings, tmp_path, stays=True)


@pytest.fixture(scope="module")
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


def train_workers() -> list[int]:
    """Return the processes of Train's workers in the cluster that this process started."""
    parents, workers = {}, []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):  # a process may end meanwhile
            status, title = (entry / "status").read_text(), (entry / "cmdline").read_bytes()
            parents[int(entry.name)] = int(status.partition("PPid:")[2].split()[0])
            if title.startswith(b"ray::") and b"TrainWorker" in title:
                workers.append(int(entry.name))

    def is_own(process: int) -> bool:
        while process not in (0, os.getpid()):
            process = parents.get(process, 0)
        return process == os.getpid()

    return [worker for worker in workers if is_own(worker)]


def wait_until_free() -> None:
    deadline = time.monotonic() + 30
    while cluster.free_cpus() < 4:
        assert time.monotonic() < deadline, "processors are still held"
        time.sleep(0.1)


def test_what_is_lost_is_trained_again(
    runner: RayRunner,
    units: list[PretrainUnit],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = LocalRunner(settings).pretrain(units, None, lambda number, result: None)
    done: dict[int, Pretrained] = {}

    def on_done(number: int, result: Pretrained) -> None:
        assert threading.current_thread() is threading.main_thread()
        assert number not in done
        done[number] = result
        if len(done) == 1:  # the region forgets what it has handed out
            ray.kill(ray.get_actor(region_name("language"), namespace=NAMESPACE), no_restart=False)
        if len(done) == 2:
            workers = train_workers()
            assert len(workers) == 2
            os.kill(workers[0], signal.SIGKILL)

    canceled: list[Any] = []  # cancelling a task that has just ended can end the driver
    monkeypatch.setattr(ray, "cancel", lambda task, **options: canceled.append(task))
    assert runner.pretrain(units, 2, on_done) == wanted
    assert canceled == []
    assert done == dict(enumerate(wanted))
    wait_until_free()


def test_the_longest_are_begun_first_and_an_interrupt_ends_them_all(
    runner: RayRunner, units: list[PretrainUnit]
) -> None:
    longest = replace(units[0], recipe=replace(units[0].recipe, epochs=24))
    first: list[int] = []

    def interrupt(number: int, result: Pretrained) -> None:
        first.append(number)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.pretrain([units[0], units[3], longest], 1, interrupt)
    assert first == [2]
    wait_until_free()
    deadline = time.monotonic() + 30
    while train_workers():
        assert time.monotonic() < deadline, "workers are still there"
        time.sleep(0.1)


def test_what_cannot_be_trained_says_why_in_one_line(
    runner: RayRunner, units: list[PretrainUnit], settings: Settings
) -> None:
    spec = Library.open(settings).network("lenet3.image")
    columns = {
        split: replace(column, preparation=spec.preparation)
        for split, column in units[0].columns.items()
    }
    picture = replace(units[0], spec=spec, sub_region="vision.shape", columns=columns)
    with pytest.raises(DataError, match=r"^two-texts: row \d+, column left: .*") as error:
        runner.pretrain([units[0], picture], 2, lambda number, result: None)
    assert "\n" not in str(error.value)
    wait_until_free()


def test_no_trainer_is_started_without_need(
    runner: RayRunner, units: list[PretrainUnit], tmp_path: Path
) -> None:
    assert runner.pretrain([], None, lambda number, result: None) == []
    with pytest.raises(ClusterError, match=r"pretraining\.workers: needs 99 CPUs, the cluster"):
        runner.require(99, None, 1)
    assert list(tmp_path.iterdir()) == []

"""Whatever is killed or interrupted, a run on Ray goes on and ends as an undisturbed one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from brainray.catalog import Library
from brainray.pipeline.record import Event, Record
from brainray.pipeline.status import status_of
from brainray.scenario import Report
from brainray.settings import Settings, load_settings
from brainray.testing.processes import alive, descendants, title

COMMAND = str(Path(sys.executable).with_name("brainray"))
SEED = "3"
PATIENCE_SECONDS = 400.0


class Driver:
    """A process ``brainray run`` and its run's record.

    Args:
        arguments: of the command.
    """

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [COMMAND, "run", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.before = len(self.events())

    def events(self, kind: str | None = None) -> list[Event]:
        """Return the events of the only run."""
        folders = list(load_settings().runs.glob("*/record.jsonl"))
        return list(Record(folders[0].parent).events(kind)) if folders else []

    def wait_for(self, what: Callable[[list[Event]], Any]) -> Any:
        """Wait until something is true of the events that this driver has written."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := what(self.events()[self.before :])):
            assert self.process.poll() is None, self.error()
            assert time.monotonic() < deadline, [event["event"] for event in self.events()]
            time.sleep(0.01)
        return found

    def kill(self, title: str = "") -> None:
        """Kill the first of its processes with this title, without it the driver itself."""
        if title:
            found = self.wait_for(lambda events: descendants(self.process.pid, title))
            os.kill(found[0], signal.SIGKILL)
            return
        self.end(signal.SIGKILL)

    def end(self, number: signal.Signals) -> str:
        """Send it a signal, wait until its workers have ended, too, and return its last line."""
        workers = self.workers()
        self.process.send_signal(number)
        error = self.error()
        assert "Traceback" not in error
        deadline = time.monotonic() + PATIENCE_SECONDS
        while any(map(alive, workers)):
            assert time.monotonic() < deadline, "workers of a driver that has ended are there"
            time.sleep(0.05)
        return error.splitlines()[-1]

    def workers(self) -> list[int]:
        """Return its actors and workers; two agents of Ray's, which hold nothing, end later."""
        family = descendants(self.process.pid, "ray::")
        return [process for process in family if not title(process).endswith("Agent")]

    def error(self) -> str:
        """Return what it has written to stderr, after its end."""
        return self.process.communicate(timeout=PATIENCE_SECONDS)[1]


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


def count(events: list[Event], kind: str) -> int:
    return sum(event["event"] == kind for event in events)


def same(settings: Settings, undisturbed: tuple[Report, Settings]) -> None:
    """Assert that a catalog has what an undisturbed run makes, down to the weights' sha256."""
    report, theirs = undisturbed
    (path,) = settings.runs.glob("*/report.json")
    mine = Report.model_validate_json(path.read_text())
    assert mine.search.history == report.search.history
    assert mine.best == report.best
    assert mine.model == report.model
    models = [
        {(model.id, model.sha256) for model in Library.open(each).models()}
        for each in (settings, theirs)
    ]
    assert models[0] == models[1]


def test_whatever_is_killed_the_result_is_the_same(
    scenario: Path, undisturbed: tuple[Report, Settings], drive: Callable[..., Driver]
) -> None:
    driver = drive(str(scenario), "--seed", SEED)
    driver.kill("RayTrainWorker")
    driver.wait_for(lambda events: count(events, "pretrained"))
    driver.kill("RegionOnRay")
    driver.wait_for(lambda events: count(events, "brood") >= 2)
    driver.kill("CoordinatorOnRay")
    driver.wait_for(lambda events: count(events, "brood") >= 4)
    driver.kill()
    settings = load_settings()
    (run,) = Library.open(settings).runs()
    assert status_of(run) == "killed"

    driver = drive("--resume", run.id)
    driver.wait_for(lambda events: count(events, "brood"))
    driver.kill("ImplicitFunc")
    driver.wait_for(lambda events: count(events, "searched"))
    driver.kill("RayTrainWorker")
    error = driver.error()
    assert driver.process.returncode == 0, error
    assert not descendants(driver.process.pid)
    same(settings, undisturbed)
    assert sorted(event["index"] for event in driver.events("brood")) == list(range(20))
    (run,) = Library.open(settings).runs()
    assert run.status == "finished"
    assert json.loads((settings.runs / run.id / "report.json").read_text())["run_id"] == run.id


def test_an_interrupted_run_ends_in_order(scenario: Path, drive: Callable[..., Driver]) -> None:
    few = ("--set", "pretraining.workers=1", "--set", "training.workers=1")
    driver = drive(str(scenario), "--seed", SEED, *few)

    def interrupted(number: signal.Signals, code: int) -> str:
        last = driver.end(number)
        assert driver.process.returncode == code
        (run,) = Library.open(load_settings()).runs()
        assert last == f"brainray: stopped; go on with: brainray run --resume {run.id}"
        assert driver.events()[-1]["event"] == run.status == "stopped"
        return run.id

    driver.wait_for(lambda events: descendants(driver.process.pid, "RayTrainWorker"))
    run = interrupted(signal.SIGINT, 130)
    assert not count(driver.events(), "brood")

    driver = drive("--resume", run)
    driver.wait_for(lambda events: count(events, "brood"))
    interrupted(signal.SIGTERM, 143)
    assert not count(driver.events(), "searched")

    driver = drive("--resume", run)
    driver.wait_for(lambda events: count(events, "searched"))
    driver.wait_for(lambda events: descendants(driver.process.pid, "RayTrainWorker"))
    interrupted(signal.SIGINT, 130)
    assert not count(driver.events(), "solution")
    assert sorted(event["index"] for event in driver.events("brood")) == list(range(20))

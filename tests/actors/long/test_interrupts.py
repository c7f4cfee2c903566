"""Wherever a run on Ray is interrupted, it ends in order and goes on."""

import signal
from collections.abc import Callable
from pathlib import Path

from brainray.catalog import Library
from brainray.settings import load_settings
from brainray.testing.drivers import Driver, count
from brainray.testing.processes import descendants

SEED = "3"


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

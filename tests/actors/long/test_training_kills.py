"""A worker, the parameter server and the driver are killed in the middle of a training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch

from brainray.catalog import Library
from brainray.pipeline.local import local_runner
from brainray.pipeline.run import run_scenario
from brainray.scenario import Report, load_scenario
from brainray.settings import load_settings
from brainray.testing.drivers import Driver
from brainray.testing.places import settings_below

CHANGES = (
    "search.budget=4",
    "search.finalists=1",
    "pretraining.epochs=2",
    "pretraining.optimizers=[adam]",
    "training.epochs=150",
    "training.strategy=parameter_server",
    "training.checkpoint_seconds=0",
)
SET = [word for change in CHANGES for word in ("--set", change)]


def reached() -> int:
    """Return the epoch of the only checkpoint of a finalist's training, 0 if there is none."""
    store = Library.open(load_settings()).store
    found = 0
    for key in store.files("checkpoints/"):
        if "pretraining-" not in key and not key.endswith(".tmp"):  # those are being written
            with store.open(key) as file:
                progress = safetensors.torch.load(file.read())["progress"]
            found = max(found, json.loads(progress.numpy().tobytes())["epochs"])
    return found


def test_at_most_the_time_since_the_last_checkpoint_is_lost(
    scenario: Path, drive: Callable[..., Driver], tmp_path: Path
) -> None:
    driver = drive(str(scenario), "--seed", "3", *SET)
    kept = [0]  # epochs that a checkpoint had when something was killed

    def begun(events: list[Any]) -> list[Any]:
        return [e for e in events if e["event"] == "training" and e["begins"]]

    def further(events: list[Any]) -> bool:
        """Whether the present group has trained and written something."""
        return reached() > max(kept)

    for number, title in enumerate(("RayTrainWorker", "TrainingServer"), start=1):
        driver.wait_for(lambda events, n=number: len(begun(events)) >= n)
        driver.wait_for(further)
        kept.append(reached())
        driver.kill(title)
    driver.wait_for(lambda events: len(begun(events)) >= 3)
    driver.wait_for(further)
    kept.append(reached())
    driver.kill()
    (run,) = Library.open(load_settings()).runs()
    driver = drive("--resume", run.id)
    error = driver.error()
    assert driver.process.returncode == 0, error

    every = begun(driver.events())
    first = every[0]["training"]
    goes_on = [event["epochs"] for event in every if event["training"] == first]
    assert len(goes_on) == 4
    assert goes_on[0] == 0
    # A checkpoint is written after each epoch: what a group does again is the epoch that it was in.
    for epochs, least in zip(goes_on[1:], kept[1:], strict=True):
        assert epochs >= least > 0

    (path,) = load_settings().runs.glob("*/report.json")
    disturbed = Report.model_validate_json(path.read_text())
    wanted = load_scenario(scenario, CHANGES)
    undisturbed = run_scenario(wanted, 3, settings_below(tmp_path / "undisturbed"), local_runner)
    assert disturbed.best.genome == undisturbed.best.genome
    assert disturbed.best.validation == pytest.approx(undisturbed.best.validation, abs=0.03)
    assert disturbed.best.test == pytest.approx(undisturbed.best.test, abs=0.03)

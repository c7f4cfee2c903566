"""A training goes on where it was when a worker, a parameter server or the driver is killed."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch

from brainray.catalog import Library
from brainray.pipeline.local import local_runner
from brainray.pipeline.run import run_scenario
from brainray.scenario import Report, load_scenario
from brainray.settings import Settings, load_settings
from brainray.testing.drivers import PATIENCE_SECONDS, Driver

EPOCHS = 600
"""Enough to be killed in."""


def epochs_of(settings: Settings) -> dict[str, int]:
    """Return how far each training is, by its checkpoint."""
    store = Library.open(settings).store
    found = {}
    for key in store.files("checkpoints/"):
        with store.open(key) as file:
            progress = safetensors.torch.load(file.read())["progress"]
        found[key] = json.loads(progress.numpy().tobytes())["epochs"]
    return found


def wait_for_progress(driver: Driver, settings: Settings) -> dict[str, int]:
    """Wait until the last training has come further; nothing may ever fall back."""
    before = epochs_of(settings)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        now = epochs_of(settings)
        assert all(now[key] >= epochs for key, epochs in before.items())
        if any(now[key] > before.get(key, 0) for key in now):
            return now
        assert driver.process.poll() is None, driver.error()
        assert time.monotonic() < deadline, now
        time.sleep(0.05)


@pytest.mark.parametrize("strategy", ["all_reduce", "parameter_server"])
def test_a_training_that_is_killed_goes_on(
    strategy: str, scenario: Path, drive: Callable[..., Driver], tmp_path: Path
) -> None:
    path = tmp_path / "scenario.yaml"
    text = scenario.read_text().replace("budget: 40", "budget: 4")
    text = text.replace("finalists: 2", "finalists: 1")
    brief = text.replace(
        "\ntraining: {epochs: 8,",
        f"\ntraining: {{strategy: {strategy}, checkpoint_seconds: 0, epochs: {EPOCHS},",
    )
    assert brief != text
    path.write_text(brief)
    driver = drive(str(path), "--seed", "3")
    settings = load_settings()
    wait_for_progress(driver, settings)
    driver.kill("RayTrainWorker")
    wait_for_progress(driver, settings)
    if strategy == "parameter_server":
        driver.kill("TrainingServer")
        wait_for_progress(driver, settings)
    driver.kill()
    (run,) = Library.open(settings).runs()
    reached = epochs_of(settings)

    driver = drive("--resume", run.id)
    now = wait_for_progress(driver, settings)
    assert all(now[key] >= epochs for key, epochs in reached.items())
    error = driver.error()
    assert driver.process.returncode == 0, error
    assert epochs_of(settings) == {}
    mine = Report.model_validate_json((settings.runs / run.id / "report.json").read_text())
    theirs = run_scenario(load_scenario(path), 3, settings, local_runner)
    assert mine.best == theirs.best

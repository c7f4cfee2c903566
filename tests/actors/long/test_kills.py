"""Whatever is killed, a run on Ray goes on and ends as an undisturbed one."""

import json
from collections.abc import Callable
from pathlib import Path

from brainray.catalog import Library
from brainray.pipeline.status import status_of
from brainray.scenario import Report
from brainray.settings import Settings, load_settings
from brainray.testing.drivers import Driver, count
from brainray.testing.processes import descendants

SEED = "3"


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

"""``brainray deploy --tracking``."""

import json
from pathlib import Path

import pytest

from brainray.pipeline.local import local_runner
from brainray.pipeline.run import run_scenario
from brainray.scenario import load_scenario
from brainray.settings import load_settings
from brainray.testing.places import places_below


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in places_below(tmp_path).items():
        monkeypatch.setenv(name, value)


def test_a_tracker_is_deployed_listed_and_removed(brainray, tmp_path):
    path = tmp_path / "street.yaml"
    path.write_text("tracker: {name: sort, max_age: 3}")
    done = brainray("deploy", "--tracking", path, "--json", "-")
    assert done.code == 0, done.err
    (endpoint,) = json.loads(done.out)
    assert (endpoint["name"], endpoint["detector"], endpoint["tracker_options"]) == (
        "street",
        None,
        {"max_age": 3},
    )
    brainray("deploy", "--tracking", path, "--name", "yard")
    listed = brainray("deploy", "--list").out
    assert "given boxes + sort" in listed
    for name in ("street", "yard"):
        assert brainray("undeploy", name).code == 0
    assert "0 endpoints" in brainray("deploy", "--list").out


WALKS = """
name: walks
goal: {task: tracking}
data: {source: embedded, sequences: [walk-1]}
search: {budget: 2, brood: 2, workers: 1, detectors: [shy], min_scores: [0.3],
  trackers: {sort: {max_age: [1, 5]}}}
"""


def test_what_a_run_has_chosen_is_deployed(brainray, tmp_path):
    path = tmp_path / "walks.yaml"
    path.write_text(WALKS)
    report = run_scenario(load_scenario(path), 0, load_settings(), local_runner)
    assert "goes with a model alone" in brainray("deploy", report.run_id, "--canary", "0.5").err
    done = brainray("deploy", report.run_id, "--sequence", "walk-1", "--json", "-")
    assert done.code == 0, done.err
    (endpoint,) = json.loads(done.out)
    assert (endpoint["name"], endpoint["detector"]) == ("walks", None)  # its boxes were recorded
    assert (endpoint["tracker"], endpoint["min_score"]) == ("sort", 0.3)
    assert endpoint["tracker_options"] == report.choices["walk-1"].options
    scenarios = json.loads(brainray("scenarios", "list", "--json", "-").out)
    walks = scenarios[-1]
    assert (walks["name"], walks["task"], walks["finished_runs"]) == ("walks", "tracking", 1)
    assert walks["best"] == pytest.approx(report.overall.idf1)
    shown = json.loads(brainray("scenarios", "show", "walks", "--json", "-").out)
    assert shown["search"]["detectors"] == ["shy"]
    changed = ("--set", "search.budget=3", "--json", "-")
    assert json.loads(brainray("scenarios", "show", "walks", *changed).out)["search"]["budget"] == 3
    assert "nor was one of this name run" in brainray("scenarios", "show", "walk").err


def test_scores_of_another_goal_are_not_compared(brainray, tmp_path):
    path = tmp_path / "walks.yaml"
    path.write_text(WALKS)
    run_scenario(load_scenario(path), 0, load_settings(), local_runner)
    by_mota = load_scenario(path, ["goal.objective=mota"])
    report = run_scenario(by_mota, 0, load_settings(), local_runner)
    walks = json.loads(brainray("scenarios", "list", "--json", "-").out)[-1]
    assert walks["finished_runs"] == 2
    # It is listed as it was run last.
    assert report.overall.mota < report.overall.idf1
    assert walks["best"] == pytest.approx(report.overall.mota)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "MODEL: give one or a run, or --tracking F, or --rollback NAME, or --list"),
        (("model", "--tracking", "street.yaml"), "MODEL: give one or a run, or --tracking F"),
        (("--tracking", "none.yaml"), "none.yaml: cannot be read"),
        (("--list", "--name", "x"), "--name: goes with a MODEL or --tracking alone"),
        (("--tracking", "x.yaml", "--canary", "0.5"), "--canary: goes with a MODEL alone"),
    ],
)
def test_what_cannot_be_is_one_line(brainray, arguments, message):
    done = brainray("deploy", *arguments)
    assert done.code == 1
    assert message in done.err
    assert done.err.count("\n") == 1

"""What a scenario of tracking may say, and how it is refused."""

from pathlib import Path
from typing import Any

import pytest

from brainray.errors import PluginError, ScenarioError
from brainray.scenario import Scenario, TrackingScenario, load_scenario, parse_scenario
from brainray.scenario.tasks import CLASSIFICATION, models_of, parse_report, task_names

SMALL: dict[str, Any] = {"name": "street", "goal": {"task": "tracking"}}


def parsed(**sections: Any) -> TrackingScenario:
    scenario = parse_scenario(SMALL | sections, origin="f.yaml")
    assert isinstance(scenario, TrackingScenario)
    return scenario


def test_name_and_task_are_enough() -> None:
    scenario = parsed()
    assert scenario.goal.objective == {"idf1": 1.0}
    assert scenario.excites() == {"video": ("visual_motion", "object_recognition")}
    assert (scenario.data.source, scenario.data.split) == ("auto", "halves")


def test_a_record_says_the_same_again() -> None:
    scenario = parsed(
        goal={"task": "tracking", "objective": {"idf1": 1, "mota": 0.5}, "most_milliseconds": 5},
        data={"detections": ["/a/b.parquet"], "truth": "/a/gt.parquet", "sequences": ["x"]},
        search={"trackers": {"sort": {"max_age": [1, 3]}}, "min_scores": [0.5]},
    )
    assert parse_scenario(scenario.model_dump(mode="json"), origin="record") == scenario


def test_files_are_relative_to_the_scenario(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(
        "name: street\ngoal: {task: tracking}\n"
        "data: {input: videos, detections: [a.parquet], truth: /gt.parquet}\n"
        "detectors:\n"
        "  mine: {detector: nanodet, weights: n.onnx, options: {min_score: 0.3}}\n"
        "  far: {detector: yolov3, weights: 's3://b/y.weights', config: y.cfg}\n"
    )
    scenario = load_scenario(path)
    assert isinstance(scenario, TrackingScenario)
    assert scenario.data.input == tmp_path / "videos"
    assert scenario.data.detections == (tmp_path / "a.parquet",)
    assert scenario.data.truth == Path("/gt.parquet")
    assert scenario.detectors["mine"].arguments() == {
        "classes": ["person"],
        "weights": str(tmp_path / "n.onnx"),
        "min_score": 0.3,
    }
    assert scenario.detectors["far"].arguments() == {
        "classes": ["person"],
        "weights": "s3://b/y.weights",
        "config": tmp_path / "y.cfg",
    }


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        (
            {"goal": {"task": "tracking", "objective": "f1"}},
            "goal.objective: unknown score 'f1', allowed are idf1, mota, hota, switches",
        ),
        (
            {"goal": {"task": "tracking", "objective": {"idf1": 0}}},
            "goal.objective: the weight of idf1 must be above 0, not 0",
        ),
        (
            {"goal": {"task": "tracking", "objective": []}},
            "goal.objective: must be a score or a weight for each of several, not ()",
        ),
        ({"goal": {"task": "tracking", "metric": "idf1"}}, "goal.metric: unknown key, allowed are"),
        (
            {"data": {"split": "thirds"}},
            "data.split: Input should be 'halves' or 'sequences', not 'thirds'",
        ),
        ({"data": {"report": ["a"]}}, "data: 'report' belongs to 'split: sequences'"),
        ({"data": {"truth": "gt.parquet"}}, "data: 'truth' alone has no boxes"),
        (
            {"data": {"split": "sequences", "report": ["a"]}},
            "search.each: must be all with data.split sequences",
        ),
        ({"search": {"algorithm": "luck"}}, "search.algorithm: unknown algorithm 'luck'"),
        ({"search": {"budget": 0}}, "search.budget: Input should be greater than or equal to 1"),
        ({"detectors": {"a": {"detector": "eye"}}}, "detectors.a.detector: unknown detector 'eye'"),
        (
            {"detectors": {"a": {"detector": "hog"}}},
            "detectors: they look at pictures, give data.input",
        ),
        (
            {"inputs": {"video": {"modality": "audio"}}},
            "inputs.video.modality: must be image, not audio",
        ),
    ],
)
def test_what_is_wrong_is_named(sections: dict[str, Any], reason: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parsed(**sections)
    message = str(caught.value).removeprefix("f.yaml: ").removeprefix("the scenario: ")
    assert message.startswith(reason)
    assert "\n" not in message


def test_tasks_are_found_by_name() -> None:
    assert task_names() == ["classification", "tracking"]
    assert models_of(CLASSIFICATION).scenario is Scenario
    assert models_of("tracking").scenario is TrackingScenario
    with pytest.raises(PluginError, match=r"^problems: unknown name 'chess', allowed are tracking"):
        parse_report({"task": "chess"})


@pytest.mark.parametrize(
    ("search", "reason"),
    [
        ({"detectors": ["sdp", "frcnn", "sdp"]}, "search.detectors: 'sdp' is given twice"),
        ({"min_scores": [0.5, 0, 0.5]}, "search.min_scores: 0.5 is given twice"),
        (
            {"trackers": {"sort": {"max_age": [1, 1]}}},
            "search.trackers.sort.max_age: 1 is given twice",
        ),
    ],
)
def test_a_choice_is_given_once(search: dict[str, Any], reason: str) -> None:
    with pytest.raises(ScenarioError, match=reason):
        parsed(search=search)

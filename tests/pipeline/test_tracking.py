"""A run whose task is tracking, whole and interrupted, on people who are made up."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from brainray.catalog import Library
from brainray.errors import DataError, RunError, ScenarioError
from brainray.pipeline.local import local_runner
from brainray.pipeline.record import Record
from brainray.pipeline.run import run_scenario
from brainray.pipeline.status import recorded_scenario
from brainray.pipeline.tracking.deployment import chosen_for, definition_of, endpoint_name
from brainray.pipeline.tracking.loading import load_sequences, parts_of
from brainray.pipeline.tracking.outcome import regret_of
from brainray.pipeline.tracking.tables import command_of
from brainray.scenario import TrackingReport, TrackingScenario, load_scenario, parse_scenario
from brainray.scenario.tasks import parse_report
from brainray.scenario.tracking_report import SourceResult, TrackingScores
from brainray.settings import Settings
from brainray.testing.graphs import color_graph, model_bytes
from brainray.testing.places import settings_below
from brainray.tracking.choices import Setting
from brainray.tracking.definition import TrackingDefinition
from brainray.tracking.problem import Costs, TrackingProblem, follow
from brainray.tracking.reading import as_mot_text, read_boxes
from brainray.tracking.rows import Rows
from brainray.tracking.scores import overall, score
from brainray.tracking.walkers import walkers

SEARCH: dict[str, Any] = {
    "budget": 6,
    "brood": 2,
    "min_scores": [0, 0.4],
    "trackers": {"two_stage": {"high_score": [0.65, 0.4]}, "sort": {"max_age": [1, 5]}},
}


def scenario_of(**sections: Any) -> TrackingScenario:
    document = {
        "name": "walks",
        "goal": {"task": "tracking"},
        "data": {"source": "embedded", "sequences": ["walk-1", "walk-3"]},
        "search": SEARCH,
    }
    scenario = parse_scenario(document | sections, origin="test")
    assert isinstance(scenario, TrackingScenario)
    return scenario


def run(scenario: TrackingScenario, settings: Settings, **how: Any) -> TrackingReport:
    report = run_scenario(scenario, 5, settings, local_runner, **how)
    assert isinstance(report, TrackingReport)
    return report


def result(report: TrackingReport) -> dict[str, Any]:
    """Return what must not depend on how a run was executed."""
    document = report.model_dump(mode="json")
    for name in ("run_id", "seconds"):
        del document[name]
    del document["search"]["seconds"]
    for choice in document["choices"].values():
        del choice["milliseconds"]
    return document


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_below(tmp_path_factory.mktemp("walks"))


@pytest.fixture(scope="module")
def report(place: Settings) -> TrackingReport:
    return run(scenario_of(), place)


def test_each_sequence_gets_the_best_of_its_own_search(report: TrackingReport) -> None:
    assert list(report.choices) == ["walk-1", "walk-3"]
    assert report.search.evaluated == 12
    for name, choice in report.choices.items():
        history = [one for one in report.search.history if name in one.models]
        assert len(history) == 6
        best = max(history, key=lambda one: one.value or 0)
        assert (choice.genome, choice.tuned) == (best.genome, pytest.approx(best.value, abs=1e-6))
        assert choice.detector == best.models[name]
        assert choice.sub_region.startswith("vision.")
        assert choice.sub_region in report.pathway.sub_regions


def test_results_are_of_the_second_halves(report: TrackingReport, place: Settings) -> None:
    tracks = read_boxes(place.runs / report.run_id / "tracks.parquet")
    scores = []
    for walk in walkers():
        if walk.name in report.results:
            _, second = walk.halves()
            assert tracks[walk.name].frames_N.min() >= second.first
            scores.append(score(second.truth, tracks[walk.name]))
            assert report.results[walk.name].idf1 == pytest.approx(scores[-1].idf1)
    assert report.overall.mota == pytest.approx(overall(scores).mota)
    assert report.data["reported"] == {"walk-1": [41, 80], "walk-3": [41, 80]}


def test_regret_is_against_the_best_detector_after_the_fact(report: TrackingReport) -> None:
    for choice in report.choices.values():
        assert set(choice.sources) == {"sharp", "eager", "shy"}
        most = max(source.reported for source in choice.sources.values())
        assert choice.regret.chosen == choice.detector
        assert choice.regret.objective == pytest.approx(most - choice.reported)
        assert choice.without is not None
        assert choice.without.chosen != choice.detector


def test_regret_counts_what_another_one_has_more() -> None:
    def source(tuned: float, reported: float, mota: float) -> SourceResult:
        scores = TrackingScores(
            idf1=reported, switches=0, mota=mota, motp_distance=0, motp_overlap=1, hota=0.5
        )
        return SourceResult(code="101", genome=[], tuned=tuned, reported=reported, scores=scores)

    regret = regret_of({"a": source(0.9, 0.5, 0.4), "b": source(0.8, 0.6, 0.3)})
    assert (regret.chosen, regret.best) == ("a", "b")
    assert (regret.objective, regret.mota) == (pytest.approx(0.1), 0)


def test_recorded_boxes_are_deployed_as_given_ones(report: TrackingReport) -> None:
    choice = report.choices["walk-3"]
    assert definition_of(report, scenario_of(), "walk-3") == TrackingDefinition(
        None, {}, choice.tracker, choice.options, choice.min_score
    )
    assert endpoint_name(report, "walk-3") == "walks-walk-3"
    for sequence in (None, "walk-2"):
        with pytest.raises(ScenarioError, match="has chosen for each of walk-1, walk-3"):
            definition_of(report, scenario_of(), sequence)
    looking = report.model_copy(
        update={"choices": {"video": choice.model_copy(update={"looks": True})}}
    )
    with pytest.raises(ScenarioError, match=r"^data\.appearance: .* which were recorded"):
        definition_of(looking, scenario_of())
    together = report.model_copy(update={"choices": {"video": choice}})
    assert chosen_for(together, None) == chosen_for(together, "walk-3") == "video"
    assert endpoint_name(together, None) == "walks"


def test_a_run_leaves_report_page_pictures_and_record(
    report: TrackingReport, place: Settings
) -> None:
    folder = place.runs / report.run_id
    document = json.loads((folder / "report.json").read_text())
    assert parse_report(document) == report
    page = (folder / "report.md").read_text()
    assert "| OVERALL " in page
    assert command_of(report.choices["walk-3"]) in page
    assert "No frames of walk-1, walk-3: tracks are drawn on an empty canvas." in page
    with Image.open(folder / "tracks.png") as sheet:
        assert sheet.size == (1600, 450)
        assert len(np.unique(np.asarray(sheet).reshape(-1, 3), axis=0)) > 10
    kinds = [event["event"] for event in Record(folder).events()]
    assert kinds == [
        *("started", "data", "pathway"),
        *(["brood"] * 3 + ["searched", "solution"]) * 2,
        "finished",
    ]
    row = Library.open(place).run(report.run_id)
    assert (row.status, row.model_id) == ("finished", None)
    assert row.summary["test"] == pytest.approx(report.overall.idf1)


def test_a_killed_run_goes_on_and_ends_the_same(
    report: TrackingReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_below(tmp_path)
    value, evaluated = TrackingProblem.value, []

    def counted(self: TrackingProblem, genome: tuple[int, ...]) -> float:
        if len(evaluated) == 9:  # in the second search, in the middle of a brood
            raise KeyboardInterrupt
        evaluated.append(genome)
        return value(self, genome)

    monkeypatch.setattr(TrackingProblem, "value", counted)
    with pytest.raises(KeyboardInterrupt):
        run(scenario_of(), settings)
    (folder,) = settings.runs.iterdir()
    with (folder / "record.jsonl").open("ab") as file:
        file.write(b'{"event":"brood","ind')  # as a killed process leaves it
    again: list[tuple[int, ...]] = []

    def watched(self: TrackingProblem, genome: tuple[int, ...]) -> float:
        again.append(genome)
        return value(self, genome)

    monkeypatch.setattr(TrackingProblem, "value", watched)
    scenario, seed = recorded_scenario(Record(folder))
    assert seed == 5
    resumed = run(scenario, settings, run_id=folder.name)  # type: ignore[arg-type]
    assert result(resumed) == result(report)
    assert len(again) == 4  # of the 12; the brood that was interrupted had one


def test_changed_data_are_not_gone_on_with(
    report: TrackingReport, place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainray.tracking.walkers.PEOPLE", 7)
    with pytest.raises(RunError, match="its data have changed"):
        run(scenario_of(), place, run_id=report.run_id)


def test_one_setting_for_all_is_judged_on_other_sequences(tmp_path: Path) -> None:
    scenario = scenario_of(
        data={"source": "embedded", "split": "sequences", "report": ["walk-2"]},
        search=SEARCH | {"each": "all"},
        goal={"task": "tracking", "objective": {"mota": 1, "hota": 0.5}},
    )
    settings = settings_below(tmp_path)
    report = run(scenario, settings)
    (choice,) = report.choices.values()
    assert list(report.choices) == ["video"]
    assert choice.sequences == list(report.results) == ["walk-2"]
    assert report.data["tuned"] == {"walk-1": [1, 80], "walk-3": [1, 80]}
    assert report.overall == report.results["walk-2"]
    # Lists say a result in percent, which a sum of scores is not.
    assert "test" not in Library.open(settings).run(report.run_id).summary
    expected = report.overall.mota + 0.5 * report.overall.hota
    assert choice.reported == pytest.approx(expected)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"data": {"source": "embedded", "sequences": ["walk-9"]}},
            "data.sequences: there is no sequence 'walk-9', allowed are walk-1, walk-2, walk-3",
        ),
        (
            {"search": SEARCH | {"detectors": ["keen"]}},
            "search.detectors: 'keen' has no boxes, allowed are sharp, eager, shy",
        ),
        (
            {"search": SEARCH | {"trackers": {"sort": {"max_age": [-1]}}}},
            "search.trackers: sort: max_age is -1",
        ),
        (
            {"inputs": {"video": {"modality": "image", "functions": ["listening"]}}},
            "inputs.video.functions: they activate ",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_a_run_leaves_a_trace(
    sections: dict[str, Any], message: str, tmp_path: Path
) -> None:
    settings = settings_below(tmp_path)
    with pytest.raises(ScenarioError) as caught:
        run(scenario_of(**sections), settings)
    assert str(caught.value).startswith(message)
    assert not settings.runs.exists()


def test_without_files_it_says_which_it_needs(tmp_path: Path) -> None:
    settings = settings_below(tmp_path).model_copy(update={"data": None})
    with pytest.raises(DataError, match=r"needs gt.parquet, .* in \$BRAINRAY_DATA/mot17; or give"):
        load_sequences(scenario_of(data={"source": "files"}), settings)
    found, source = load_sequences(scenario_of(data={"source": "auto"}), settings)
    assert (source, len(found)) == ("embedded", 3)


def test_a_detector_that_lacks_a_sequence_is_left_out_there() -> None:
    walks = walkers()
    del walks[1].boxes["shy"]  # type: ignore[attr-defined]
    parts, notes = parts_of(scenario_of(), walks)
    assert [len(part.detectors) for part in parts] == [3, 2, 3]
    assert notes == ["shy cannot be chosen for walk-2: it has no boxes of walk-2."]
    together, _ = parts_of(scenario_of(search=SEARCH | {"each": "all"}), walks)
    assert [part.detectors for part in together] == [("sharp", "eager")]


def test_confidences_beyond_0_to_1_are_noted() -> None:
    walks = walkers()
    walks[1].boxes["eager"].scores_N[:] *= 100
    _, (note,) = parts_of(scenario_of(), walks)
    assert note.startswith("Confidences of eager are ")


RED_AND_GREEN = """
import numpy as np
from brainray.networks.detectors.interface import Detector, Found

class RedAndGreen(Detector):
    tags = ("one-stage",)
    classes = ("person",)

    def __init__(self, classes: list = ()) -> None:
        pass

    def _detect(self, image_HWC):
        boxes = []
        for channel in (0, 1):
            rows, columns = np.nonzero(image_HWC[:, :, channel] > 200)
            boxes.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
        return Found(np.array(boxes, dtype=float), np.full(2, 0.9), np.zeros(2, dtype=int))
"""


@pytest.fixture
def red_and_green(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with a detector, as pip would install it."""
    info = tmp_path / "package" / "red_and_green-1.0.dist-info"
    info.mkdir(parents=True)
    (tmp_path / "package" / "red_and_green.py").write_text(RED_AND_GREEN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: red_and_green\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[brainray.detectors]\nred_and_green = red_and_green:RedAndGreen\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path / "package"), *sys.path])
    importlib.invalidate_caches()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A MOT sequence of ten frames in which a red and a green person walk."""
    folder = tmp_path / "video"
    for name in ("img1", "gt", "det"):
        (folder / name).mkdir(parents=True)
    (folder / "seqinfo.ini").write_text("[Sequence]\nname=two\n")
    boxes = []
    for number in range(1, 11):
        image = np.zeros((64, 96, 3), dtype=np.uint8)
        for person, (left, top) in enumerate([(2 + 3 * number, 4), (80 - 3 * number, 36)]):
            image[top : top + 24, left : left + 10, person] = 255
            boxes.append((number, person + 1, left, top, 10, 24))
        Image.fromarray(image).save(folder / "img1" / f"{number:06}.png")
    rows = np.array(boxes, dtype=float)
    truth = Rows.of(rows[:, 0].astype(int), rows[:, 2:], ids_N=rows[:, 1].astype(int))
    (folder / "gt" / "gt.txt").write_bytes(as_mot_text(truth))
    (folder / "det" / "det.txt").write_bytes(as_mot_text(truth[::3]))
    return folder


def test_detectors_and_appearance_look_at_pictures_once(
    red_and_green: None, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_below(tmp_path / "home")
    graph = tmp_path / "colors.onnx"
    graph.write_bytes(model_bytes(color_graph()))
    scenario = scenario_of(
        data={"input": video, "appearance": str(graph)},
        detectors={"live": {"detector": "red_and_green"}},
        search=SEARCH | {"budget": 4},
    )
    costs: list[Costs] = []

    def noted(*arguments: Any, **options: Any) -> TrackingProblem:
        problem = TrackingProblem(*arguments, **options)
        costs.append(problem.costs)
        return problem

    monkeypatch.setattr("brainray.pipeline.tracking.run.TrackingProblem", noted)
    report = run(scenario, settings)
    assert report.choices["two"].detector == "live"
    # All that is looked at takes time, and what is recorded none to detect.
    assert [set(costs[0].detection), set(costs[0].looks)] == [{"live"}, {"live", "public"}]
    assert costs[0].detection["live"] > 0
    assert costs[0].looks["live"] > 0
    assert costs[0].camera == {}
    assert report.overall.mota == 1.0
    assert set(report.choices["two"].sources) == {"public", "live"}
    assert not any("No frames" in note for note in report.notes)
    folder = settings.runs / report.run_id
    with Image.open(folder / "tracks.png") as sheet:
        pixels = np.asarray(sheet)
    assert (pixels == (255, 0, 0)).all(axis=2).any()  # the red person herself
    found = definition_of(report, scenario)
    assert (found.detector, found.detector_options) == ("red_and_green", {"classes": ["person"]})
    seeing = report.choices["two"].model_copy(update={"looks": True})
    looking = report.model_copy(update={"choices": {"two": seeing}})
    assert definition_of(looking, scenario).appearance == str(graph)
    vectors = np.load(folder / "looks" / "live,two.npy")
    assert vectors.shape == (20, 3)
    assert set(vectors.argmax(axis=1)) == {0, 1}  # red and green
    # A run that goes on reads what was found.
    monkeypatch.setattr("brainray.pipeline.tracking.detecting.look", None)
    monkeypatch.setattr("brainray.pipeline.tracking.looking.see", None)
    assert result(run(scenario, settings, run_id=report.run_id)) == result(report)
    assert costs[1] == costs[0]


def test_a_picture_that_cannot_be_read_costs_the_drawing_alone(video: Path, tmp_path: Path) -> None:
    cut = video / "img1" / "000008.png"
    cut.write_bytes(cut.read_bytes()[:40])
    settings = settings_below(tmp_path / "home")
    report = run(scenario_of(data={"input": video}), settings)
    assert report.notes[-1].startswith("Tracks are not drawn on all frames: seq two, frame 8: ")
    assert (settings.runs / report.run_id / "report.md").is_file()
    assert Library.open(settings).run(report.run_id).status == "finished"


def test_a_detector_needs_pictures_and_a_name_of_its_own(
    red_and_green: None, video: Path, tmp_path: Path
) -> None:
    settings = settings_below(tmp_path / "home")
    live = {"detector": "red_and_green"}
    scenario = scenario_of(data={"input": video}, detectors={"public": live})
    with pytest.raises(ScenarioError, match=r"^detectors.public: two has recorded boxes of this"):
        run(scenario, settings)
    wrong = scenario_of(data={"input": video}, detectors={"live": live | {"options": {"depth": 3}}})
    with pytest.raises(ScenarioError, match=r"^detectors.live: red_and_green: depth is no option"):
        run(wrong, settings)
    wrong = scenario_of(data={"input": video, "appearance": "none.onnx"})
    with pytest.raises(ScenarioError, match=r"^data\.appearance: appearance none\.onnx: cannot"):
        run(wrong, settings)


def test_a_camera_is_not_seen_without_pictures_or_opencv(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_below(tmp_path / "home")
    search = SEARCH | {"trackers": {"two_stage": {"camera": [True, "pictures"]}}}
    with pytest.raises(ScenarioError, match=r"^search\.trackers: the camera .* walk-1 has none"):
        run(scenario_of(search=search), settings)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ScenarioError, match=r"^search\.trackers: .* needs OpenCV; install"):
        run(scenario_of(search=search, data={"input": video}), settings)
    assert not settings.runs.exists()


def test_the_built_in_scenario_can_be_read() -> None:
    scenario = load_scenario("multi_object_tracking", ["goal.objective=hota"])
    assert isinstance(scenario, TrackingScenario)
    assert scenario.goal.objective == {"hota": 1.0}
    assert (scenario.data.split, scenario.search.each) == ("halves", "sequence")


def test_what_a_choice_says_can_be_typed(report: TrackingReport) -> None:
    choice = report.choices["walk-1"].model_copy(
        update={"tracker": "two_stage", "min_score": 0.4, "options": {"camera": True, "max_age": 3}}
    )
    assert command_of(choice) == (
        "brainray track … --min-score 0.4 --tracker two_stage --set camera=true --set max_age=3"
    )


def test_following_takes_what_the_threshold_leaves(report: TrackingReport, place: Settings) -> None:
    """The tracks that are kept are those of the setting that is reported."""
    tracks = read_boxes(place.runs / report.run_id / "tracks.parquet")
    choice = report.choices["walk-1"]
    setting = Setting(choice.detector, choice.min_score, choice.tracker, choice.options)
    again = follow(setting, [walkers()[0].halves()[1]])
    np.testing.assert_array_equal(again.tracks["walk-1"].boxes_N4, tracks["walk-1"].boxes_N4)

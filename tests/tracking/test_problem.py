import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from brainray.errors import DataError, ScenarioError, SearchError
from brainray.search.interface import Brood
from brainray.tracking.choices import TRACKERS, Setting, TrackingCode, known_of, see_the_camera
from brainray.tracking.frames import read_frames
from brainray.tracking.problem import Costs, Objective, TrackingProblem, follow
from brainray.tracking.reading import as_mot_text, as_parquet
from brainray.tracking.rows import Rows
from brainray.tracking.scores import overall
from brainray.tracking.sequences import (
    LabelledSequence,
    labelled,
    read_mot17,
    read_sequences,
    sha256_of_sequences,
)
from brainray.tracking.walkers import walkers

IDF1 = Objective({"idf1": 1.0})


@pytest.fixture(scope="module")
def walks() -> list[LabelledSequence]:
    return walkers()


def test_a_code_means_a_detector_a_score_and_a_tracker_with_options() -> None:
    code = TrackingCode(("a", "b"), (0.0, 0.5), {"sort": {"max_age": (1, 9)}, "two_stage": {}})
    names = [gene.name for gene in code.space.genes]
    assert names == ["detector", "min_score", "tracker", "sort.max_age"]
    setting = code.decode((1, 1, 0, 1))
    assert (setting.detector, setting.min_score, setting.tracker) == ("b", 0.5, "sort")
    assert setting.options == {"max_age": 9}
    assert code.decode((0, 0, 1, 0)).options == {}


def test_options_of_another_tracker_do_not_make_another_candidate() -> None:
    code = TrackingCode(("a",), (0.0,), {"two_stage": {}, "sort": {"max_age": (1, 9)}})
    assert code.repair((0, 0, 0, 1)) == (0, 0, 0, 0)
    assert code.repair((0, 0, 1, 1)) == (0, 0, 1, 1)
    everything = TrackingCode(("a", "b"))
    generator = np.random.default_rng(0)
    for _ in range(50):
        genome = everything.space.sample(generator)
        assert everything.repair(genome) == genome
        everything.decode(genome)


def test_it_is_known_before_whether_pictures_of_the_camera_are_needed() -> None:
    assert not see_the_camera(TRACKERS)
    assert see_the_camera(
        {"sort": {}, "two_stage": {"max_age": (9,), "camera": (True, "pictures")}}
    )
    code = TrackingCode(("a",), (0.0,), {"two_stage": {"camera": (True, False, "pictures")}})
    assert code.decode((0, 0, 0, 2)).options == {"camera": "pictures"}
    with pytest.raises(ScenarioError, match="two_stage: camera is 'picture'"):
        see_the_camera({"two_stage": {"camera": (True, "picture")}})


def test_looks_are_chosen_for_trackers_that_have_a_use_for_them(
    walks: list[LabelledSequence],
) -> None:
    code = TrackingCode(("sharp",), (0.0,), {"sort": {}, "deep_sort": {"n_init": (3,)}}, looks=True)
    assert code.space.genes[-1].name == "looks"
    assert code.repair((0, 0, 0, 0, 1)) == (0, 0, 0, 0, 0)
    assert not code.decode((0, 0, 1, 0, 0)).looks
    seeing = code.decode((0, 0, 1, 0, 1))
    assert seeing.looks
    boxes = walks[0].boxes["sharp"]
    strange = replace(boxes, features_ND=np.random.default_rng(0).normal(size=(len(boxes), 64)))
    walk = replace(walks[0], boxes={"sharp": strange})
    # Nobody ever looks like before, so that boxes alone are the better guide.
    blind = replace(seeing, looks=False)
    idf1 = follow(blind, [walk]).together.idf1
    assert idf1 == follow(blind, [walks[0]]).together.idf1
    assert follow(seeing, [walk]).together.idf1 < idf1


def test_each_detector_is_tried_first_as_it_comes() -> None:
    code = TrackingCode(("a", "b"))
    starts = [code.decode(genome) for genome in code.space.warm_start]
    assert [one.detector for one in starts] == ["a", "b"]
    assert {one.tracker for one in starts} == {"two_stage"}


@pytest.mark.parametrize(
    ("trackers", "message"),
    [
        ({"sort": {"max_age": (-1,)}}, "search.trackers: sort: max_age is -1"),
        ({"sort": {"speed": (1,)}}, "search.trackers: sort: speed is no option"),
        ({"sort": {"max_age": ()}}, "search.trackers.sort.max_age: has no value"),
        ({"fast": {}}, "search.trackers: trackers: unknown name 'fast'"),
    ],
)
def test_what_no_tracker_allows_is_refused(trackers: dict[str, object], message: str) -> None:
    with pytest.raises(ScenarioError, match=f"^{message}"):
        TrackingCode(("a",), (0.0,), trackers)


def test_detectors_have_the_codes_of_the_paper_and_their_own() -> None:
    names = ("yolov3", "YOLOX-x", "SSD", "DETR", "FRCNN", "zeta", "alpha")
    known = known_of(names)
    codes = [known[name].code for name in names]
    assert codes == ["003", "005", "002", "001", "004", "102", "101"]
    assert (known["SSD"].stage, known["FRCNN"].stage) == ("one-stage", "two-stage")
    assert known["zeta"].stage is None
    live = {
        "door": "detr",
        "SSD": "yolov3",
        "frcnn-v2": "torchvision",
        "lite": "ssdlite320_mobilenet_v3_large",
        "own": "mine",
    }
    found = known_of([*live, "zeta"], live)
    codes = [found[name].code for name in (*live, "zeta")]
    assert codes == ["001", "003", "004", "002", "101", "102"]


def test_the_objective_is_the_weighted_sum_of_scores(walks: list[LabelledSequence]) -> None:
    code = TrackingCode(("sharp", "eager", "shy"))
    followed = follow(code.decode((0,) * len(code.space.genes)), walks)
    scores = followed.together
    assert scores.figures() == overall(list(followed.scores.values())).figures()
    share = scores.switches / scores.truth
    assert 0 < share < 1
    assert Objective({"switches": 1.0}).value(scores) == -share
    both = Objective({"mota": 0.5, "hota": 2.0})
    assert both.value(scores) == pytest.approx(0.5 * scores.mota + 2 * scores.hota.value)


def test_a_candidate_is_worth_the_same_in_any_brood(walks: list[LabelledSequence]) -> None:
    code = TrackingCode(("sharp", "shy"))
    problem = TrackingProblem(code, (walks[0],), IDF1)
    first, second = code.space.warm_start
    together = problem.evaluate(Brood(0, 1, (first, second)))
    assert together == problem.evaluate(Brood(3, 7, (first,))) + problem.evaluate(
        Brood(4, 9, (second,))
    )
    assert together[0] > together[1]
    solution = problem.finish([first, second])
    assert (solution.genome, solution.value) == (first, together[0])


def test_too_slow_a_candidate_fails(walks: list[LabelledSequence]) -> None:
    code = TrackingCode(("sharp", "shy"))
    slow = Costs(detection={"sharp": 1e6})
    problem = TrackingProblem(code, (walks[0],), IDF1, 1e5, slow)
    values = problem.evaluate(Brood(0, 0, code.space.warm_start))
    assert np.isnan(values[0])
    assert values[1] > 0
    history = list(zip(code.space.warm_start, values, strict=True))
    problem.check_quick(history)
    with pytest.raises(
        SearchError, match=r"goal.most_milliseconds: is 100000, but .* takes 1e\+06"
    ):
        problem.check_quick(history[:1])


def test_what_looks_at_pictures_takes_time_if_it_is_used(walks: list[LabelledSequence]) -> None:
    costs = Costs({"sharp": 30.0}, looks={"sharp": 7.0, "shy": 1.0}, camera={"sharp": 5.0})
    frames = sum(one.count for one in walks)

    def milliseconds(score: float, looks: bool = False, **options: Any) -> float:
        return costs.milliseconds(Setting("sharp", score, "two_stage", options, looks), walks)

    def boxes(score: float) -> int:
        return sum(int((one.boxes["sharp"].scores_N >= score).sum()) for one in walks)

    assert milliseconds(0.0) == 30
    assert milliseconds(0.0, camera="pictures") == 35
    # Looks of unsure boxes are not seen, nor are those of boxes that do not count.
    sure = boxes(0.65)
    assert 0 < sure < boxes(0.0)
    assert milliseconds(0.0, looks=True) == pytest.approx(30 + 7 * sure / frames)
    surest = boxes(0.9)
    assert surest < sure
    assert milliseconds(0.9, looks=True) == pytest.approx(30 + 7 * surest / frames)
    assert costs.milliseconds(Setting("unknown", 0.0, "sort", {}), walks) == 0


def test_halves_share_no_frame(walks: list[LabelledSequence]) -> None:
    whole = walks[0]
    first, second = whole.halves()
    assert (first.first, first.last, second.first, second.last) == (1, 40, 41, 80)
    assert len(first.truth) + len(second.truth) == len(whole.truth)
    assert second.boxes["shy"].frames_N.min() >= 41
    odd = labelled("odd", Rows.of(np.array([3, 7]), np.ones((2, 4))), {})
    assert [(part.first, part.last) for part in odd.halves()] == [(3, 4), (5, 7)]


def test_frames_are_those_that_are_known_whatever_their_numbers(tmp_path: Path) -> None:
    stamps = np.array([0, 33, 66, 10**12])
    boxes = Rows.of(stamps[1:3], np.ones((2, 4)))
    one = labelled("stamps", Rows.of(stamps, np.ones((4, 4))), {"there": boxes})
    assert one.numbers.tolist() == stamps.tolist()
    assert one.count == 4
    for number in (33, 99):
        Image.new("L", (8, 8)).save(tmp_path / f"{number}.png")
    (frames,) = read_frames(tmp_path).values()
    seen = replace(one, frames=frames)
    assert seen.numbers.tolist() == [0, 33, 66, 99, 10**12]
    assert seen.halves()[0].numbers.tolist() == [0, 33, 66, 99]


def test_walkers_are_always_the_same(walks: list[LabelledSequence]) -> None:
    assert sha256_of_sequences(walks) == sha256_of_sequences(walkers())
    assert sha256_of_sequences(walks) != sha256_of_sequences(walks[:2])


def test_mot_folders_bring_their_detectors_by_name(
    tmp_path: Path, walks: list[LabelledSequence]
) -> None:
    for walk in walks[:2]:
        folder = tmp_path / walk.name
        for name in ("det", "gt"):
            (folder / name).mkdir(parents=True)
        (folder / "seqinfo.ini").write_text(
            f"[Sequence]\nname={walk.name}\nimWidth=960\nimHeight=540\n", encoding="utf-8-sig"
        )
        (folder / "gt" / "gt.txt").write_bytes(as_mot_text(walk.truth))
        (folder / "det" / "det.txt").write_bytes(as_mot_text(walk.boxes["shy"]))
        (folder / "det" / "sharp.txt").write_bytes(as_mot_text(walk.boxes["sharp"]))
        (folder / "det" / "._sharp.txt").write_bytes(b"what macOS knows of it")
    extra = tmp_path / "more.parquet"
    extra.write_bytes(as_parquet({walks[0].name: walks[0].boxes["eager"]}))
    found = read_sequences(tmp_path, [extra])
    assert [one.name for one in found] == ["walk-1", "walk-2"]
    assert list(found[0].boxes) == ["public", "sharp", "more"]
    assert list(found[1].boxes) == ["public", "sharp"]
    assert found[0].size == (960, 540)
    assert len(found[0].boxes["public"]) == len(walks[0].boxes["shy"])
    with pytest.raises(DataError, match="boxes of more in seq walk-1 are there already"):
        read_sequences(tmp_path, [extra, extra])


def test_what_is_no_box_is_named(walks: list[LabelledSequence]) -> None:
    boxes = walks[0].truth.boxes_N4.copy()
    boxes[0, 2] = 0
    broken = Rows.of(walks[0].truth.frames_N, boxes)
    with pytest.raises(DataError, match=r"^seq w, detector d, frame 1: box 0: width is 0, allowed"):
        labelled("w", walks[0].truth, {"d": broken})
    boxes[0, 2] = 1e160
    broken = Rows.of(walks[0].truth.frames_N, boxes)
    with pytest.raises(DataError, match=r"^seq w, detector d, frame 1: box 0: width is 1e\+160"):
        labelled("w", walks[0].truth, {"d": broken})
    with pytest.raises(DataError, match=r"^seq w: has no ground truth$"):
        labelled("w", None, {})


def test_a_truth_in_which_nobody_counts_is_no_truth(walks: list[LabelledSequence]) -> None:
    truth = walks[0].truth
    cars = replace(truth, classes_N=np.full(len(truth), 3))
    with pytest.raises(DataError, match=r"^seq w: has no ground truth that counts: class 1"):
        labelled("w", cars, {})
    early = truth[truth.frames_N <= 20]
    whole = labelled("w", early, {"d": walks[0].boxes["shy"]})
    assert whole.count >= 40
    first = 1 + whole.count // 2
    with pytest.raises(DataError, match=rf"^seq w: frames {first} to {whole.last}, a half of it"):
        whole.halves()


def test_pictures_without_a_truth_are_named(tmp_path: Path) -> None:
    video, truth = tmp_path / "street", tmp_path / "truths.parquet"
    video.mkdir()
    Image.new("RGB", (8, 8)).save(video / "1.png")
    rows = Rows.of(np.array([1]), np.array([[0.0, 0, 4, 4]]), ids_N=np.array([1]))
    truth.write_bytes(as_parquet({"other": rows, "third": rows}))
    with pytest.raises(
        DataError, match=r"^seq street: has no ground truth; there is one of: other, third$"
    ):
        read_sequences(video, truth=truth)


@pytest.mark.data
def test_mot17_has_seven_sources_of_boxes_in_each_sequence() -> None:
    sequences = read_mot17(Path(os.environ["BRAINRAY_DATA"], "mot17"))
    assert [one.name for one in sequences] == [f"MOT17-{n:02}" for n in (2, 4, 5, 9, 10)]
    assert [one.count for one in sequences] == [600, 1050, 837, 525, 654]
    assert [len(one.boxes) for one in sequences] == [8, 8, 7, 7, 7]
    first, second = sequences[0].halves()
    assert (first.last, second.first) == (300, 301)

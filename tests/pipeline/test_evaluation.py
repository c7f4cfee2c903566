from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainray.pipeline.evaluation import BINS, CONFUSION_CLASSES, Truth, bins, evaluate
from brainray.shapes import IntArray

ROWS, CLASSES = 200, 4
numbers = st.one_of(st.floats(-1e6, 1e6), st.integers(0, 12).map(float), st.just(float("nan")))


@pytest.fixture
def truth() -> Truth:
    return Truth(
        target_N=np.arange(ROWS) % CLASSES,
        labels=[f"class {number}" for number in range(CLASSES)],
        groups=[f"recording {number // 4}" for number in range(ROWS)],
        strata={"snr_db": np.linspace(-20, 10, ROWS)},
    )


@pytest.fixture
def answers(truth: Truth) -> dict[str, IntArray]:
    """Networks that err on the first rows, in whole recordings, and name the next class there."""

    def wrong_on(rows: int) -> IntArray:
        answer_N = truth.target_N.copy()
        answer_N[:rows] = (answer_N[:rows] + 1) % CLASSES
        return answer_N

    wrong = {
        "fused": 20,
        "unimodal/image": 120,
        "unimodal/audio": 40,
        "reheaded/image": 24,
        "reheaded/audio": 28,
        "without/image": 48,
        "shuffled/image": 52,
        "without/audio": 128,
        "shuffled/audio": 132,
    }
    return {name: wrong_on(rows) for name, rows in wrong.items()}


def test_accuracies_and_gains_are_those_of_the_answers(
    truth: Truth, answers: dict[str, IntArray]
) -> None:
    evaluation = evaluate(answers, truth, 0)
    assert evaluation.accuracies["fused"].test == 0.9
    assert evaluation.accuracies["unimodal/audio"].test == 0.8
    assert (evaluation.units.by, evaluation.units.count) == ("group", 50)
    for accuracy in evaluation.accuracies.values():
        assert accuracy.interval is not None
        assert accuracy.interval[0] < accuracy.test < accuracy.interval[1]
    unimodal, reheaded = evaluation.gain.unimodal, evaluation.gain.reheaded
    assert reheaded is not None
    assert (unimodal.over, unimodal.value) == ("audio", pytest.approx(0.1))
    assert (reheaded.over, reheaded.value) == ("image", pytest.approx(0.02))
    assert unimodal.interval is not None
    assert 0 < unimodal.interval[0] < 0.1 < unimodal.interval[1]


def test_robustness_sets_a_failing_input_beside_the_others(
    truth: Truth, answers: dict[str, IntArray]
) -> None:
    robustness = evaluate(answers, truth, 0).robustness
    assert robustness["image"].missing.test == 0.76
    assert robustness["image"].shuffled.test == 0.74
    assert robustness["image"].others == {"audio": 0.8}
    assert robustness["audio"].missing.test == 0.36
    assert robustness["audio"].others == {"image": 0.4}


def test_the_confusion_matrix_has_a_row_a_truth(truth: Truth, answers: dict[str, IntArray]) -> None:
    confusion = evaluate(answers, truth, 0).confusion
    assert confusion is not None
    assert confusion.labels == list(truth.labels)
    assert confusion.counts[0] == [45, 5, 0, 0]
    assert confusion.counts[3] == [5, 0, 0, 45]
    many = Truth(truth.target_N, ["x"] * (CONFUSION_CLASSES + 1), truth.groups, {})
    assert evaluate(answers, many, 0).confusion is None


def test_strata_show_where_the_networks_err(truth: Truth, answers: dict[str, IntArray]) -> None:
    (found,) = evaluate(answers, truth, 0).strata.values()
    assert len(found) == BINS
    assert (found[0].low, found[-1].high) == (-20, 10)
    assert sum(part.rows for part in found) == ROWS
    assert found[0].fused < 0.3  # the first 20 of its 25 rows are wrong
    assert {part.fused for part in found[1:]} == {1.0}
    assert found[1].unimodal == {"image": 0.0, "audio": pytest.approx(10 / 25)}
    assert found[0].interval is not None


def test_rows_without_groups_are_units_of_their_own_and_one_group_gives_no_interval(
    truth: Truth, answers: dict[str, IntArray]
) -> None:
    alone = [f"row {number}" for number in range(ROWS)]
    by_row = evaluate(answers, Truth(truth.target_N, truth.labels, alone, {}), 0)
    assert (by_row.units.by, by_row.units.count) == ("row", ROWS)
    by_group = evaluate(answers, truth, 0)
    width = {}
    for name, evaluation in (("row", by_row), ("group", by_group)):
        interval = evaluation.accuracies["fused"].interval
        assert interval is not None
        width[name] = interval[1] - interval[0]
    assert width["group"] > 1.5 * width["row"]  # here whole groups are right or wrong
    single = evaluate(answers, Truth(truth.target_N, truth.labels, ["all"] * ROWS, {}), 0)
    assert single.accuracies["fused"].interval is single.gain.unimodal.interval is None


def test_the_same_seed_gives_the_same_intervals(truth: Truth, answers: dict[str, IntArray]) -> None:
    assert evaluate(answers, truth, 1) == evaluate(answers, truth, 1)
    assert evaluate(answers, truth, 1) != evaluate(answers, truth, 2)


@given(st.lists(numbers, max_size=300))
def test_bins_hold_every_known_row_once(values: list[float]) -> None:
    value_N = np.array(values, np.float64)
    found = bins(value_N)
    assert len(found) <= BINS
    rows = np.concatenate([rows for *_, rows in found]) if found else np.array([], int)
    assert sorted(rows) == list(np.flatnonzero(np.isfinite(value_N)))
    for low, high, rows in found:
        assert len(rows)
        assert (low <= value_N[rows]).all()
        assert (value_N[rows] <= high).all()
    assert all(below[1] <= above[0] for below, above in pairwise(found))

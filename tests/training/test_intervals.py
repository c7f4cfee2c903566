import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainray.training.intervals import RESAMPLES, difference_interval, interval, intervals

rights = st.lists(st.booleans(), min_size=2, max_size=60)
seeds = st.integers(0, 2**31)


@given(rights, seeds)
@settings(max_examples=12)
def test_an_interval_is_ordered_within_bounds_and_the_same_for_the_same_seed(
    right: list[bool], seed: int
) -> None:
    low, high = interval(right, range(len(right)), seed)
    assert 0.0 <= low <= high <= 1.0
    assert interval(right, range(len(right)), seed) == (low, high)


@given(st.integers(2, 40), st.floats(-5, 5), seeds)
@settings(max_examples=12)
def test_what_is_constant_has_no_width(rows: int, value: float, seed: int) -> None:
    low, high = interval([value] * rows, range(rows), seed)
    assert low == pytest.approx(value)
    assert high == pytest.approx(value)


@given(rights, st.integers(2, 5), seeds)
@settings(max_examples=12)
def test_copies_of_rows_add_nothing_if_they_share_a_group(
    right: list[bool], copies: int, seed: int
) -> None:
    groups = [number for number in range(len(right)) for _ in range(copies)]
    copied = np.repeat(right, copies)
    assert interval(copied, groups, seed) == pytest.approx(interval(right, range(len(right)), seed))
    # Copies taken for rows of their own feign certainty.
    low, high = interval(copied, groups, seed)
    narrow_low, narrow_high = interval(copied, range(len(copied)), seed)
    assert high - low >= narrow_high - narrow_low - 1 / len(right)


def test_the_width_for_independent_rows_is_that_of_the_normal_approximation() -> None:
    right = np.arange(2_000) % 10 > 0
    low, high = interval(right, range(2_000), 0)
    expected = 2 * 1.96 * math.sqrt(0.9 * 0.1 / 2_000)
    assert high - low == pytest.approx(expected, rel=0.08)
    assert low < 0.9 < high


def test_the_coverage_on_clustered_rows_is_near_95_percent_and_far_below_by_rows() -> None:
    generator = np.random.default_rng(1)
    trials, clusters, size = 120, 40, 6
    groups = np.repeat(np.arange(clusters), size)
    covered = covered_by_rows = 0
    for trial in range(trials):
        # Each recording has a difficulty of its own, uniform in [0, 1]: the true mean is a half.
        right = generator.random(clusters * size) < np.repeat(generator.random(clusters), size)
        low, high = interval(right, groups.tolist(), trial)
        covered += low <= 0.5 <= high
        low, high = interval(right, range(len(right)), trial)
        covered_by_rows += low <= 0.5 <= high
    assert 0.90 <= covered / trials <= 0.99
    assert covered_by_rows / trials < 0.85


def test_a_difference_is_paired() -> None:
    generator = np.random.default_rng(0)
    other = generator.random(400) < 0.7
    better = other.copy()
    better[:20] = True  # right wherever the other one is, and on some rows more
    low, high = difference_interval(better, other, range(400), 0)
    assert 0.0 <= low < (better.mean() - other.mean()) < high
    alone_low, alone_high = interval(better, range(400), 0)
    assert high - low < (alone_high - alone_low) / 2
    assert difference_interval(other, better, range(400), 0) == pytest.approx((-high, -low))


def test_columns_share_their_resamples_and_need_not_fit_into_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = {"a": np.arange(90) % 4 > 0, "b": np.arange(90) % 2 > 0}
    groups = [f"recording {number // 3}" for number in range(90)]
    together = intervals(right, groups, 7)
    assert together["b"] == interval(right["b"], groups, 7)
    monkeypatch.setattr("brainray.training.intervals.CHUNK", 30 * (RESAMPLES // 3))
    in_parts = intervals(right, groups, 7)
    assert all(in_parts[name] == pytest.approx(ends) for name, ends in together.items())


def test_unequal_groups_weigh_as_many_rows_as_they_have() -> None:
    # Two groups: every resample is one of three, of means 0, 1 / 5 and 1.
    low, high = interval([True, False, False, False, False], ["a", "b", "b", "b", "b"], 0)
    assert (low, high) == (0.0, 1.0)
    low, high = interval([True, False, False, False, False], ["a", "b", "b", "b", "b"], 0, 0.4)
    assert low == pytest.approx(0.2) or high == pytest.approx(0.2)


def test_what_has_no_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="there are 1, an interval needs at least 2"):
        interval([True, False], ["a", "a"], 0)
    with pytest.raises(ValueError, match="every column must have 3 rows"):
        interval([True, False], ["a", "b", "c"], 0)

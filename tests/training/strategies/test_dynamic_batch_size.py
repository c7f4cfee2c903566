import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainray.errors import TrainingError
from brainray.training.strategies.dynamic_batch_size import (
    DynamicBatchSize,
    apportion,
    blend,
    reweigh,
)

WEIGHTS = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=12)


@settings(deadline=None)
@given(rows=st.integers(0, 300), weights=WEIGHTS)
def test_shares_are_exact_near_their_quota_and_never_0(rows: int, weights: list[float]):
    shares = apportion(rows, np.array(weights))
    assert shares.sum() == rows
    assert (shares >= (1 if rows >= len(weights) else 0)).all()
    quota = rows * np.array(weights) / sum(weights)
    if (quota >= 1).all():
        assert (abs(shares - quota) < 1 + 1e-9).all()


@pytest.mark.parametrize(
    ("rows", "weights", "shares"),
    [
        (10, [1, 1, 1], [4, 3, 3]),
        (7, [2, 1, 1], [3, 2, 2]),
        (100, [1, 1, 1, 0.5], [29, 29, 28, 14]),
        (5, [1000, 1, 1], [3, 1, 1]),
        (1, [1, 5], [0, 1]),
    ],
)
def test_the_largest_remainders_get_what_is_left(rows, weights, shares):
    assert apportion(rows, np.array(weights, float)).tolist() == shares


def test_a_moving_average_follows_and_the_first_measurement_counts_fully():
    first = blend(None, np.array([1.0, 3.0]), 0.5)
    assert first.tolist() == [1.0, 3.0]
    assert blend(first, np.array([3.0, 3.0]), 0.5).tolist() == [2.0, 3.0]


def test_shares_change_only_for_a_gain():
    noisy = reweigh(None, np.array([1.0, 1.02, 0.99, 1.01]), 64, gain=0.03)
    assert noisy.tolist() == [1, 1, 1, 1]
    slow = reweigh(None, np.array([1.0, 1.0, 1.0, 2.0]), 64, gain=0.03)
    assert slow.tolist() == [1, 1, 1, 0.5]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"rule": "easgd"}, "rule: must be one of all_reduce, hpsgd, not 'easgd'"),
        ({"options": 3}, "options: must be a mapping, not 3"),
        ({"options": {"period": 2}}, "options.period: unknown option, all_reduce has none"),
        ({"rule": "hpsgd", "options": {"period": 0}}, "options.period: must be a whole number"),
        ({"smoothing": 0}, "smoothing: must be a number from 0.001 to 1.0, not 0"),
        ({"gain": True}, "gain: must be a number from 0.0 to 1.0, not True"),
    ],
)
def test_impossible_options_are_refused(options, reason: str):
    with pytest.raises(TrainingError) as raised:
        DynamicBatchSize(**options)
    assert str(raised.value).startswith(reason)

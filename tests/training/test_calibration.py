from math import nan

import pytest

from brainray.errors import TrainingError
from brainray.training.calibration import calibrated
from brainray.training.cluster import Slowdown
from brainray.training.simulation import simulate_epochs
from brainray.training.strategies.all_reduce import AllReduce


def test_what_was_measured_is_simulated():
    """Steps of 2 ms and 0.5 ms a row, messages of 3 ms and 10 MB a second on a link."""
    steps = [(rows, 2e-3 + 5e-4 * rows) for rows in (8, 32, 64)]
    merges = [(size, 3e-3 + 2 * 3 / 4 * size / 1e7) for size in (4, 400_000, 4_000_000)]
    slow = (Slowdown(1, 2.0),)
    cluster = calibrated(4, steps, merges, model_bytes=1e5, slowdowns=slow)
    assert cluster.row_seconds == pytest.approx(5e-4)
    assert cluster.step_seconds == pytest.approx(2e-3)
    assert cluster.latency_seconds == pytest.approx(3e-3)
    assert cluster.bytes_per_second == pytest.approx(1e7)
    (epoch,) = simulate_epochs(AllReduce, cluster, rows=640, batch_rows=128, epochs=1).epochs
    assert epoch == pytest.approx(5 * (2 * (2e-3 + 32 * 5e-4) + 3e-3 + 1.5 * 1e5 / 1e7))


def test_nothing_is_below_zero_where_measurements_are_noisy():
    steps = [(10, 0.9e-2), (20, 2.1e-2)]  # a line through them would begin below 0
    merges = [(4, 2e-3), (4_000, 1.9e-3)]
    cluster = calibrated(2, steps, merges, model_bytes=1e5)
    assert cluster.step_seconds == 0
    assert 0.9e-3 < cluster.row_seconds < 1.05e-3
    assert cluster.bytes_per_second == float("inf")
    assert 1.9e-3 < cluster.latency_seconds < 2e-3


def test_one_worker_sends_nothing():
    cluster = calibrated(1, [(1, 1.0), (2, 2.0)], [], model_bytes=1e5)
    assert cluster.merge_seconds(1.0) == 0


@pytest.mark.parametrize(
    ("steps", "merges", "message"),
    [
        ([(8, 1.0), (8, 1.1)], [(4, 1.0), (8, 1.0)], "steps: of two sizes at least"),
        ([(8, 1.0), (9, 1.1)], [], "merges: of two sizes at least"),
        (
            [(8, 1.0), (9, 0.0)],
            [(4, 1.0), (8, 1.0)],
            "steps: seconds: must .* above 0, not 0.0",
        ),
        (
            [(8, 1.0), (9, nan)],
            [],
            "steps: seconds: must be a finite number .* not nan",
        ),
        ([(-8, 1.0), (9, 1.0)], [], "steps: size: must be a finite number of at least 0, not -8"),
        ([(8, 1.0), (9,)], [], "steps: must be pairs of a size and its seconds"),
        ([1, 2], [], "steps: must be pairs of a size and its seconds, not 1"),
        ([(8, 1.0), (9, 1.1)], [(nan, 1.0), (8, 1.0)], "merges: size: must be a finite number"),
    ],
)
def test_too_few_measurements_are_refused(steps, merges, message: str):
    with pytest.raises(TrainingError, match=message):
        calibrated(2, steps, merges, model_bytes=1.0)


@pytest.mark.parametrize(
    ("workers", "model_bytes", "message"),
    [
        (0, 1.0, "^workers: must be a whole number from 1 to 1024, not 0$"),
        (1, -1.0, "^model_bytes: must be a finite number of at least 0, not -1.0$"),
        (2, nan, "^model_bytes: must be a finite number of at least 0, not nan$"),
    ],
)
def test_impossible_clusters_are_refused(workers: int, model_bytes: float, message: str):
    measured = [(1, 1.0), (2, 2.0)]
    with pytest.raises(TrainingError, match=message):
        calibrated(workers, measured, measured, model_bytes)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_slowdown_of_a_worker_that_is_not_there_is_refused(workers: int):
    measured = [(1, 1.0), (2, 2.0)]
    with pytest.raises(TrainingError, match=f"^slowdowns: worker: .* to {workers - 1}, not 3$"):
        calibrated(workers, measured, measured, 1.0, (Slowdown(3, 2.0),))

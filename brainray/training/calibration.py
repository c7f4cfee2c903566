"""From a few measured steps and messages to the cluster that a simulation needs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brainray.errors import TrainingError
from brainray.training.cluster import MOST_WORKERS, Cluster, Slowdown, check_slowdowns
from brainray.training.options import above, at_least, whole

Samples = Sequence[tuple[float, float]]
"""Pairs of a size, at least 0, and the seconds that it took, above 0."""


def calibrated(
    workers: int,
    steps: Samples,
    merges: Samples,
    model_bytes: float,
    slowdowns: tuple[Slowdown, ...] = (),
) -> Cluster:
    """Return the cluster on which steps and messages take what was measured.

    Lines are fitted by least squares of the relative error: a step takes something by itself and
    something a row, a message a latency and something a byte.

    Args:
        workers: of the cluster, 1 to 1,024.
        steps: rows of a step on one worker, and its seconds without any exchange; of two sizes
            at least.
        merges: bytes of a message that all these workers reduced, and the seconds; of two sizes
            at least. Not used with one worker.
        model_bytes: size of all parameters.
        slowdowns: that these workers are to suffer.

    Raises:
        TrainingError: there are less than two sizes, a size below 0 or a time that is not above
            0, or another argument is impossible; see `Cluster`.
    """
    whole("workers", workers, 1, MOST_WORKERS)
    step_seconds, row_seconds = _line("steps", steps)
    check_slowdowns(slowdowns, workers)
    if workers == 1:
        return Cluster(1, row_seconds, step_seconds, model_bytes=model_bytes, slowdowns=slowdowns)
    latency_seconds, byte_seconds = _line("merges", merges)
    # Of a ring's all-reduce, which `Cluster.merge_seconds` takes it for.
    on_the_link = 2 * (workers - 1) / workers
    return Cluster(
        workers,
        row_seconds,
        step_seconds,
        latency_seconds,
        on_the_link / byte_seconds if byte_seconds > 0 else float("inf"),
        model_bytes,
        slowdowns,
    )


def _line(what: str, samples: Samples) -> tuple[float, float]:
    """Return the intercept and the slope of a line, neither below 0."""
    for sample in samples:
        if not isinstance(sample, Sequence) or len(sample) != 2:
            raise TrainingError(f"{what}: must be pairs of a size and its seconds, not {sample!r}")
        at_least(f"{what}: size", sample[0], 0)
        above(f"{what}: seconds", at_least(f"{what}: seconds", sample[1], 0), 0)
    size_N, seconds_N = np.array(samples, np.float64).reshape(-1, 2).T
    if len(set(size_N.tolist())) < 2:
        raise TrainingError(f"{what}: of two sizes at least must be measured")
    weighted = np.stack([1 / seconds_N, size_N / seconds_N], axis=1)
    one_N = np.ones(len(seconds_N))
    intercept, slope = np.linalg.lstsq(weighted, one_N)[0].tolist()
    if intercept < 0:
        return 0.0, _through_zero(weighted[:, 1])
    if slope < 0:
        return _through_zero(weighted[:, 0]), 0.0
    return intercept, slope


def _through_zero(column_N: NDArray[np.float64]) -> float:
    """Return the factor that brings a column nearest to ones."""
    return float(column_N.sum() / (column_N @ column_N))

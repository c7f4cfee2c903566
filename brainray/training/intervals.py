"""Confidence intervals of what a test split says, by the cluster bootstrap.

Rows that share a source (a recording, a speaker) are not independent: they are right or wrong
together. Taken for independent they would give intervals that are too narrow. So whole groups of
rows are drawn with replacement, as many as there are, and the statistic is computed on each such
resample; the interval lies between the percentiles of these values (Efron & Tibshirani, *An
Introduction to the Bootstrap*, 1993, chapters 8.3 and 13.3; clusters: Davison & Hinkley,
*Bootstrap Methods and their Application*, 1997, chapter 3.8). It says how the result would vary
over other groups; not how it would vary over seeds of the training. Where all rows are alike, as
where every answer is right, its width is zero.
"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainray.seeding import numpy_generator

RESAMPLES = 2_000
COVERAGE = 0.95
CHUNK = 2_000_000
"""How many draws are held in memory at a time."""


def interval(
    values_N: ArrayLike, groups: Sequence[Hashable], seed: int, coverage: float = COVERAGE
) -> tuple[float, float]:
    """Return the interval of the mean of some values; see `intervals`."""
    return intervals({"": np.asarray(values_N)}, groups, seed, coverage)[""]


def difference_interval(
    right_N: ArrayLike,
    other_N: ArrayLike,
    groups: Sequence[Hashable],
    seed: int,
    coverage: float = COVERAGE,
) -> tuple[float, float]:
    """Return the interval of one network's accuracy minus another's, on the same rows.

    The difference is paired: it is taken row by row before groups are drawn.

    Args:
        right_N: whether the one network is right, by row.
        other_N: whether the other one is.
        groups: of each row.
        seed: of the resamples.
        coverage: as in `intervals`.
    """
    difference_N = np.asarray(right_N, np.float64) - np.asarray(other_N, np.float64)
    return interval(difference_N, groups, seed, coverage)


def intervals(
    values: Mapping[str, ArrayLike],
    groups: Sequence[Hashable],
    seed: int,
    coverage: float = COVERAGE,
) -> dict[str, tuple[float, float]]:
    """Return the percentile intervals of the means of several columns, on the same resamples.

    Args:
        values: columns of numbers or booleans, each `(N,)`.
        groups: of each row: rows with equal groups are drawn together; a name of its own makes
            a row a group. At least two different ones.
        seed: of the resamples.
        coverage: the share of such intervals that would hold the true mean, in (0, 1).

    Returns:
        The lower and the upper end, by column.

    Raises:
        ValueError: there are fewer than two groups, or columns of another length.
    """
    numbers: dict[Hashable, int] = {}
    group_N = np.array([numbers.setdefault(group, len(numbers)) for group in groups], np.int64)
    if len(numbers) < 2:
        raise ValueError(f"groups: there are {len(numbers)}, an interval needs at least 2")
    columns = [np.ones(len(group_N)), *(np.asarray(v, np.float64) for v in values.values())]
    if any(column.shape != group_N.shape for column in columns):
        raise ValueError(f"values: every column must have {len(group_N)} rows, as groups has")
    # Rows and sums of values of each group: all that a resample's mean needs, shape (G, 1 + K).
    sums_KG = [np.bincount(group_N, column) for column in columns]
    sums_GK = np.stack(sums_KG, axis=1).astype(np.float64)
    means_RK = _resampled(sums_GK, numpy_generator(seed, "bootstrap"))
    tail = (1 - coverage) / 2
    low_K, high_K = np.quantile(means_RK, [tail, 1 - tail], axis=0)
    return {
        name: (float(low), float(high))
        for name, low, high in zip(values, low_K, high_K, strict=True)
    }


def _resampled(sums_GK: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Return the means of every resample, shape `(RESAMPLES, K - 1)`."""
    count = len(sums_GK)
    step = max(1, CHUNK // count)
    means = []
    for start in range(0, RESAMPLES, step):
        rows = min(step, RESAMPLES - start)
        # How often each group is drawn: a multinomial weight.
        drawn_RG = generator.integers(count, size=(rows, count))
        drawn_RG += count * np.arange(rows)[:, None]
        weights_RG = np.bincount(drawn_RG.ravel(), minlength=rows * count).reshape(rows, count)
        sums_RK = weights_RG @ sums_GK
        means.append(sums_RK[:, 1:] / sums_RK[:, :1])
    return np.concatenate(means)

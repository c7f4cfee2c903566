"""Means over seeds, and intervals by recording over all of them."""

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_visual_digits.workbench import Result
from brainray.training.intervals import interval


def right(result: Result, network: str) -> NDArray[np.float64]:
    """Return whether a network is right on every test row, 0 or 1."""
    answers = result.answers
    target_N = np.array(answers["target"].to_pylist())
    right_N: NDArray[np.bool_] = target_N == np.array(answers[network].to_pylist())
    return right_N.astype(np.float64)


def accuracy(result: Result, network: str) -> float:
    """Return a network's test accuracy in percent."""
    return 100 * float(right(result, network).mean())


def better(result: Result, kind: str) -> str:
    """Return which network of a kind, one an input, is better on the test rows."""
    names = [f"{kind}/{name}" for name in ("image", "audio")]
    return max(names, key=lambda name: accuracy(result, name))


def mean_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Return mean and standard deviation; None for the latter of one value."""
    return round(mean(values), 2), round(stdev(values), 2) if len(values) > 1 else None


def difference(results: Sequence[Result], others: Sequence[str]) -> dict[str, Any]:
    """Return fused minus another network of the same runs, in points; see `pooled`.

    Args:
        results: of the runs.
        others: the network to compare with, for each of them.
    """
    pairs = zip(results, others, strict=True)
    return pooled(results, [right(r, "fused") - right(r, other) for r, other in pairs])


def between(results: Sequence[Result], others: Sequence[Result], network: str) -> dict[str, Any]:
    """Return a network of some runs minus that of others on the same rows; see `pooled`."""
    pairs = zip(results, others, strict=True)
    return pooled(results, [right(r, network) - right(other, network) for r, other in pairs])


def pooled(results: Sequence[Result], values: Sequence[NDArray[np.float64]]) -> dict[str, Any]:
    """Return the mean over all rows in points, and its 95 % interval by recording.

    A recording of one run's data is a group of its own: another seed mixes and splits it anew.
    """
    groups = [
        f"{i}/{group}" for i, r in enumerate(results) for group in r.answers["group"].to_pylist()
    ]
    low, high = interval(np.concatenate(values), groups, seed=0)
    return {
        "points": round(100 * float(np.mean([value.mean() for value in values])), 2),
        "interval": [round(100 * low, 2), round(100 * high, 2)],
    }

"""Settings chosen on other clusters of terms, and intervals over clusters.

Letters: S settings, N samples, each of a cluster.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from brainray.atlas.interface import Floats
from brainray.seeding import numpy_generator
from brainray.training.intervals import interval

FOLDS = 5

Settings = TypeVar("Settings")


def folds(cluster_N: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the fold of each sample; a cluster is in one fold."""
    named = np.unique(cluster_N)
    dealt = numpy_generator(0, "folds").permutation(len(named)) % FOLDS
    return np.asarray(dealt[np.searchsorted(named, cluster_N)])


def nested(scores: Mapping[Settings, Floats], cluster_N: NDArray[np.intp]) -> Floats:
    """Return the score of each sample with the settings that are best on the other folds.

    Args:
        scores: of every sample, by settings; of equally good ones the first is taken.
        cluster_N: of the samples.
    """
    score_SN = np.stack(list(scores.values()))
    fold_N = folds(cluster_N)
    chosen_N = np.empty(score_SN.shape[1])
    for fold in range(FOLDS):
        others = fold_N != fold
        best = int(score_SN[:, others].mean(axis=1).argmax())
        chosen_N[~others] = score_SN[best, ~others]
    return chosen_N


def summary(
    method: str, score_N: Floats, cluster_N: NDArray[np.intp], reference_N: Floats | None = None
) -> dict[str, Any]:
    """Return a row: the mean with its 95 % interval, and the gain over a reference with its own.

    Intervals are bootstrapped over clusters; the gain is paired by sample.
    """
    row: dict[str, Any] = {
        "method": method,
        "value": round(float(score_N.mean()), 4),
        "interval": _rounded(interval(score_N, cluster_N.tolist(), seed=0)),
    }
    if reference_N is not None:
        gain_N = score_N - reference_N
        row["gain"] = round(float(gain_N.mean()), 4)
        row["gain_interval"] = _rounded(interval(gain_N, cluster_N.tolist(), seed=0))
    return row


def _rounded(pair: tuple[float, float]) -> list[float]:
    return [round(value, 4) for value in pair]

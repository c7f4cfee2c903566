"""How activation spreads over a connectome: a random walk with restart.

``a = (1 - alpha) sum_t alpha^t S^t s``, with ``S = D^-1/2 W D^-1/2`` of a connectome ``W`` and a
stimulus ``s`` (Zhou et al. 2003, Learning with Local and Global Consistency, eq. 4; the use for
brain networks after Cole et al. 2016, Activity flow over resting-state networks). The sum is
linear in ``s``, non-negative and grows with it.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from brainray.atlas.interface import Floats

PRECISION = 1e-8
"""What is left out of the sum, relative to the stimulus."""


def spread(
    passing_RR: csr_array,
    stimulus_RN: Floats,
    alpha: float,
    within_R: NDArray[np.bool_] | None = None,
) -> Floats:
    """Return the activation by each stimulus.

    The number of terms depends on ``alpha`` alone, so that the result is exactly linear.

    Args:
        passing_RR: of `brainray.atlas.connectome.passing`.
        stimulus_RN: at least 0; shape `(R,)`, or `(R, N)` for several at once.
        alpha: how much of the activation goes on at each step, in [0, 1).
        within_R: the ROIs that may be active; activation takes no way through the others.

    Returns:
        at least 0, the shape of the stimulus.
    """
    inside = np.ones(len(stimulus_RN)) if within_R is None else within_R.astype(np.float64)
    inside = inside.reshape(-1, *[1] * (stimulus_RN.ndim - 1))
    source = (1 - alpha) * inside * stimulus_RN
    active = source
    for _ in range(_terms(alpha)):
        active = alpha * inside * (passing_RR @ active) + source
    return active


def _terms(alpha: float) -> int:
    return 0 if alpha == 0 else math.ceil(math.log(PRECISION) / math.log(alpha))

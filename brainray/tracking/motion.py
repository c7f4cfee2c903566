"""The camera's motion between two frames, from pairs of points.

Where a camera pans or shakes, all boxes leave their predictions in the same way, and so does what
is behind them (`brainray.tracking.camera`). A similarity transform (turn, zoom, shift) is fitted to
such pairs; objects that walk on their own are outliers, which iterated weights leave out. Points
are complex numbers, x + iy, so the transform is ``turn * point + shift`` and its least squares have
a closed form.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.complex128]

ROUNDS = 4
"""Of weighting: the weights hardly change afterwards."""
SAME_PLACE = 1e-6
"""Points nearer to each other than this part of what counts as near are in one place."""


@dataclass(frozen=True)
class Similarity:
    """A similarity transform of the picture plane.

    Attributes:
        turn: a complex factor; its size is the zoom, its angle the turn.
        shift: in pixels.
    """

    turn: complex
    shift: complex

    def __call__(self, points_N: Points) -> Points:
        """Return moved points."""
        return self.turn * points_N + self.shift

    def then(self, other: "Similarity") -> "Similarity":
        """Return the transform that does this one first and the other one after it."""
        return Similarity(other.turn * self.turn, other.turn * self.shift + other.shift)


STILL = Similarity(1.0 + 0.0j, 0.0j)
"""Of a camera that does not move."""


def fit_similarity(from_K: Points, to_K: Points, scale_K: NDArray[np.float64]) -> Similarity:
    """Fit a transform that takes most points to their partners.

    Args:
        from_K: points in pixels, at least one.
        to_K: their partners.
        scale_K: what counts as near for each pair, in pixels: e.g. a part of the object's height.
    """
    way_K = to_K - from_K
    shift = complex(*np.median([way_K.real, way_K.imag], axis=1))
    turn = 1.0 + 0.0j
    for _ in range(ROUNDS):
        error_K = np.abs(turn * from_K + shift - to_K) / scale_K
        weight_K = 1 / (1 + error_K**2) ** 2 / scale_K**2  # Geman and McClure's, 1987
        weight_K /= weight_K.sum()
        middle, goal = complex(weight_K @ from_K), complex(weight_K @ to_K)
        arm_K = from_K - middle
        reach = float(weight_K @ np.abs(arm_K) ** 2)
        # Points in one place, but for rounding, tell of a shift alone.
        if reach > (SAME_PLACE * float(scale_K.min())) ** 2:
            turn = complex((weight_K * arm_K.conj()) @ (to_K - goal)) / reach
        shift = goal - turn * middle
    return Similarity(turn, shift)

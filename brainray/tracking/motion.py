"""The camera's motion between two frames, seen in the boxes themselves.

Where a camera pans or shakes, all boxes leave their predictions in the same way. A similarity
transform (turn, zoom, shift) is fitted to pairs of predictions and detections; objects that walk on
their own are outliers, which iterated weights leave out. Points are complex numbers, x + iy, so the
transform is ``turn * point + shift`` and its least squares have a closed form.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.complex128]

ROUNDS = 4
"""Of weighting: the weights hardly change afterwards."""


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


def fit_similarity(from_K: Points, to_K: Points, scale_K: NDArray[np.float64]) -> Similarity:
    """Fit a transform that takes most points to their partners.

    Args:
        from_K: points in pixels, at least one.
        to_K: their partners.
        scale_K: what counts as near for each pair, in pixels: a part of the object's height.
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
        if reach > 0:  # points in one place tell of a shift alone
            turn = complex((weight_K * arm_K.conj()) @ (to_K - goal)) / reach
        shift = goal - turn * middle
    return Similarity(turn, shift)

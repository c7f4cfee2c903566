"""Which detection belongs to which track: overlaps, and assignments of the least cost."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from brainray.shapes import IntArray
from brainray.tracking.interface import Boxes

Matrix = NDArray[np.float64]


def overlaps(first_N4: Boxes, second_M4: Boxes) -> Matrix:
    """Return the intersection over union of each box with each other one, in [0, 1], `(N, M)`."""
    shared_NM, union_NM = _shared_and_union(first_N4, second_M4)
    result: Matrix = shared_NM / union_NM
    return result


def generalized_overlaps(first_N4: Boxes, second_M4: Boxes) -> Matrix:
    """Return GIoU, in (-1, 1], `(N, M)`: below 0 it still says how far apart boxes are.

    Rezatofighi et al., CVPR 2019, Algorithm 1.
    """
    shared_NM, union_NM = _shared_and_union(first_N4, second_M4)
    first_N14, second_1M4 = first_N4[:, None], second_M4[None]
    near_NM2 = np.minimum(first_N14[..., :2], second_1M4[..., :2])
    far_NM2 = np.maximum(
        first_N14[..., :2] + first_N14[..., 2:], second_1M4[..., :2] + second_1M4[..., 2:]
    )
    hull_NM = np.prod(far_NM2 - near_NM2, axis=2)
    result: Matrix = shared_NM / union_NM - (hull_NM - union_NM) / hull_NM
    return result


def _shared_and_union(first_N4: Boxes, second_M4: Boxes) -> tuple[Matrix, Matrix]:
    left, top, width, height = first_N4.T[:, :, None]
    other_left, other_top, other_width, other_height = second_M4.T[:, None]
    wide = np.minimum(left + width, other_left + other_width)
    wide -= np.maximum(left, other_left)
    high = np.minimum(top + height, other_top + other_height)
    high -= np.maximum(top, other_top)
    shared = np.maximum(wide, 0, out=wide)
    shared *= np.maximum(high, 0, out=high)
    return shared, width * height + other_width * other_height - shared


def enlarged(boxes_N4: Boxes, by: float) -> Boxes:
    """Return boxes that are wider and higher by ``by`` of their size on each side.

    So objects that moved further than their width still overlap (Yang et al., C-BIoU, WACV 2023).
    """
    grown_N4 = boxes_N4.copy()
    grown_N4[:, :2] -= by * boxes_N4[:, 2:]
    grown_N4[:, 2:] *= 1 + 2 * by
    return grown_N4


def assign(value_NM: Matrix, least: float) -> tuple[IntArray, IntArray]:
    """Pair rows and columns so that the sum of values is the largest, then drop poor pairs.

    Args:
        value_NM: how well each row fits each column, finite.
        least: a pair of a lower value is dropped.

    Returns:
        Rows and columns of the pairs, rising by row, each at most once, both of shape `(K,)`.
    """
    rows_K, columns_K = linear_sum_assignment(value_NM, maximize=True)
    good_K = value_NM[rows_K, columns_K] >= least
    return rows_K[good_K], columns_K[good_K]

"""Which detection belongs to which track: overlaps, and assignments of the least cost."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from brainray.shapes import IntArray
from brainray.tracking.crowds import Pairs, blocks, gathered, is_crowd
from brainray.tracking.interface import Boxes

Matrix = NDArray[np.float64]
Values = Matrix | Pairs
"""What each row and each column are worth together; of crowds only some pairs are kept."""


def overlaps(first_N4: Boxes, second_M4: Boxes) -> Matrix:
    """Return the intersection over union of each box with each other one, in [0, 1], `(N, M)`."""
    shared_NM, union_NM = _shared_and_union(first_N4, second_M4)
    result: Matrix = shared_NM / union_NM
    return result


def compared(first_N4: Boxes, second_M4: Boxes) -> Values:
    """Return `overlaps`; of crowds those that are above 0.

    Raises:
        DataError: too many of a crowd overlap.
    """
    if not is_crowd(len(first_N4), len(second_M4)):
        return overlaps(first_N4, second_M4)

    def found() -> Iterator[tuple[IntArray, IntArray, Matrix]]:
        left_N, left_M = first_N4[:, 0], second_M4[:, 0]
        for rows, near in blocks(left_N, left_N + first_N4[:, 2], left_M, left_M + second_M4[:, 2]):
            value_RM = overlaps(first_N4[rows], second_M4[near])
            row_P, column_P = np.nonzero(value_RM)
            yield rows[row_P], near[column_P], value_RM[row_P, column_P]

    return gathered(found(), (len(first_N4), len(second_M4)), 0.0)


def weighed(value_NM: Values, row_N: Matrix, column_M: Matrix) -> Values:
    """Return values times a factor of their row and one of their column, 0 or more each."""
    if isinstance(value_NM, Pairs):
        values_P = value_NM.values_P * column_M[value_NM.columns_P] * row_N[value_NM.rows_P]
        return replace(value_NM, values_P=values_P)
    return value_NM * column_M * row_N[:, None]


def alike(
    value_NM: Values, looks_ND: Matrix, features_MD: Matrix, near: float, least: float
) -> Values:
    """Return values, those of near pairs that look alike being raised to how alike they are.

    Aharon et al., BoT-SORT, 2022, section 3.3, with 1 - distance in place of distances.

    Args:
        value_NM: overlaps.
        looks_ND: unit vectors of the rows.
        features_MD: unit vectors of the columns.
        near: overlap above which looks count.
        least: cosine above which a pair looks alike.
    """
    if isinstance(value_NM, Pairs):
        looks_PD, features_PD = looks_ND[value_NM.rows_P], features_MD[value_NM.columns_P]
        cosine_P = np.einsum("pd,pd->p", looks_PD, features_PD)
        return replace(value_NM, values_P=_raised(value_NM.values_P, cosine_P, near, least))
    return _raised(value_NM, looks_ND @ features_MD.T, near, least)


def _raised(value: Matrix, cosine: Matrix, near: float, least: float) -> Matrix:
    counts = (value > near) & (cosine > least)
    return np.where(counts, np.maximum(value, (1 + cosine) / 2), value)


def units(features_MD: NDArray[np.floating[Any]]) -> Matrix:
    """Return vectors of length 1; a vector of zeros stays, and is far from everything."""
    features_MD = features_MD.astype(np.float64)
    length_M1 = np.linalg.norm(features_MD, axis=1, keepdims=True)
    units_MD: Matrix = features_MD / np.where(length_M1 > 0, length_M1, 1)
    return units_MD


def mutual(value_NM: Values, least: float) -> tuple[IntArray, IntArray]:
    """Return pairs above a value, each of which is the best one of its row and its column."""
    if isinstance(value_NM, Pairs):
        return value_NM.mutual(least)
    best_N = value_NM.argmax(axis=1)
    rows_K = np.flatnonzero(
        (value_NM.argmax(axis=0)[best_N] == np.arange(len(best_N))) & (value_NM.max(axis=1) > least)
    )
    return rows_K, best_N[rows_K]


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


def assign(value_NM: Values, least: float) -> tuple[IntArray, IntArray]:
    """Pair rows and columns so that the sum of values is the largest, then drop poor pairs.

    Args:
        value_NM: how well each row fits each column, finite.
        least: a pair of a lower value is dropped; of `Pairs` also every one that is not in them.

    Returns:
        Rows and columns of the pairs, rising by row, each at most once, both of shape `(K,)`.
    """
    if isinstance(value_NM, Pairs):
        rows_K, columns_K, values_K = value_NM.assigned()
    else:
        rows_K, columns_K = linear_sum_assignment(value_NM, maximize=True)
        values_K = value_NM[rows_K, columns_K]
    good_K = values_K >= least
    return rows_K[good_K], columns_K[good_K]

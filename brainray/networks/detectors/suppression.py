"""Non-maximum suppression: of boxes that mean the same object, the surest is kept."""

import numpy as np

from brainray.networks.detectors.interface import Floats
from brainray.shapes import IntArray

MOST_CANDIDATES = 1000
"""Of an image. Each is compared with each, so the surest are taken first."""


def suppress(boxes_K4: Floats, scores_K: Floats, classes_K: IntArray, overlap: float) -> IntArray:
    """Return the indices of the boxes that stay, of falling scores.

    The surest box of a class removes all of its class that overlap with it by more than
    ``overlap``, then the surest of the others does, and so on.

    Args:
        boxes_K4: left, top, right, bottom.
        scores_K: by which they are sorted; of equal ones the first comes first.
        classes_K: boxes of different classes never remove each other.
        overlap: IoU, 0 to 1; with 1 all stay.
    """
    order_K = np.argsort(-scores_K, kind="stable")[:MOST_CANDIDATES]
    same_KK = classes_K[order_K, None] == classes_K[order_K]
    rivals_KK = same_KK & (ious(boxes_K4[order_K], boxes_K4[order_K]) > overlap)
    stays_K = np.ones(len(order_K), dtype=bool)
    for surest in range(len(order_K)):
        if stays_K[surest]:
            stays_K[surest + 1 :] &= ~rivals_KK[surest, surest + 1 :]
    kept: IntArray = order_K[stays_K]
    return kept


def ious(boxes_N4: Floats, boxes_M4: Floats) -> Floats:
    """Return the intersection over union of each box with each, `(N, M)`; 0 for empty boxes."""
    low_NM2 = np.maximum(boxes_N4[:, None, :2], boxes_M4[:, :2])
    high_NM2 = np.minimum(boxes_N4[:, None, 2:], boxes_M4[:, 2:])
    both_NM = (high_NM2 - low_NM2).clip(0).prod(axis=2)
    area_N, area_M = ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (boxes_N4, boxes_M4))
    either_NM = area_N[:, None] + area_M - both_NM
    result: Floats = np.zeros_like(both_NM)
    np.divide(both_NM, either_NM, out=result, where=either_NM > 0)
    return result

"""Boxes of a sequence with what they look like in its pictures."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from brainray.errors import DataError
from brainray.shapes import Array
from brainray.tracking.interface import Detections, FrameError
from brainray.tracking.rows import Rows

if TYPE_CHECKING:
    from brainray.networks.appearance import Appearance  # it draws in onnx


def with_vectors(
    detections: Detections, image_HWC: Array, appearance: "Appearance", looks_from: float
) -> Detections:
    """Return detections with an appearance vector each.

    Args:
        detections: of a picture.
        image_HWC: the picture, RGB, uint8.
        appearance: sees what is in a box.
        looks_from: what has a lower score is not looked at, its vector is 0.
    """
    features_MD = np.zeros((len(detections), appearance.width))
    sure_M = detections.scores_M >= looks_from
    features_MD[sure_M] = appearance.vectors(image_HWC, detections.boxes_M4[sure_M])
    return replace(detections, features_MD=features_MD)


def with_appearance(
    rows: Rows,
    frames: Iterable[tuple[int, Array]],
    appearance: "Appearance",
    looks_from: float = -math.inf,
) -> Rows:
    """Return boxes with an appearance vector each.

    Args:
        rows: detections of a sequence.
        frames: number and RGB picture of each, rising; those without boxes are passed over.
        appearance: sees what is in a box.
        looks_from: what has a lower score is not looked at, its vector is 0.

    Raises:
        FrameError: a frame with boxes has no picture, or a box is none.
    """
    features_ND = np.zeros((len(rows), appearance.width))
    missing = dict.fromkeys(np.unique(rows.frames_N).tolist())
    for number, image_HWC in frames:
        if not missing:
            break
        if number not in missing:
            continue
        del missing[number]
        here = np.flatnonzero(rows.frames_N == number)
        try:
            ((_, detections),) = rows[here].by_frame()
        except DataError as error:
            raise FrameError(str(error), number) from error
        features_ND[here] = with_vectors(detections, image_HWC, appearance, looks_from).features_MD
    if missing:
        number = next(iter(missing))
        raise FrameError(f"frame {number}: has boxes, but no picture to see them in", number)
    return replace(rows, features_ND=features_ND)

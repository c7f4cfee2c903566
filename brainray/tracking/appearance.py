"""Boxes of a sequence with what they look like in its pictures."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from brainray.errors import DataError
from brainray.shapes import Array
from brainray.tracking.interface import FrameError
from brainray.tracking.rows import Rows

if TYPE_CHECKING:
    from brainray.networks.appearance import Appearance  # it draws in onnx


def with_appearance(
    rows: Rows, frames: Iterable[tuple[int, Array]], appearance: "Appearance"
) -> Rows:
    """Return boxes with an appearance vector each.

    Args:
        rows: detections of a sequence.
        frames: number and RGB picture of each, rising; those without boxes are passed over.
        appearance: sees what is in a box.

    Raises:
        FrameError: a frame with boxes has no picture, or a box is none.
    """
    features_ND = np.zeros((len(rows), appearance.width))
    missing = dict.fromkeys(np.unique(rows.frames_N).tolist())
    for number, image_HWC in frames:
        if number not in missing:
            continue
        del missing[number]
        here = np.flatnonzero(rows.frames_N == number)
        try:
            ((_, detections),) = rows[here].by_frame()
        except DataError as error:
            raise FrameError(str(error), number) from error
        features_ND[here] = appearance.vectors(image_HWC, detections.boxes_M4)
    if missing:
        number = next(iter(missing))
        raise FrameError(f"frame {number}: has boxes, but no picture to see them in", number)
    return replace(rows, features_ND=features_ND)

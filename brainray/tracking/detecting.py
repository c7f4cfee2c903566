"""Boxes of a sequence from its pictures."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from brainray.errors import BrainrayError
from brainray.networks.detectors.interface import Detector, Found
from brainray.shapes import Array
from brainray.tracking.ahead import ahead
from brainray.tracking.appearance import with_vectors
from brainray.tracking.interface import Detections, FrameError
from brainray.tracking.rows import Rows

if TYPE_CHECKING:
    from brainray.networks.appearance import Appearance  # it draws in onnx


def detections_in(
    detector: Detector,
    frames: Iterable[tuple[int, Array]],
    appearance: "Appearance | None" = None,
    looks_from: float = -math.inf,
) -> Iterator[tuple[int, Detections]]:
    """Yield what a detector finds in each frame, perhaps nothing, as a tracker takes it.

    The next frame is read and looked at meanwhile, on another processor if there is one.

    Args:
        detector: whatever its class, what it finds is followed.
        frames: number and RGB picture of each, e.g. `brainray.tracking.frames.Frames`.
        appearance: sees how the boxes look, while the detector is at the next frame; None if
            nothing does.
        looks_from: what has a lower score is not looked at, see `Tracker.looks_from`.

    Raises:
        DataError: a frame is no picture, or the detector gives what is no box of it; the frame is
            named.
    """
    for number, image_HWC, found in ahead(_detected(detector, frames)):
        if appearance is not None:
            found = with_vectors(found, image_HWC, appearance, looks_from)
        yield number, found


def _detected(
    detector: Detector, frames: Iterable[tuple[int, Array]]
) -> Iterator[tuple[int, Array, Detections]]:
    for number, image_HWC in frames:
        try:
            found = as_detections(detector.detect(image_HWC))
        except BrainrayError as error:
            raise FrameError(f"frame {number}: {error}", number) from error
        yield number, image_HWC, found


def as_detections(found: Found) -> Detections:
    """Return what a detector found in an image as a tracker takes it."""
    corners_M4 = found.boxes_M4
    boxes_M4 = np.column_stack([corners_M4[:, :2], corners_M4[:, 2:] - corners_M4[:, :2]])
    return Detections(boxes_M4, found.scores_M)


def as_rows(detected: Iterable[tuple[int, Detections]]) -> Rows:
    """Return the detections of all frames, which rise, as the rows of a sequence."""
    found = list(detected)
    counts = [len(detections) for _, detections in found]
    rows = Rows.of(
        np.repeat(np.array([number for number, _ in found], dtype=np.int64), counts),
        np.concatenate([np.empty((0, 4)), *(one.boxes_M4 for _, one in found)]),
        np.concatenate([np.empty(0), *(one.scores_M for _, one in found)]),
    )
    features = [one.features_MD for _, one in found if one.features_MD is not None]
    return replace(rows, features_ND=np.concatenate(features)) if features else rows

"""Boxes of a sequence from its pictures."""

from collections.abc import Iterable, Iterator

import numpy as np

from brainray.errors import DataError
from brainray.networks.detectors.interface import Detector, Found
from brainray.shapes import Array
from brainray.tracking.interface import Detections
from brainray.tracking.rows import Rows


def detections_in(
    detector: Detector, frames: Iterable[tuple[int, Array]]
) -> Iterator[tuple[int, Detections]]:
    """Yield what a detector finds in each frame, perhaps nothing, as a tracker takes it.

    Args:
        detector: whatever its class, what it finds is followed.
        frames: number and RGB picture of each, e.g. `brainray.tracking.frames.Frames`.

    Raises:
        DataError: a frame is no picture.
    """
    for number, image_HWC in frames:
        try:
            found = detector.detect(image_HWC)
        except DataError as error:
            raise DataError(f"frame {number}: {error}") from error
        yield number, as_detections(found)


def as_detections(found: Found) -> Detections:
    """Return what a detector found in an image as a tracker takes it."""
    corners_M4 = found.boxes_M4
    boxes_M4 = np.column_stack([corners_M4[:, :2], corners_M4[:, 2:] - corners_M4[:, :2]])
    return Detections(boxes_M4, found.scores_M)


def as_rows(detected: Iterable[tuple[int, Detections]]) -> Rows:
    """Return the detections of all frames as the rows of a sequence."""
    found = list(detected)
    counts = [len(detections) for _, detections in found]
    return Rows.of(
        np.repeat(np.array([number for number, _ in found], dtype=np.int64), counts),
        np.concatenate([np.empty((0, 4)), *(one.boxes_M4 for _, one in found)]),
        np.concatenate([np.empty(0), *(one.scores_M for _, one in found)]),
    )

"""The boxes of a sequence as columns: detections, ground truth or tracks."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainray.errors import DataError
from brainray.shapes import Array, IntArray
from brainray.tracking.interface import Boxes, Detections, FrameError, Tracker

PEDESTRIAN = 1
"""MOTChallenge's class that is evaluated."""


@dataclass(frozen=True)
class Rows:
    """N boxes of one sequence, sorted by frame.

    Attributes:
        frames_N: frame numbers.
        boxes_N4: left, top, width, height in pixels.
        scores_N: confidences; of a ground truth 0 marks what is not evaluated.
        ids_N: identities; -1 of detections.
        classes_N: MOTChallenge's classes, 1 a pedestrian.
        visibility_N: the part of the object that can be seen, 0 to 1.
        features_ND: appearance vectors, or None.
    """

    frames_N: IntArray
    boxes_N4: Boxes
    scores_N: NDArray[np.float64]
    ids_N: IntArray
    classes_N: IntArray
    visibility_N: NDArray[np.float64]
    features_ND: NDArray[np.floating[Any]] | None = None

    @classmethod
    def of(
        cls,
        frames_N: IntArray,
        boxes_N4: Boxes,
        scores_N: NDArray[np.float64] | None = None,
        ids_N: IntArray | None = None,
        classes_N: IntArray | None = None,
        visibility_N: NDArray[np.float64] | None = None,
    ) -> "Rows":
        """Return rows in the order of their frames; what is not given is evaluated as it is."""
        count = len(frames_N)
        found = cls(
            frames_N,
            boxes_N4,
            np.ones(count) if scores_N is None else scores_N,
            np.full(count, -1) if ids_N is None else ids_N,
            np.full(count, PEDESTRIAN) if classes_N is None else classes_N,
            np.ones(count) if visibility_N is None else visibility_N,
        )
        return found[np.argsort(frames_N, kind="stable")]

    def __len__(self) -> int:
        return len(self.frames_N)

    def __getitem__(self, chosen: Array) -> "Rows":
        """Return the rows that a mask or rising indices choose."""
        columns = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(
            self,
            **{name: values[chosen] for name, values in columns.items() if values is not None},
        )

    def by_frame(self) -> Iterator[tuple[int, Detections]]:
        """Yield each frame that has boxes, with them as detections.

        Raises:
            FrameError: naming the frame and the box that is none.
        """
        frames, starts = np.unique(self.frames_N, return_index=True)
        bounds = pairwise([*starts, len(self)])
        for frame, (start, end) in zip(frames, bounds, strict=True):
            try:
                features = None if self.features_ND is None else self.features_ND[start:end]
                found = Detections(self.boxes_N4[start:end], self.scores_N[start:end], features)
            except DataError as error:
                raise FrameError(f"frame {frame}: {error}", int(frame)) from error
            yield int(frame), found


def track(tracker: Tracker, detections: Rows) -> Rows:
    """Return the tracks that a new tracker finds in the detections of a sequence.

    Raises:
        DataError: naming the frame and the box that is none.
    """
    found = [(frame, tracker.update(frame, detected)) for frame, detected in detections.by_frame()]
    counts = [len(tracks.ids_N) for _, tracks in found]
    if not found:
        return Rows.of(np.empty(0, dtype=np.int64), np.empty((0, 4)))
    return Rows.of(
        np.repeat(np.array([frame for frame, _ in found]), counts),
        np.concatenate([tracks.boxes_N4 for _, tracks in found]),
        np.concatenate([tracks.scores_N for _, tracks in found]),
        np.concatenate([tracks.ids_N for _, tracks in found]),
    )

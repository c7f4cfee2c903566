"""The boxes of a sequence as columns: detections, ground truth or tracks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainray.errors import DataError
from brainray.shapes import Array, IntArray
from brainray.tracking.interface import (
    MOST_PIXELS,
    NOTHING,
    Boxes,
    Detections,
    FrameError,
    Tracker,
)
from brainray.tracking.motion import STILL, Similarity

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
        motions: of the camera, by the frame's number, rising: since the picture before, which may
            be one without boxes. None where no pictures were looked at.
    """

    frames_N: IntArray
    boxes_N4: Boxes
    scores_N: NDArray[np.float64]
    ids_N: IntArray
    classes_N: IntArray
    visibility_N: NDArray[np.float64]
    features_ND: NDArray[np.floating[Any]] | None = None
    motions: Mapping[int, Similarity] | None = None

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
        """Return the rows that a mask or rising indices choose; the camera's motions stay all."""
        columns = {one.name: getattr(self, one.name) for one in fields(self)}
        del columns["motions"]
        return replace(
            self,
            **{name: values[chosen] for name, values in columns.items() if values is not None},
        )

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Which rows of a ground truth are scored: pedestrians that are marked as evaluated."""
        mask_N: NDArray[np.bool_] = (self.classes_N == PEDESTRIAN) & (self.scores_N != 0)
        return mask_N

    def check_scorable(self) -> None:
        """Check that these can be a ground truth, or tracks that are compared with one.

        Raises:
            FrameError: naming the frame and the identity that is below 0 or is there twice, or
                whose box is none.
        """
        order_N = np.lexsort((self.ids_N, self.frames_N))
        frames_N, ids_N = self.frames_N[order_N], self.ids_N[order_N]
        twice_N = (np.diff(frames_N, prepend=0) == 0) & (np.diff(ids_N, prepend=-1) == 0)
        twice_N[:1] = False
        beyond_N = ~(np.abs(self.boxes_N4[order_N]) <= MOST_PIXELS).all(axis=1)
        for wrong_N, what in (
            (ids_N < 0, "allowed are 0 and more: who is where must be known"),
            (twice_N, "is there twice, allowed is once"),
            (beyond_N, f"has a box beyond {MOST_PIXELS:,.0f} pixels, or one that is no number"),
        ):
            if wrong_N.any():
                row = int(wrong_N.argmax())
                frame = int(frames_N[row])
                raise FrameError(f"frame {frame}: id {ids_N[row]}: {what}", frame)

    def by_frame(self) -> Iterator[tuple[int, Detections]]:
        """Yield each frame that has boxes, with them as detections.

        Their motion is that since the frame yielded before: frames without boxes are part of it.

        Raises:
            FrameError: naming the frame and the box that is none.
        """
        frames, starts = np.unique(self.frames_N, return_index=True)
        bounds = pairwise([*starts, len(self)])
        moved = self._moved(frames.tolist())
        for frame, (start, end) in zip(frames, bounds, strict=True):
            try:
                features = None if self.features_ND is None else self.features_ND[start:end]
                found = Detections(
                    self.boxes_N4[start:end],
                    self.scores_N[start:end],
                    features,
                    moved.get(int(frame)),
                )
            except DataError as error:
                raise FrameError(f"frame {frame}: {error}", int(frame)) from error
            yield int(frame), found

    def _moved(self, frames: Sequence[int]) -> dict[int, Similarity]:
        """Return the camera's motion since the frame before, for each that has a picture."""
        moved, wanted, since = {}, set(frames), STILL
        for number, motion in (self.motions or {}).items():
            since = since.then(motion)
            if number in wanted:
                moved[number], since = since, STILL
        return moved


def track(tracker: Tracker, detections: Rows, first: int | None = None) -> Rows:
    """Return the tracks that a new tracker finds in the detections of a sequence.

    Args:
        tracker: a new one.
        detections: of the sequence.
        first: number of its first frame, which may be without a box; None for that of the first
            box. In the first frames of a sequence trackers believe sooner in what is new.

    Raises:
        DataError: naming the frame and the box that is none.
    """
    if first is not None and (not len(detections) or first < detections.frames_N[0]):
        tracker.update(first, NOTHING)
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

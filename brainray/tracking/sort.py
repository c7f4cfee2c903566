"""SORT (Bewley et al., Simple Online and Realtime Tracking, ICIP 2016)."""

from typing import Annotated

import numpy as np
from pydantic import Field

from brainray.shapes import Array, IntArray
from brainray.tracking.association import assign, compared
from brainray.tracking.interface import Boxes, Detections, Tracker, Tracks
from brainray.tracking.kalman import ConstantVelocity, Floats

# Variances of center x, center y, area and aspect ratio, as published; the ratio stays constant.
BORN = np.array([10.0, 10.0, 10.0, 10.0])
BORN_VELOCITY = np.array([1e4, 1e4, 1e4, 0.0])
STEP = np.ones(4)
STEP_VELOCITY = np.array([1e-2, 1e-2, 1e-4, 0.0])
MEASURED = np.array([1.0, 1.0, 10.0, 10.0])


class Sort(Tracker):
    """A Kalman filter a track, and overlap between its prediction and the detections.

    The state is center x, center y, area s, aspect ratio r and the velocities of the first three.

    Args:
        max_age: frames without a detection that a track survives.
        min_hits: frames in a row with a detection until a track is shown; the first frames of a
            sequence excepted.
        iou_threshold: overlap that a detection must have with a track's prediction.
        min_score: detections of lower scores do not count. 0 in the publication, whose detections
            are filtered.
    """

    def __init__(
        self,
        max_age: Annotated[int, Field(ge=0)] = 1,
        min_hits: Annotated[int, Field(ge=0)] = 3,
        iou_threshold: Annotated[float, Field(ge=0, le=1)] = 0.3,
        min_score: float = 0.0,
    ) -> None:
        self._max_age, self._min_hits = max_age, min_hits
        self._iou_threshold, self._min_score = iou_threshold, min_score
        self._filter = ConstantVelocity(4)
        self._ids_N: IntArray = np.empty(0, dtype=np.int64)
        self._hits_N: IntArray = np.empty(0, dtype=np.int64)  # detections in a row
        self._age_N: IntArray = np.empty(0, dtype=np.int64)  # frames since the last detection
        self._scores_N: Floats = np.empty(0)
        self._frames = self._born = 0

    @property
    def memory(self) -> int:
        """As of `Tracker`: until all are forgotten and the first frames are over."""
        return max(self._max_age + 1, self._min_hits)

    def _update(self, detections: Detections) -> Tracks:
        self._frames += 1
        detections = detections[detections.scores_M >= self._min_score]
        self._predict()
        predicted_N4 = _boxes(self._filter.position_NC)
        usable_N: Array = np.asarray(np.isfinite(predicted_N4).all(axis=1))
        self._keep(usable_N)
        overlaps_NM = compared(predicted_N4[usable_N], detections.boxes_M4)
        rows_K, columns_K = assign(overlaps_NM, self._iou_threshold)
        self._filter.correct(rows_K, _measured(detections.boxes_M4[columns_K]), MEASURED)
        self._hits_N[rows_K] += 1
        self._age_N[rows_K] = 0
        self._scores_N[rows_K] = detections.scores_M[columns_K]
        free_M = np.ones(len(detections), dtype=bool)
        free_M[columns_K] = False
        self._begin(detections[free_M])
        self._keep(self._age_N <= self._max_age)
        early = self._frames <= self._min_hits
        shown_N = (self._age_N == 0) & (early | (self._hits_N >= self._min_hits))
        return Tracks(
            self._ids_N[shown_N],
            _boxes(self._filter.position_NC[shown_N]),
            self._scores_N[shown_N],
        )

    def _predict(self) -> None:
        position_NC, velocity_NC = self._filter.position_NC, self._filter.velocity_NC
        shrunk_N = position_NC[:, 2] + velocity_NC[:, 2] <= 0
        velocity_NC[shrunk_N, 2] = 0  # an area stays above 0
        self._filter.predict(STEP, STEP_VELOCITY)
        self._hits_N[self._age_N > 0] = 0
        self._age_N += 1

    def _begin(self, detections: Detections) -> None:
        count = len(detections)
        self._filter.begin(_measured(detections.boxes_M4), BORN, BORN_VELOCITY)
        new_ids = np.arange(self._born + 1, self._born + count + 1)
        self._born += count
        nothing = np.zeros(count, dtype=np.int64)
        self._ids_N = np.concatenate([self._ids_N, new_ids])
        self._hits_N = np.concatenate([self._hits_N, nothing])
        self._age_N = np.concatenate([self._age_N, nothing])
        self._scores_N = np.concatenate([self._scores_N, detections.scores_M])

    def _keep(self, kept_N: Array) -> None:
        if kept_N.all():
            return
        self._filter.keep(kept_N)
        self._ids_N, self._hits_N = self._ids_N[kept_N], self._hits_N[kept_N]
        self._age_N, self._scores_N = self._age_N[kept_N], self._scores_N[kept_N]


def _measured(boxes_M4: Boxes) -> Floats:
    """Return center x, center y, area and aspect ratio."""
    width, height = boxes_M4[:, 2], boxes_M4[:, 3]
    centers_M2 = boxes_M4[:, :2] + boxes_M4[:, 2:] / 2
    return np.column_stack([centers_M2, width * height, width / height])


def _boxes(position_NC: Floats) -> Boxes:
    """Return boxes; not finite where the area or the ratio is not above 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        width_N = np.sqrt(position_NC[:, 2] * position_NC[:, 3])
        height_N = position_NC[:, 2] / width_N
    return np.column_stack(
        [position_NC[:, 0] - width_N / 2, position_NC[:, 1] - height_N / 2, width_N, height_N]
    )

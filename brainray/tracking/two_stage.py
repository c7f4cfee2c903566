"""A tracker beyond SORT: detections of low scores, and a camera that moves."""

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from brainray.shapes import Array, IntArray
from brainray.tracking.association import (
    alike,
    assign,
    compared,
    enlarged,
    mutual,
    units,
    weighed,
)
from brainray.tracking.interface import Boxes, Detections, Tracker, Tracks
from brainray.tracking.kalman import ConstantVelocity, Floats
from brainray.tracking.motion import Similarity, fit_similarity

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]

LEAST_PAIRS = 8
"""Objects that must be seen to tell what the camera did: a few people who walk the same way look
like a camera that moves."""

LEAST_OVERLAP, NEAR = 0.1, 0.1
"""Of a pair that tells of the camera, and how far it may be from the others, in heights."""

NEARBY, STEADY = 0.5, 0.9
"""Overlap of a pair whose looks count, and how much of its looks a track keeps."""


class TwoStage(Tracker):
    """Sure detections first, then unsure ones for tracks that would else be lost.

    Detections of low scores extend tracks and never begin one (Zhang et al., ByteTrack, ECCV
    2022). Sure detections are compared by the overlap of enlarged boxes (Yang et al., C-BIoU, WACV
    2023) times their score. Before that all tracks, those lost too, are moved by what the camera
    did. The boxes themselves tell it (`brainray.tracking.motion`), without pictures but not where
    they are few; or the pictures do (`brainray.tracking.camera`).

    With appearance vectors a near pair that looks alike is worth as much as it is alike, if that is
    more (BoT-SORT, section 3.3); a track looks like a moving average of its sure detections.

    The state is center x, center y, width and height, each with a velocity; noise is proportional
    to the size of the box (Aharon et al., BoT-SORT, 2022).

    Args:
        high_score: detections from this score on are sure.
        low_score: detections below this score do not count.
        birth_score: from this score on a sure detection without a track begins one.
        first_match: least value of a sure pair, overlap of enlarged boxes times score.
        second_match: least overlap of an unsure pair.
        newcomer: factor on the value of a pair whose track is not shown yet, as others come first.
        enlarge: by how much of its size a box is enlarged on each side.
        min_hits: detections until a track is shown.
        max_age: frames without a detection that a shown track survives; others survive none.
        camera: whether to move tracks by the camera's motion as boxes tell it, or ``pictures``: by
            the motion that must come with the detections.
        alike: largest cosine distance of a pair that looks alike; 0 looks at nothing.
        position_noise: standard deviation of a position, in sizes of the box.
        velocity_noise: standard deviation that a frame adds to a velocity, in sizes.
        measurement_noise: standard deviation of a detection, in sizes.
    """

    looks = True

    def __init__(
        self,
        high_score: Share = 0.65,
        low_score: Share = 0.05,
        birth_score: Share = 0.7,
        first_match: Share = 0.2,
        second_match: Share = 0.6,
        newcomer: Share = 0.7,
        enlarge: Annotated[float, Field(ge=0)] = 0.18,
        min_hits: Annotated[int, Field(ge=1)] = 2,
        max_age: Annotated[int, Field(ge=0)] = 45,
        camera: bool | Literal["pictures"] = True,
        alike: Share = 0.25,
        position_noise: Positive = 0.05,
        velocity_noise: Positive = 0.00625,
        measurement_noise: Positive = 0.025,
    ) -> None:
        self._high, self._low, self._birth = high_score, low_score, birth_score
        self._first, self._second, self._newcomer = first_match, second_match, newcomer
        self._enlarge = enlarge
        self._min_hits, self._max_age = min_hits, max_age
        self.needs_motion = camera == "pictures"
        self._camera = camera is True
        self._position_noise, self._velocity_noise = position_noise, velocity_noise
        self._measurement_noise = measurement_noise
        self._alike = alike
        self._looks_ND: Floats | None = None
        self._filter = ConstantVelocity(4)
        self._ids_N: IntArray = np.empty(0, dtype=np.int64)
        self._hits_N: IntArray = np.empty(0, dtype=np.int64)
        self._age_N: IntArray = np.empty(0, dtype=np.int64)
        self._scores_N: Floats = np.empty(0)
        self._born = 0
        self._first_frame = True

    @property
    def looks_from(self) -> float:
        """As of `Tracker`: those of sure detections, if any."""
        return self._high if self._alike > 0 else math.inf

    @property
    def memory(self) -> int:
        """As of `Tracker`: until all are forgotten."""
        return self._max_age + 1

    def _update(self, detections: Detections) -> Tracks:
        size_N4 = _sizes(self._filter.position_NC)
        self._filter.predict(
            (self._position_noise * size_N4) ** 2, (self._velocity_noise * size_N4) ** 2
        )
        np.maximum(self._filter.position_NC[:, 2:], 1, out=self._filter.position_NC[:, 2:])
        self._age_N += 1
        detections = detections[detections.scores_M >= self._low]
        sure_M = detections.scores_M >= self._high
        sure, unsure = detections[sure_M], detections[~sure_M]
        if self.needs_motion and detections.motion is not None:
            self._move(detections.motion)
        elif self._camera:
            self._follow_camera(sure)
        predicted_N4 = _boxes(self._filter.position_NC)
        overlaps_NM = compared(
            enlarged(predicted_N4, self._enlarge), enlarged(sure.boxes_M4, self._enlarge)
        )
        if sure.features_MD is not None and self._looks_ND is not None:
            overlaps_NM = alike(
                overlaps_NM, self._looks_ND, units(sure.features_MD), NEARBY, 1 - self._alike
            )
        known_N = np.where(self._hits_N < self._min_hits, self._newcomer, 1.0)
        rows_K, columns_K = assign(weighed(overlaps_NM, known_N, sure.scores_M), self._first)
        self._correct(rows_K, sure[columns_K])
        self._remember(rows_K, sure[columns_K])
        left_N = np.flatnonzero((self._age_N == 1) & (self._hits_N >= self._min_hits))
        overlaps_NM = compared(predicted_N4[left_N], unsure.boxes_M4)
        left_K, unsure_K = assign(overlaps_NM, self._second)
        self._correct(left_N[left_K], unsure[unsure_K])
        free_M = sure.scores_M >= self._birth
        free_M[columns_K] = False
        self._begin(sure[free_M])
        self._keep(
            (self._age_N == 0) | ((self._age_N <= self._max_age) & (self._hits_N >= self._min_hits))
        )
        self._first_frame = False
        shown_N = (self._age_N == 0) & (self._hits_N >= self._min_hits)
        boxes_N4 = _boxes(self._filter.position_NC[shown_N])
        return Tracks(self._ids_N[shown_N], boxes_N4, self._scores_N[shown_N])

    def _follow_camera(self, sure: Detections) -> None:
        """Move all tracks as the camera moved since the last frame, by what boxes tell of it."""
        if not len(self._age_N) or not len(sure):
            return
        seen_N = np.flatnonzero(self._age_N == self._age_N.min())
        position_N4 = self._filter.position_NC[seen_N]
        rows_K, columns_K = mutual(compared(_boxes(position_N4), sure.boxes_M4), LEAST_OVERLAP)
        if len(rows_K) < LEAST_PAIRS:
            return
        from_K4 = position_N4[rows_K]
        to_K4 = _measured(sure.boxes_M4[columns_K])
        moved = fit_similarity(
            from_K4[:, 0] + 1j * from_K4[:, 1],
            to_K4[:, 0] + 1j * to_K4[:, 1],
            NEAR * from_K4[:, 3],
        )
        self._move(moved)

    def _move(self, moved: Similarity) -> None:
        position_NC = self._filter.position_NC
        points_N = moved(position_NC[:, 0] + 1j * position_NC[:, 1])
        position_NC[:, 0], position_NC[:, 1] = points_N.real, points_N.imag
        position_NC[:, 2:] *= abs(moved.turn)

    def _correct(self, rows_K: IntArray, detections: Detections) -> None:
        measured_K4 = _measured(detections.boxes_M4)
        noise_K4 = (self._measurement_noise * _sizes(measured_K4)) ** 2
        self._filter.correct(rows_K, measured_K4, noise_K4)
        self._hits_N[rows_K] += 1
        self._age_N[rows_K] = 0
        self._scores_N[rows_K] = detections.scores_M

    def _remember(self, rows_K: IntArray, detections: Detections) -> None:
        """Let tracks look a little more like what they were seen as."""
        if self._looks_ND is not None and detections.features_MD is not None:
            self._looks_ND[rows_K] = units(
                STEADY * self._looks_ND[rows_K] + (1 - STEADY) * units(detections.features_MD)
            )

    def _begin(self, detections: Detections) -> None:
        count = len(detections)
        if not count:
            return
        measured_M4 = _measured(detections.boxes_M4)
        size_M4 = _sizes(measured_M4)
        self._filter.begin(
            measured_M4,
            (2 * self._position_noise * size_M4) ** 2,
            (10 * self._velocity_noise * size_M4) ** 2,
        )
        hits = self._min_hits if self._first_frame else 1
        new_ids = np.arange(self._born + 1, self._born + count + 1)
        self._born += count
        self._ids_N = np.concatenate([self._ids_N, new_ids])
        self._hits_N = np.concatenate([self._hits_N, np.full(count, hits)])
        self._age_N = np.concatenate([self._age_N, np.zeros(count, dtype=np.int64)])
        self._scores_N = np.concatenate([self._scores_N, detections.scores_M])
        if detections.features_MD is not None:
            born_MD = units(detections.features_MD)
            known = [] if self._looks_ND is None else [self._looks_ND]
            self._looks_ND = np.concatenate([*known, born_MD])

    def _keep(self, kept_N: Array) -> None:
        if kept_N.all():
            return
        self._filter.keep(kept_N)
        self._ids_N, self._hits_N = self._ids_N[kept_N], self._hits_N[kept_N]
        self._age_N, self._scores_N = self._age_N[kept_N], self._scores_N[kept_N]
        if self._looks_ND is not None:
            self._looks_ND = self._looks_ND[kept_N]


def _measured(boxes_M4: Boxes) -> Floats:
    """Return center x, center y, width, height."""
    measured_M4 = boxes_M4.copy()
    measured_M4[:, :2] += boxes_M4[:, 2:] / 2
    return measured_M4


def _boxes(position_N4: Floats) -> Boxes:
    """Return left, top, width, height."""
    boxes_N4 = position_N4.copy()
    boxes_N4[:, :2] -= position_N4[:, 2:] / 2
    return boxes_N4


def _sizes(position_N4: Floats) -> Floats:
    """Return the size that each coordinate's noise is proportional to: width, height, twice."""
    return position_N4[:, [2, 3, 2, 3]]

"""DeepSORT (Wojke et al., Simple Online and Realtime Tracking with a Deep Association Metric).

Equations are those of the publication, ICIP 2017.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import Field

from brainray.shapes import Array, IntArray
from brainray.tracking.association import assign, compared, units
from brainray.tracking.crowds import Pairs, blocks, gathered
from brainray.tracking.interface import Boxes, Detections, Tracker, Tracks
from brainray.tracking.kalman import ConstantVelocity, Floats

GATE = 9.4877
"""95 % quantile of the chi-squared distribution with four degrees of freedom."""

POSITION, VELOCITY = 1 / 20, 1 / 160
"""Standard deviations in heights of the box: of a position, of what a frame adds to a velocity."""

RATIO, RATIO_VELOCITY, RATIO_MEASURED = 1e-2, 1e-5, 1e-1
"""Standard deviations of the aspect ratio, which does not grow with the box."""

FAR = 1e5
"""The cost of a pair that cannot be: to have one more that can is worth any of them."""


@dataclass
class _Book:
    """What is kept of each track beside its filter."""

    ids_N: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    hits_N: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    age_N: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    scores_N: Floats = field(default_factory=lambda: np.empty(0))
    galleries: list[list[Floats]] = field(default_factory=list)


class DeepSort(Tracker):
    """Tracks are matched by appearance, those seen last first, and then by overlap.

    The state is center x, center y, aspect ratio, height, each with a velocity. With appearance
    vectors a pair costs the smallest cosine distance to the track's gallery (equation 2), and is
    only allowed where the Mahalanobis distance is within the gate (equations 1 and 4). Without them
    it costs the Mahalanobis distance itself: equation 5 with lambda = 1.

    Args:
        min_score: detections of lower scores do not count.
        max_distance: largest cosine distance of a pair, 0 to 2.
        max_iou_distance: largest 1 - IoU of a pair.
        max_age: frames without a detection that a confirmed track survives.
        n_init: detections in a row until a track is confirmed.
        budget: newest appearance vectors kept of a track; None keeps all.
    """

    looks = True

    def __init__(
        self,
        min_score: float = 0.8,
        max_distance: Annotated[float, Field(ge=0, le=2)] = 0.2,
        max_iou_distance: Annotated[float, Field(ge=0, le=1)] = 0.7,
        max_age: Annotated[int, Field(ge=1)] = 30,
        n_init: Annotated[int, Field(ge=1)] = 3,
        budget: Annotated[int, Field(ge=1)] | None = None,
    ) -> None:
        self._min_score, self._max_distance = min_score, max_distance
        self._max_iou_distance, self._max_age = max_iou_distance, max_age
        self._n_init, self._budget = n_init, budget
        self._filter = ConstantVelocity(4)
        self._book = _Book()
        self._born = 0

    @property
    def looks_from(self) -> float:
        """As of `Tracker`: those of detections that count."""
        return self._min_score

    @property
    def memory(self) -> int:
        """As of `Tracker`: until all are forgotten."""
        return self._max_age + 1

    def _update(self, detections: Detections) -> Tracks:
        detections = detections[detections.scores_M >= self._min_score]
        self._filter.predict(*_growth(self._filter.position_NC[:, 3]))
        self._book.age_N += 1
        rows_K, columns_K = self._match(detections)
        self._correct(rows_K, detections[columns_K])
        # Who is not confirmed must be detected in every frame.
        alive_N = (self._book.hits_N >= self._n_init) & (self._book.age_N <= self._max_age)
        self._keep(alive_N | (self._book.age_N == 0))
        free_M = np.ones(len(detections), dtype=bool)
        free_M[columns_K] = False
        self._begin(detections[free_M])
        book = self._book
        # As published, a track that was missed once is still shown where it is expected.
        shown_N = (book.hits_N >= self._n_init) & (book.age_N <= 1)
        boxes_N4 = _boxes(self._filter.position_NC[shown_N])
        return Tracks(book.ids_N[shown_N], boxes_N4, book.scores_N[shown_N])

    def _match(self, detections: Detections) -> tuple[IntArray, IntArray]:
        """Return the pairs of the cascade over confirmed tracks, and then those by overlap."""
        age_N, confirmed_N = self._book.age_N, self._book.hits_N >= self._n_init
        measured_M4 = _measured(detections.boxes_M4)
        pairs, least = self._worth(detections, measured_M4)
        rows, columns = [], []
        free = np.arange(len(detections))
        for age in np.unique(age_N[confirmed_N]):  # those seen last choose first
            tracks = np.flatnonzero(confirmed_N & (age_N == age))
            row_K, column_K = assign(pairs.between(tracks, free).matrix(), least)
            rows.append(tracks[row_K])
            columns.append(free[column_K])
            free = np.delete(free, column_K)
        matched_N = np.zeros(len(age_N), dtype=bool)
        matched_N[np.concatenate([np.empty(0, np.int64), *rows])] = True
        tracks = np.flatnonzero(~matched_N & (age_N == 1))
        overlap = compared(_boxes(self._filter.position_NC[tracks]), detections.boxes_M4[free])
        row_K, column_K = assign(overlap, 1 - self._max_iou_distance)
        rows.append(tracks[row_K])
        columns.append(free[column_K])
        return np.concatenate(rows), np.concatenate(columns)

    def _worth(self, detections: Detections, measured_M4: Floats) -> tuple[Pairs, float]:
        """Return the pairs within the gate, minus what each costs, and the least that is enough."""
        pairs = self._within_gate(measured_M4)
        if detections.features_MD is None:
            return pairs, -GATE
        features_MD = units(detections.features_MD)
        values_P = np.empty(len(pairs.values_P))
        # The pairs of a row lie beside each other.
        bounds = np.flatnonzero(np.diff(pairs.rows_P, prepend=-1, append=-1))
        for start, end in pairwise(bounds):
            gallery = np.stack(self._book.galleries[pairs.rows_P[start]])
            cosine = gallery @ features_MD[pairs.columns_P[start:end]].T
            values_P[start:end] = cosine.max(axis=0) - 1
        near_P = values_P >= -self._max_distance
        return replace(pairs, values_P=values_P)[near_P], -self._max_distance

    def _within_gate(self, measured_M4: Floats) -> Pairs:
        """Return the pairs that may be, and minus their squared Mahalanobis distances."""
        position_N4, variance_N4 = self._filter.position_NC, self._filter.state_N5C[:, 2]
        noise_N4 = _measurement_noise(position_N4[:, 3])
        shape = len(position_N4), len(measured_M4)

        def found() -> Iterator[tuple[IntArray, IntArray, Floats]]:
            center_N, center_M = position_N4[:, 0], measured_M4[:, 0]
            reach_N = 1.001 * np.sqrt(GATE * (variance_N4[:, 0] + noise_N4[:, 0]))
            for rows, near in blocks(center_N - reach_N, center_N + reach_N, center_M, center_M):
                gate_RM = self._filter.squared_distance(measured_M4[near], noise_N4, rows)
                row_P, column_P = np.nonzero(gate_RM <= GATE)
                yield rows[row_P], near[column_P], -gate_RM[row_P, column_P]

        return gathered(found(), shape, -FAR)

    def _correct(self, rows_K: IntArray, detections: Detections) -> None:
        noise_K4 = _measurement_noise(self._filter.position_NC[rows_K, 3])
        self._filter.correct(rows_K, _measured(detections.boxes_M4), noise_K4)
        self._book.hits_N[rows_K] += 1
        self._book.age_N[rows_K] = 0
        self._book.scores_N[rows_K] = detections.scores_M
        if detections.features_MD is not None:
            for row, feature_D in zip(rows_K, units(detections.features_MD), strict=True):
                gallery = self._book.galleries[row]
                gallery.append(feature_D)
                if self._budget is not None:
                    del gallery[: -self._budget]

    def _begin(self, detections: Detections) -> None:
        count, book = len(detections), self._book
        measured_M4 = _measured(detections.boxes_M4)
        height_M = measured_M4[:, 3]
        deviation_M4 = _deviations(2 * POSITION * height_M, RATIO)
        velocity_M4 = _deviations(10 * VELOCITY * height_M, RATIO_VELOCITY)
        self._filter.begin(measured_M4, deviation_M4**2, velocity_M4**2)
        book.ids_N = np.append(book.ids_N, np.arange(self._born + 1, self._born + count + 1))
        book.hits_N = np.append(book.hits_N, np.ones(count, dtype=np.int64))
        book.age_N = np.append(book.age_N, np.zeros(count, dtype=np.int64))
        book.scores_N = np.append(book.scores_N, detections.scores_M)
        if detections.features_MD is None:
            book.galleries += [[] for _ in range(count)]
        else:
            book.galleries += [[feature_D] for feature_D in units(detections.features_MD)]
        self._born += count

    def _keep(self, kept_N: Array) -> None:
        if kept_N.all():
            return
        book = self._book
        self._filter.keep(kept_N)
        book.ids_N, book.hits_N = book.ids_N[kept_N], book.hits_N[kept_N]
        book.age_N, book.scores_N = book.age_N[kept_N], book.scores_N[kept_N]
        book.galleries = [book.galleries[row] for row in np.flatnonzero(kept_N)]


def _growth(height_N: Floats) -> tuple[Floats, Floats]:
    """Return the variances that a frame adds to positions and to velocities."""
    position_N4 = _deviations(POSITION * height_N, RATIO)
    return position_N4**2, _deviations(VELOCITY * height_N, RATIO_VELOCITY) ** 2


def _measurement_noise(height_N: Floats) -> Floats:
    deviations_N4: Floats = _deviations(POSITION * height_N, RATIO_MEASURED) ** 2
    return deviations_N4


def _deviations(of_size_N: Floats, of_ratio: float) -> Floats:
    """Return the standard deviations of center x, center y, aspect ratio and height."""
    return np.column_stack([of_size_N, of_size_N, np.full(len(of_size_N), of_ratio), of_size_N])


def _measured(boxes_M4: Boxes) -> Floats:
    """Return center x, center y, aspect ratio and height."""
    centers_M2 = boxes_M4[:, :2] + boxes_M4[:, 2:] / 2
    return np.column_stack([centers_M2, boxes_M4[:, 2] / boxes_M4[:, 3], boxes_M4[:, 3]])


def _boxes(position_N4: Floats) -> Boxes:
    """Return left, top, width and height."""
    size_N2 = np.column_stack([position_N4[:, 2] * position_N4[:, 3], position_N4[:, 3]])
    return np.column_stack([position_N4[:, :2] - size_N2 / 2, size_N2])

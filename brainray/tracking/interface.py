"""The seam between detections and trackers.

Letters of shapes: N tracks, M detections, K matched pairs, D width of an appearance vector. A box
is left, top, width, height in pixels; suffix ``N4``. All state lies inside a tracker: two of them
never know of each other, and a new sequence gets a new tracker. Found by name through the entry
points ``brainray.trackers``.
"""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from brainray import plugins
from brainray.errors import DataError
from brainray.shapes import Array, IntArray
from brainray.tracking.motion import Similarity

Boxes: TypeAlias = NDArray[np.float64]
"""Left, top, width, height in pixels, shape `(N, 4)`."""

MOST_BOXES = 16_384
"""In a frame. Beyond 4,096 the pairs that may belong together count: `brainray.tracking.crowds`."""

MOST_PIXELS, LEAST_PIXELS = 1e7, 1e-9
"""Of a box: how far its left and top may be from 0, how large and how small its sizes may be. Far
beyond any picture, but areas, ratios and variances of what is beyond are not finite."""

MOST_SCORE = 1e7
"""How far a confidence may be from 0. Some detectors give percents, margins or logits; what is far
beyond those is broken, and no longer finite once it is rounded."""

BOX = ("left", "top", "width", "height")


class FrameError(DataError):
    """A frame that cannot be read or tracked.

    Attributes:
        frame: its number, None if it is not known.
    """

    def __init__(self, message: str, frame: int | None) -> None:
        super().__init__(message)
        self.frame = frame


@dataclass(frozen=True)
class Detections:
    """What a detector found in one frame.

    Attributes:
        boxes_M4: left, top, width, height in pixels, none beyond `MOST_PIXELS`, sizes above 0, at
            least `LEAST_PIXELS`.
        scores_M: confidences, none beyond `MOST_SCORE`; most detectors give 0 to 1.
        features_MD: appearance vectors for re-identification, or None.
        motion: of the background since the last picture, as `brainray.tracking.camera` sees it:
            from its pixels to those of this frame. None where no picture was looked at.

    Raises:
        DataError: naming the box and what is wrong with it.
    """

    boxes_M4: Boxes
    scores_M: NDArray[np.float64]
    features_MD: NDArray[np.floating[Any]] | None = None
    motion: Similarity | None = None

    def __post_init__(self) -> None:
        if self.boxes_M4.shape != (len(self.scores_M), 4):
            raise DataError(
                f"boxes of shape {self.boxes_M4.shape}, allowed is ({len(self.scores_M)}, 4): "
                "four numbers for each score"
            )
        if len(self.scores_M) > MOST_BOXES:
            raise DataError(
                f"{len(self.scores_M):,} boxes, allowed are {MOST_BOXES:,} a frame: "
                "leave out those of low scores"
            )
        if not np.isfinite(self.boxes_M4).all():
            row, column = np.argwhere(~np.isfinite(self.boxes_M4))[0]
            value = self.boxes_M4[row, column]
            raise DataError(f"box {row}: {BOX[column]} is {value}, allowed are finite numbers")
        if (np.abs(self.boxes_M4) > MOST_PIXELS).any():
            row, column = np.argwhere(np.abs(self.boxes_M4) > MOST_PIXELS)[0]
            value = self.boxes_M4[row, column]
            raise DataError(
                f"box {row}: {BOX[column]} is {_exact(value)}, allowed are {-MOST_PIXELS:,.0f} to "
                f"{MOST_PIXELS:,.0f} pixels"
            )
        if (self.boxes_M4[:, 2:] < LEAST_PIXELS).any():
            row, column = np.argwhere(self.boxes_M4[:, 2:] < LEAST_PIXELS)[0]
            value = self.boxes_M4[row, 2 + column]
            allowed = "above 0" if value <= 0 else f"{LEAST_PIXELS:g} and more"
            raise DataError(
                f"box {row}: {BOX[2 + column]} is {_exact(value)}, allowed is {allowed}"
            )
        if not np.isfinite(self.scores_M).all():
            row = np.flatnonzero(~np.isfinite(self.scores_M))[0]
            value = self.scores_M[row]
            raise DataError(f"box {row}: conf is {value}, allowed are finite numbers")
        if (np.abs(self.scores_M) > MOST_SCORE).any():
            row = np.flatnonzero(np.abs(self.scores_M) > MOST_SCORE)[0]
            raise DataError(
                f"box {row}: conf is {_exact(self.scores_M[row])}, allowed are "
                f"{-MOST_SCORE:,.0f} to {MOST_SCORE:,.0f}"
            )
        if self.features_MD is not None and len(self.features_MD) != len(self.scores_M):
            raise DataError(
                f"{len(self.features_MD)} appearance vectors for {len(self.scores_M)} boxes"
            )

    def __len__(self) -> int:
        return len(self.scores_M)

    def __getitem__(self, chosen: Array) -> "Detections":
        """Return the detections that a mask or indices choose."""
        features = None if self.features_MD is None else self.features_MD[chosen]
        found = object.__new__(Detections)  # what is chosen from checked boxes is not checked again
        object.__setattr__(found, "boxes_M4", self.boxes_M4[chosen])
        object.__setattr__(found, "scores_M", self.scores_M[chosen])
        object.__setattr__(found, "features_MD", features)
        object.__setattr__(found, "motion", self.motion)
        return found


def _exact(value: float) -> str:
    """Return a value with all its digits: rounded, what is just beyond a bound looks allowed."""
    return f"{value:,}".removesuffix(".0")


NOTHING = Detections(np.empty((0, 4)), np.empty(0))
"""A frame without detections."""


@dataclass(frozen=True)
class Tracks:
    """What a tracker says about one frame.

    Attributes:
        ids_N: identities, from 1 on, each once.
        boxes_N4: left, top, width, height in pixels.
        scores_N: of the last detection that belongs to the track.
    """

    ids_N: IntArray
    boxes_N4: Boxes
    scores_N: NDArray[np.float64]


class Tracker(ABC):
    """Follows objects through the frames of one sequence, as they come.

    Attributes:
        looks: whether appearance vectors make a difference to it.
        needs_motion: whether detections must come with the camera's motion, which pictures tell.
    """

    looks = False
    needs_motion = False
    _last_frame: int | None = None
    _with_features: bool | None = None

    def update(self, frame: int, detections: Detections) -> Tracks:
        """Take the detections of a frame, perhaps none, and return the tracks seen in it.

        Frames may be left out: tracks move on for as long, and are as old, as if nothing had been
        detected there. What the camera did meanwhile is part of the next frame's motion; a frame
        without detections and without a motion counts as one that is left out.

        Args:
            frame: its number, above that of the last call.
            detections: of the frame, in any order.

        Raises:
            DataError: the frame does not come after the last one, or cannot be tracked; the tracker
                is of no use any more.
        """
        if self._last_frame is not None and frame <= self._last_frame:
            raise DataError(
                f"frame {frame} comes after frame {self._last_frame}: allowed are rising numbers"
            )
        left_out = 0 if self._last_frame is None else frame - self._last_frame - 1
        self._last_frame = frame
        for _ in range(min(left_out, self.memory)):
            self._update(NOTHING)
        try:
            self._check_features(detections)
            self._check_motion(detections)
            return self._update(detections)
        except DataError as error:
            raise FrameError(f"frame {frame}: {error}", frame) from error

    def _check_features(self, detections: Detections) -> None:
        if not len(detections):
            return
        given = detections.features_MD is not None
        if self._with_features not in (None, given):
            raise DataError("appearance vectors: are given in some frames and not in others")
        self._with_features = given

    def _check_motion(self, detections: Detections) -> None:
        if self.needs_motion and detections.motion is None and len(detections):
            raise DataError(
                "the camera's motion is not known, which this tracker needs: give the pictures"
            )

    @property
    def looks_from(self) -> float:
        """The score from which on it compares how detections look; vectors of others may be 0."""
        return -math.inf

    @property
    @abstractmethod
    def memory(self) -> int:
        """Frames without a detection after which more of them change nothing."""

    @abstractmethod
    def _update(self, detections: Detections) -> Tracks:
        """Do the work of `update` for the next frame."""


def make_tracker(name: str, options: Mapping[str, Any] | None = None) -> Tracker:
    """Make a tracker of ``brainray.trackers``.

    Args:
        name: of the entry point.
        options: keyword arguments of the tracker beside its defaults.

    Raises:
        PluginError: no tracker has this name.
        DataError: it has no such option, or the option's value is not allowed.
    """
    return tracker_maker(name, options)()


def tracker_maker(name: str, options: Mapping[str, Any] | None = None) -> Callable[[], Tracker]:
    """Return what makes such trackers, a new one each time; see `make_tracker`."""
    tracker: Any = plugins.load("trackers", name)
    return partial(tracker, **check_options(name, tracker, options or {}))


def check_options(name: str, tracker: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of a tracker's class that are all allowed; see `make_tracker`."""
    kinds = _kinds(tracker)
    checked = {}
    for option, value in options.items():
        what = f"{name}: {option}"
        if option not in kinds:
            raise DataError(f"{what} is no option, allowed are {', '.join(kinds) or 'none'}")
        try:
            checked[option] = kinds[option].validate_python(value, strict=True)
        except ValidationError as error:
            raise DataError(f"{what} is {value!r}: {_allowed(error)}") from error
    return checked


def _allowed(error: ValidationError) -> str:
    """Say what is wrong; of an option that may be of several kinds, all of them."""
    first, *others = (one["msg"] for one in error.errors())
    kinds = [first, *(other.removeprefix("Input should be ") for other in others)]
    return ", or ".join(kinds).replace("a valid boolean", "true or false")


@cache
def _kinds(tracker: Any) -> dict[str, TypeAdapter[Any]]:
    signature = inspect.signature(tracker, eval_str=True)
    return {one.name: TypeAdapter(one.annotation) for one in signature.parameters.values()}

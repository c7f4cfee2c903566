"""The camera's motion between two pictures, seen in the background.

The idea is global motion compensation as of BoT-SORT (Aharon et al., 2022, section 3.2): corners of
the background are found again in the next picture by sparse optical flow, and one transform of the
picture plane is fitted to them, by which tracks are moved before they are compared with detections.
What differs: a similarity transform instead of an affine one, fitted by iterated weights
(`brainray.tracking.motion`) instead of RANSAC, so that nothing is random; flow must lead back to
where it came from (Kalal et al., Forward-Backward Error, ICPR 2010); if it finds too little it
looks again where phase correlation says that the picture went (Kuglin and Hines, 1975); detected
objects are masked; and the answer may be that nothing is known.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainray.networks.detectors.opencv import opencv
from brainray.shapes import Array
from brainray.tracking.interface import NOTHING, Boxes, FrameError
from brainray.tracking.motion import STILL, Points, Similarity, fit_similarity
from brainray.tracking.rows import Rows

WIDTH = 480
"""Of the pictures that are compared: flow takes a time that grows with them."""
CORNERS, QUALITY, APART = 400, 0.01, 8
"""How many are followed at most, how good they are at least, as a share of the best one, and how
far from each other, in pixels of the small pictures."""
WINDOW, FAR, NEAR = 21, 4, 1
"""Pixels of the window that flow compares, and how often it halves the pictures at most: to look
far, or near a guess, which coarser pictures would lose."""
BACK, COARSE, FINE = 1.0, 6.0, 1.0
"""Pixels of the small pictures: by how much flow may miss where it came from, and what counts as
near in the first and the second fit. A camera that turns moves the corners of a picture by many."""
LEAST_POINTS, LEAST_SHARE = 12, 0.25
"""Corners that must agree on a motion, and their share of all that were looked for. After a cut to
another scene a few agree by chance."""


class CameraMotion:
    """Sees how the background moves from picture to picture of one sequence.

    Raises:
        NetworkError: OpenCV is not installed.
    """

    def __init__(self) -> None:
        self._cv2 = opencv("the camera's motion")
        self._size: tuple[int, ...] | None = None
        self._grey_HW: Array = np.empty((0, 0), dtype=np.uint8)
        self._corners_K2: NDArray[np.float32] = np.empty((0, 2), dtype=np.float32)

    def update(self, image_HWC: Array, boxes_M4: Boxes) -> Similarity:
        """Take the next picture and return the motion of the background since the last one.

        The camera counts as still in the first picture, and where no motion can be told: too few
        corners agree on one, as in a blank picture, behind boxes that hide all of it or after a cut
        to another scene; or the pictures differ in size. Tracks then stay where they are predicted,
        as if nobody had looked.

        Args:
            image_HWC: RGB, uint8.
            boxes_M4: of what may move on its own: left, top, width, height in pixels, finite.
        """
        size = image_HWC.shape[:2]
        grey_HW = self._small(image_HWC)
        # From pixels of the picture to those of the small one.
        factor_2 = np.array(grey_HW.shape[::-1]) / size[::-1]
        moved = STILL
        if self._size == size and len(self._corners_K2) >= LEAST_POINTS:
            moved = self._fit(grey_HW, factor_2)
        self._size, self._grey_HW = size, grey_HW
        self._corners_K2 = self._corners(grey_HW, boxes_M4, factor_2)
        return moved

    def _small(self, image_HWC: Array) -> Array:
        grey_HW: Array = self._cv2.cvtColor(image_HWC, self._cv2.COLOR_RGB2GRAY)
        height, width = grey_HW.shape
        if width <= WIDTH:
            return grey_HW
        size = (WIDTH, max(1, round(height * WIDTH / width)))
        small_HW: Array = self._cv2.resize(grey_HW, size, interpolation=self._cv2.INTER_AREA)
        return small_HW

    def _corners(
        self, grey_HW: Array, boxes_M4: Boxes, factor_2: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        mask_HW = np.full(grey_HW.shape, 255, dtype=np.uint8)
        factor_4, most_4 = np.tile(factor_2, 2), np.array(grey_HW.shape[::-1] * 2)
        ends_M4 = np.column_stack([boxes_M4[:, :2], boxes_M4[:, :2] + boxes_M4[:, 2:]]) * factor_4
        ends_M4[:, 2:] = np.ceil(ends_M4[:, 2:])
        for left, top, right, bottom in ends_M4.clip(0, most_4).astype(int).tolist():
            mask_HW[top:bottom, left:right] = 0
        found: Any = self._cv2.goodFeaturesToTrack(grey_HW, CORNERS, QUALITY, APART, mask=mask_HW)
        return np.empty((0, 2), np.float32) if found is None else found.reshape(-1, 2)

    def _fit(self, grey_HW: Array, factor_2: NDArray[np.float64]) -> Similarity:
        """Return how the corners of the last picture moved; `STILL` if they do not agree."""
        moved = self._follow(grey_HW, factor_2, np.zeros(2, np.float32), FAR)
        if moved is None:  # perhaps they are further away than flow finds them
            moved = self._follow(grey_HW, factor_2, self._shift(grey_HW), NEAR)
        return STILL if moved is None else moved

    def _shift(self, grey_HW: Array) -> NDArray[np.float32]:
        """Return by how many pixels the whole picture moved, by phase correlation."""
        height, width = grey_HW.shape
        faded_HW = self._cv2.createHanningWindow((width, height), self._cv2.CV_32F)
        pair = (self._grey_HW.astype(np.float32), grey_HW.astype(np.float32))
        shift_2, _ = self._cv2.phaseCorrelate(*pair, faded_HW)
        return np.array(shift_2, np.float32)

    def _follow(
        self,
        grey_HW: Array,
        factor_2: NDArray[np.float64],
        shift_2: NDArray[np.float32],
        levels: int,
    ) -> Similarity | None:
        """Return how the corners of the last picture moved, looked for where a shift takes them;
        None if they do not agree."""
        start_K2 = self._corners_K2
        here_K2, found_K = self._flow(self._grey_HW, grey_HW, start_K2, shift_2, levels)
        back_K2, returned_K = self._flow(grey_HW, self._grey_HW, here_K2, -shift_2, levels)
        missed_K = np.abs(back_K2 - start_K2).max(axis=1)
        good_K = found_K & returned_K & (missed_K <= BACK)
        needed = max(LEAST_POINTS, LEAST_SHARE * len(good_K))
        if good_K.sum() < needed:
            return None
        pixel = 1 / float(factor_2[0])
        from_K = _points(start_K2[good_K], factor_2)
        to_K = _points(here_K2[good_K], factor_2)
        coarse = fit_similarity(from_K, to_K, np.full(len(to_K), COARSE * pixel))
        near_K = np.full(len(to_K), FINE * pixel)
        moved = coarse.then(fit_similarity(coarse(from_K), to_K, near_K))
        agree_K = np.abs(moved(from_K) - to_K) <= 2 * near_K
        return moved if agree_K.sum() >= needed else None

    def _flow(
        self,
        from_HW: Array,
        to_HW: Array,
        points_K2: NDArray[np.float32],
        shift_2: NDArray[np.float32],
        levels: int,
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return where points have gone, looked for where a shift takes them, and which of them
        were found."""
        moved_K12, found_K1, _ = self._cv2.calcOpticalFlowPyrLK(
            from_HW,
            to_HW,
            points_K2[:, None],
            (points_K2 + shift_2)[:, None].copy(),  # it is written to
            winSize=(WINDOW, WINDOW),
            maxLevel=levels,
            flags=self._cv2.OPTFLOW_USE_INITIAL_FLOW,
        )
        return moved_K12.reshape(-1, 2), found_K1.ravel() == 1


def with_motion(rows: Rows, frames: Iterable[tuple[int, Array]]) -> Rows:
    """Return boxes with what the camera did between the frames.

    Args:
        rows: detections of a sequence.
        frames: number and RGB picture of each, rising; also those without boxes are looked at.

    Raises:
        FrameError: a frame with boxes has no picture, or a box is none.
        NetworkError: OpenCV is not installed.
    """
    camera, motions = CameraMotion(), {}
    missing = dict(rows.by_frame())
    for number, image_HWC in frames:
        if not missing or number > next(iter(missing)):
            break  # what the camera does after the last box moves nobody
        motions[number] = camera.update(image_HWC, missing.pop(number, NOTHING).boxes_M4)
    if missing:
        number = next(iter(missing))
        raise FrameError(f"frame {number}: has boxes, but no picture to see the camera in", number)
    return replace(rows, motions=motions)


def _points(points_K2: NDArray[np.float32], factor_2: NDArray[np.float64]) -> Points:
    """Return points of the small picture, whose pixels have their middles at whole numbers, as
    those of the picture, whose pixels begin there."""
    x_K, y_K = ((points_K2 + 0.5) / factor_2).T
    points_K: Points = x_K + 1j * y_K
    return points_K

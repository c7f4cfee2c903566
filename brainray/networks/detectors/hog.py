"""The pedestrian detector of before there were networks, through OpenCV."""

from typing import Annotated

import numpy as np
from pydantic import Field

from brainray.networks.detectors.interface import Detector, Found
from brainray.networks.detectors.labels import indices_of
from brainray.networks.detectors.opencv import opencv
from brainray.networks.detectors.spec import Share
from brainray.networks.detectors.suppression import suppress
from brainray.shapes import Array


class Hog(Detector):
    """Histograms of oriented gradients with a linear SVM (Dalal and Triggs, CVPR 2005).

    Its window is 64 x 128 pixels, so smaller people are only found in an enlarged image. A score
    is the distance from the SVM's plane, from 0 on without a bound.

    Args:
        min_score: from which on something counts as a person.
        overlap: IoU above which the surer of two boxes is kept alone.
        enlarge: factor on the image's sides before it is searched.
        classes: what to look for; it knows only ``person``.

    Raises:
        NetworkError: OpenCV is not installed, or it does not know a class.
    """

    def __init__(
        self,
        min_score: Annotated[float, Field(ge=0)] = 0.3,
        overlap: Share = 0.3,
        enlarge: Annotated[float, Field(ge=0.1, le=4)] = 2.0,
        classes: list[str] | None = None,
    ) -> None:
        self.tags, self.classes = ("one-stage",), ("person",)
        indices_of(classes, self.classes)
        self._cv2 = opencv("hog")
        self._min_score, self._overlap, self._enlarge = min_score, overlap, enlarge
        self._hog = self._cv2.HOGDescriptor()
        self._hog.setSVMDetector(self._cv2.HOGDescriptor_getDefaultPeopleDetector())

    def _detect(self, image_HWC: Array) -> Found:
        larger = self._cv2.resize(
            image_HWC[:, :, ::-1], None, fx=self._enlarge, fy=self._enlarge
        )  # OpenCV has BGR
        boxes, weights = self._hog.detectMultiScale(
            larger, hitThreshold=self._min_score, winStride=(8, 8), scale=1.05, groupThreshold=0
        )
        boxes_K4 = np.asarray(boxes, dtype=np.float64).reshape(-1, 4) / self._enlarge
        boxes_K4[:, 2:] += boxes_K4[:, :2]
        scores_K = np.asarray(weights, dtype=np.float64).reshape(-1)
        classes_K = np.zeros(len(scores_K), dtype=np.int64)
        kept = suppress(boxes_K4, scores_K, classes_K, self._overlap)
        return Found(boxes_K4[kept], scores_K[kept], classes_K[kept])

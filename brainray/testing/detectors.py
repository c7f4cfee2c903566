"""A detector for tests, and frames that it sees something in."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from brainray import plugins
from brainray.networks.detectors.interface import Detector, Found
from brainray.networks.detectors.weights import local_file
from brainray.shapes import Array

WIDTH, HEIGHT = 160, 120


class Colors(Detector):
    """Finds what has one color on black.

    Args:
        weights: any file.
        min_score: as of real detectors.

    Attributes:
        made: how often one was made.
        turns: an image is looked at when it has been released for it; None for at once.
    """

    made = 0
    turns: threading.Semaphore | None = None

    def __init__(self, weights: str | Path, min_score: float = 0.5) -> None:
        local_file(weights).read_bytes()
        self.tags, self.classes = ("one-stage",), ("thing",)
        self._score = max(min_score, 0.9)
        type(self).made += 1

    def _detect(self, image_HWC: Array) -> Found:
        if self.turns is not None and not self.turns.acquire(timeout=60):
            raise TimeoutError("the test has released no turn")
        packed_HW = image_HWC.astype(np.int64) @ np.array([65536, 256, 1])
        boxes = []
        for color in np.unique(packed_HW[packed_HW > 0]):
            rows, columns = np.nonzero(packed_HW == color)
            boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        boxes_M4 = np.array(boxes, dtype=np.float64).reshape(-1, 4)
        count = len(boxes_M4)
        return Found(boxes_M4, np.full(count, self._score), np.zeros(count, dtype=np.int64))


@contextmanager
def colors_offered() -> Iterator[None]:
    """Offer `Colors` as the detector ``colors``, as a package with an entry point would."""
    load = plugins.load

    def with_colors(group: str, name: str) -> Any:
        return Colors if (group, name) == ("detectors", "colors") else load(group, name)

    with patch.object(plugins, "load", with_colors):
        yield


def walk(frames: int, speed: int = 3, things: int = 2) -> list[Array]:
    """Return pictures (RGB) in which things of different colors move to the right."""
    pictures = []
    for number in range(frames):
        picture_HWC = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
        for thing in range(things):
            left, top = 5 + speed * number, 10 + 40 * thing
            picture_HWC[top : top + 24, left : left + 12] = (60 + 80 * thing, 200, 40)
        pictures.append(picture_HWC)
    return pictures

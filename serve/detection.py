"""Detectors, loaded once and asked by all streams: they keep nothing from one frame to the next.

So does what sees how their boxes look, where an endpoint has it.
"""

import asyncio
import json
import math
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from brainray.catalog.library import Library
from brainray.catalog.tracking_endpoints import APPEARANCE, TrackingEndpoint
from brainray.networks.detectors.interface import Detector, make_detector
from brainray.shapes import Array
from brainray.tracking.appearance import with_vectors
from brainray.tracking.detecting import as_detections
from brainray.tracking.interface import Detections, Tracker

if TYPE_CHECKING:
    from brainray.networks.appearance import Appearance

LOADED = 8
"""Detectors that stay loaded, the least recently used goes first."""
AT_ONCE = 2
"""Frames in which a process detects at the same time."""


@dataclass(frozen=True)
class Setup:
    """All that makes a detector; endpoints with equal ones share it.

    Attributes:
        detector: of ``brainray.detectors``.
        options: JSON.
        files: option and key in the store.
        appearance: how the file is read that sees how boxes look, JSON; None where nothing does.
        looks_from: the score from which on the looks of boxes are seen, whoever is asked.
    """

    detector: str
    options: str
    files: tuple[tuple[str, str], ...]
    appearance: str | None = None
    looks_from: float = field(default=-math.inf, compare=False)

    @classmethod
    def of(cls, endpoint: TrackingEndpoint, tracker: Tracker) -> "Setup | None":
        """Return that of an endpoint, None if it has no detector.

        Args:
            endpoint: of the catalog.
            tracker: of the endpoint, which compares looks or does not.
        """
        if endpoint.detector is None:
            return None
        options = json.dumps(endpoint.detector_options, sort_keys=True)
        files = tuple(sorted(endpoint.files.items()))
        if endpoint.appearance is None:
            return cls(endpoint.detector, options, files)
        appearance = json.dumps(endpoint.appearance, sort_keys=True)
        least = -math.inf if endpoint.min_score is None else endpoint.min_score
        looks_from = max(tracker.looks_from, least)
        return cls(endpoint.detector, options, files, appearance, looks_from)


class Detectors:
    """Loaded detectors. Threads may ask; only one loads at a time.

    Args:
        library: whose store has their files.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._loaded: OrderedDict[Setup, tuple[Detector, Appearance | None]] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, setup: Setup) -> "tuple[Detector, Appearance | None]":
        """Return a detector and what sees how its boxes look, loaded now if they are not yet.

        Raises:
            PluginError: there is none of this name.
            NetworkError: it cannot be made.
            CatalogError: a file of it is missing or damaged.
        """
        with self._lock:
            if setup not in self._loaded:
                files = {option: self._library.store.local_path(key) for option, key in setup.files}
                looks = None
                if setup.appearance is not None:
                    from brainray.tracking.looks import Looks  # it draws in onnx

                    looks = Looks(files.pop(APPEARANCE), json.loads(setup.appearance)).open()
                detector = make_detector(setup.detector, json.loads(setup.options) | files)
                self._loaded[setup] = detector, looks
            self._loaded.move_to_end(setup)
            while len(self._loaded) > LOADED:
                self._loaded.popitem(last=False)
            return self._loaded[setup]

    def detect(self, setup: Setup, image_HWC: Array) -> Detections:
        """Return what a detector finds in an image (RGB, uint8), see `load`.

        Raises:
            NetworkError: it gives what its description does not say.
        """
        detector, looks = self.load(setup)
        found = as_detections(detector.detect(image_HWC))
        if looks is None:
            return found
        return with_vectors(found, image_HWC, looks, setup.looks_from)


class Detection(Protocol):
    """Whoever detects for the streams of a process."""

    async def load(self, setup: Setup) -> None:
        """Load a detector, see `Detectors.load`."""

    async def detect(self, setup: Setup, image_HWC: Array) -> Detections:
        """Return what a detector finds in an image, see `Detectors.detect`."""

    def close(self) -> None:
        """Let go of what it works with."""


class LocalDetection:
    """Detects in threads of this process.

    Args:
        library: whose store has the detectors' files.
    """

    def __init__(self, library: Library) -> None:
        self._detectors = Detectors(library)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="detect")

    async def load(self, setup: Setup) -> None:
        """Load a detector."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._detectors.load, setup)

    async def detect(self, setup: Setup, image_HWC: Array) -> Detections:
        """Return what a detector finds in an image."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._detectors.detect, setup, image_HWC)

    def close(self) -> None:
        """End the threads; what waits is not detected."""
        self._threads.shutdown(wait=False, cancel_futures=True)

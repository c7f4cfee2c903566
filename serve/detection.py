"""Detectors, loaded once and asked by all streams: they keep nothing from one frame to the next."""

import asyncio
import json
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from brainray.catalog.library import Library
from brainray.catalog.tracking_endpoints import TrackingEndpoint
from brainray.networks.detectors.interface import Detector, make_detector
from brainray.shapes import Array
from brainray.tracking.detecting import as_detections
from brainray.tracking.interface import Detections

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
    """

    detector: str
    options: str
    files: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, endpoint: TrackingEndpoint) -> "Setup | None":
        """Return that of an endpoint, None if it has no detector."""
        if endpoint.detector is None:
            return None
        options = json.dumps(endpoint.detector_options, sort_keys=True)
        return cls(endpoint.detector, options, tuple(sorted(endpoint.files.items())))


class Detectors:
    """Loaded detectors. Threads may ask; only one loads at a time.

    Args:
        library: whose store has their files.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._loaded: OrderedDict[Setup, Detector] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, setup: Setup) -> Detector:
        """Return a detector, loaded now if it is not yet.

        Raises:
            PluginError: there is none of this name.
            NetworkError: it cannot be made.
            CatalogError: a file of it is missing or damaged.
        """
        with self._lock:
            if setup not in self._loaded:
                files = {option: self._library.store.local_path(key) for option, key in setup.files}
                self._loaded[setup] = make_detector(
                    setup.detector, json.loads(setup.options) | files
                )
            self._loaded.move_to_end(setup)
            while len(self._loaded) > LOADED:
                self._loaded.popitem(last=False)
            return self._loaded[setup]

    def detect(self, setup: Setup, image_HWC: Array) -> Detections:
        """Return what a detector finds in an image (RGB, uint8), see `load`.

        Raises:
            NetworkError: it gives what its description does not say.
        """
        return as_detections(self.load(setup).detect(image_HWC))


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

"""Gloo with a latency: what has been merged arrives later."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from torch import Tensor

from actors.communicator import TorchCommunicator
from brainray.training.interface import Merger, Port, Server


@dataclass(frozen=True)
class Arriving:
    """A merge that is on the way; it was done at some time, and is here a latency later."""

    done: Future[tuple[Tensor, float]]
    latency_seconds: float

    def wait(self) -> Tensor:
        """Wait until it is here."""
        merged, at = self.done.result()
        time.sleep(max(0.0, at + self.latency_seconds - time.monotonic()))
        return merged


class DelayedCommunicator:
    """One of several processes, behind a wire that is slow to answer.

    Args:
        latency_seconds: of each merge, from the last worker's message on.
    """

    def __init__(self, latency_seconds: float) -> None:
        self._wire = TorchCommunicator()
        self._latency_seconds = latency_seconds
        # Merges end in the order in which they began, so one thread can wait for them all.
        self._thread = ThreadPoolExecutor(1)

    @property
    def rank(self) -> int:
        """This worker's number."""
        return self._wire.rank

    @property
    def size(self) -> int:
        """The number of workers."""
        return self._wire.size

    def merge(self, message: Tensor, merger: Merger) -> Tensor:
        """Merge and wait."""
        return self.start_merge(message, merger).wait()

    def start_merge(self, message: Tensor, merger: Merger) -> Arriving:
        """Begin a merge."""
        pending = self._wire.start_merge(message, merger)

        def noted() -> tuple[Tensor, float]:
            return pending.wait(), time.monotonic()

        return Arriving(self._thread.submit(noted), self._latency_seconds)

    def connect(self, make: Callable[[], Server]) -> Port:
        """Start a server; it has no latency here."""
        return self._wire.connect(make)

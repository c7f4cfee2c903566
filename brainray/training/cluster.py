"""Machines and a network that are not there, for `brainray.training.simulation`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from brainray.errors import TrainingError
from brainray.training.options import above, at_least, number, whole

MOST_WORKERS = 1024


@dataclass(frozen=True)
class Slowdown:
    """A worker that takes longer for a while: a straggler, or with ``times`` infinite an outage.

    Attributes:
        worker: its number, from 0.
        times: how many times longer it computes, at least 1; ``inf`` if it stands still.
        start: when it begins, in seconds; computations that begin later are concerned.
        end: when it ends, after ``start``.

    Raises:
        TrainingError: one of them is impossible.
    """

    worker: int
    times: float
    start: float = 0.0
    end: float = float("inf")

    def __post_init__(self) -> None:
        whole("worker", self.worker, 0, MOST_WORKERS - 1)
        number("times", self.times, 1.0, math.inf)
        number("start", self.start, -math.inf, math.inf)
        above("end", self.end, self.start)


def check_slowdowns(slowdowns: Sequence[Slowdown], workers: int) -> None:
    """Refuse slowdowns that are none, or of workers that are not there.

    Args:
        slowdowns: of a cluster.
        workers: that there are, at least 1.

    Raises:
        TrainingError: it names the slowdown.
    """
    for slowdown in slowdowns:
        if not isinstance(slowdown, Slowdown):
            raise TrainingError(f"slowdowns: each must be a Slowdown, not {slowdown!r}")
        whole("slowdowns: worker", slowdown.worker, 0, workers - 1)


@dataclass(frozen=True)
class Cluster:
    """Machines and the network between them.

    Attributes:
        workers: 1 to 1,024.
        row_seconds: what a row takes to compute, at least 0.
        step_seconds: what a step takes beside its rows, at least 0.
        latency_seconds: of a message, at least 0.
        bytes_per_second: that a worker's link carries, above 0; ``inf`` if it takes no time.
        model_bytes: size of all parameters, and so of a gradient, at least 0.
        slowdowns: that workers suffer; those of one worker multiply.

    Raises:
        TrainingError: one of them is impossible.
    """

    workers: int
    row_seconds: float
    step_seconds: float = 0.0
    latency_seconds: float = 0.0
    bytes_per_second: float = float("inf")
    model_bytes: float = 0.0
    slowdowns: tuple[Slowdown, ...] = ()

    def __post_init__(self) -> None:
        whole("workers", self.workers, 1, MOST_WORKERS)
        at_least("row_seconds", self.row_seconds, 0)
        at_least("step_seconds", self.step_seconds, 0)
        at_least("latency_seconds", self.latency_seconds, 0)
        above("bytes_per_second", self.bytes_per_second, 0)
        at_least("model_bytes", self.model_bytes, 0)
        # In a simulation of workers that join, a slowdown may be of one that is not there yet.
        check_slowdowns(self.slowdowns, MOST_WORKERS)

    def merge_seconds(self, share: float) -> float:
        """Return what an all-reduce takes after the last message came.

        Args:
            share: size of the message, in sizes of the model. By a ring each worker sends it
                nearly twice; the latency counts once, as of pipelined chunks.
        """
        if self.workers == 1:
            return 0.0
        sent = 2 * (self.workers - 1) / self.workers * share * self.model_bytes
        return self.latency_seconds + sent / self.bytes_per_second

    def message_seconds(self, share: float) -> float:
        """Return what a message to a server, or back, takes; see `merge_seconds`."""
        return self.latency_seconds + share * self.model_bytes / self.bytes_per_second

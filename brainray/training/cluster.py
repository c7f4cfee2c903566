"""Machines and a network that are not there, for `brainray.training.simulation`."""

from dataclasses import dataclass

from brainray.errors import TrainingError

MOST_WORKERS = 1024


@dataclass(frozen=True)
class Slowdown:
    """A worker that takes longer for a while: a straggler, or with ``times`` infinite an outage.

    Attributes:
        worker: its number.
        times: how many times longer it computes, at least 1; ``inf`` if it stands still.
        start: when it begins, in seconds; computations that begin later are concerned.
        end: when it ends.
    """

    worker: int
    times: float
    start: float = 0.0
    end: float = float("inf")


@dataclass(frozen=True)
class Cluster:
    """Machines and the network between them.

    Attributes:
        workers: 1 to 1,024.
        row_seconds: what a row takes to compute.
        step_seconds: what a step takes beside its rows.
        latency_seconds: of a message.
        bytes_per_second: that a worker's link carries.
        model_bytes: size of all parameters, and so of a gradient.
        slowdowns: that workers suffer; those of one worker multiply.
    """

    workers: int
    row_seconds: float
    step_seconds: float = 0.0
    latency_seconds: float = 0.0
    bytes_per_second: float = float("inf")
    model_bytes: float = 0.0
    slowdowns: tuple[Slowdown, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MOST_WORKERS:
            raise TrainingError(
                f"workers: must be from 1 to {MOST_WORKERS:,} in a simulation, not {self.workers}"
            )

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

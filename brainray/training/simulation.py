"""Strategies in simulated time: how long an epoch takes, on machines that are not there.

The very rules that train networks run here, on a toy network of two numbers, whose messages count
as those of a real one. Time passes only where a worker computes, waits or sends; an event queue
brings workers forward in the order of their clocks, so the result depends on the arguments alone.
"""

import heapq
import itertools
import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from brainray.errors import TrainingError
from brainray.training.cluster import Cluster, check_slowdowns
from brainray.training.exchange import checked
from brainray.training.interface import (
    Ask,
    Merge,
    Merger,
    Pull,
    Push,
    Request,
    Server,
    Start,
    Step,
    Strategy,
    Wait,
)
from brainray.training.mergers import check_alike
from brainray.training.options import whole
from brainray.training.replica import NetworkReplica

TOY_NUMBERS = 2
RATE = 0.01
MOST_ROWS, MOST_EPOCHS = 1 << 40, 1 << 20


@dataclass(frozen=True)
class Outcome:
    """What was simulated, all in seconds.

    Attributes:
        epochs: how long each epoch took, from the last worker's end of the one before it; ``inf``
            from an outage on that has no end and that workers wait for.
        computing: of each worker, in all.
        waiting: of each worker, in all.
    """

    epochs: list[float]
    computing: list[float]
    waiting: list[float]


@dataclass(frozen=True)
class _Compute:
    rows: int


Event: TypeAlias = Request | _Compute
Process: TypeAlias = Generator[Event, Any, None]


@dataclass
class _Worker:
    process: Process
    clock: float = 0.0
    computing: float = 0.0
    waiting: float = 0.0
    merges: int = 0
    epochs: list[float] = field(default_factory=list)


@dataclass
class _Rendezvous:
    """A merge: done when all have posted; workers may wait for it before."""

    merger: Merger
    messages: dict[int, tuple[Tensor, Merger]] = field(default_factory=dict)
    last: float = 0.0
    done: float | None = None
    merged: Tensor | None = None
    waiting: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class _Ticket:
    number: int

    def wait(self) -> Tensor:
        """Never called: a simulated worker yields `Wait`."""
        raise TypeError("a strategy has to yield Wait(pending) instead of calling wait()")


def simulate_epochs(
    strategy: Callable[[], Strategy], cluster: Cluster, rows: int, batch_rows: int, epochs: int
) -> Outcome:
    """Run a strategy in simulated time.

    Args:
        strategy: makes a new instance for each worker.
        cluster: where it runs.
        rows: of an epoch, at least 1.
        batch_rows: of a step, on all workers together, at least 1.
        epochs: how many, at least 1.

    Raises:
        TrainingError: an argument is impossible; or workers wait for each other for ever: the
            strategy does not let all workers exchange the same.
    """
    check_effort(rows, batch_rows, epochs)
    check_slowdowns(cluster.slowdowns, cluster.workers)
    return _Simulation(strategy, cluster, rows, batch_rows, epochs).run()


def check_effort(rows: int, batch_rows: int, epochs: int) -> None:
    """Refuse a training that cannot be simulated; see `simulate_epochs`.

    Raises:
        TrainingError: it names the argument.
    """
    whole("rows", rows, 1, MOST_ROWS)
    whole("batch_rows", batch_rows, 1, MOST_ROWS)
    whole("epochs", epochs, 1, MOST_EPOCHS)


class _Simulation:
    def __init__(
        self,
        strategy: Callable[[], Strategy],
        cluster: Cluster,
        rows: int,
        batch_rows: int,
        epochs: int,
    ) -> None:
        self._cluster = cluster
        self._batches = [
            min(batch_rows, rows - first) for first in range(0, rows, batch_rows)
        ] * epochs
        self._an_epoch = len(self._batches) // epochs
        strategies = [strategy() for _ in range(cluster.workers)]
        first = strategies[0]
        size = cluster.workers
        self._server: Server | None = first.server(_replica(0, 1), size) if first.served else None
        self._merges: dict[int, _Rendezvous] = {}
        self._order = itertools.count()
        self._queue: list[tuple[float, int, int, Any]] = []
        self._workers: list[_Worker] = []
        for rank, own in enumerate(strategies):
            self._workers.append(_Worker(self._work(own, rank)))
            self._at(0.0, rank, None)

    def run(self) -> Outcome:
        """Bring workers forward until all have ended."""
        ended = 0
        while self._queue:
            time, _, rank, answer = heapq.heappop(self._queue)
            if rank < 0:  # a push reaches the server
                self._serve(time, *answer)
                continue
            worker = self._workers[rank]
            worker.clock = time
            try:
                event = worker.process.send(answer)
            except StopIteration:
                ended += 1
                continue
            self._handle(rank, event)
        if ended < len(self._workers):
            raise TrainingError(
                f"strategy: {len(self._workers) - ended} workers wait for each other for ever"
            )
        ends = [max(marks) for marks in zip(*(w.epochs for w in self._workers), strict=True)]
        return Outcome(
            epochs=[_passed(begin, end) for begin, end in itertools.pairwise([0.0, *ends])],
            computing=[worker.computing for worker in self._workers],
            waiting=[worker.waiting for worker in self._workers],
        )

    def _work(self, strategy: Strategy, rank: int) -> Process:
        """One worker's training, as `brainray.training.loop.fit` does it."""
        replica = _replica(rank, self._cluster.workers)
        worker = self._workers[rank]
        yield from checked(strategy.start(replica))
        for number, batch_rows in enumerate(self._batches, start=1):
            share = strategy.share(torch.arange(batch_rows), rank, self._cluster.workers)
            before = worker.computing
            if len(share) > 0:
                yield _Compute(len(share))
            ends_epoch = number % self._an_epoch == 0
            step = Step(
                replica.parameters(),  # the gradient of half the squared norm
                len(share),
                batch_rows,
                float(replica.parameters().square().sum()) / 2,
                _passed(before, worker.computing),
                ends_epoch,
            )
            yield from checked(strategy.step(replica, step))
            if number == len(self._batches):
                yield from checked(strategy.finish(replica))
            if ends_epoch:
                worker.epochs.append(worker.clock)

    def _at(self, time: float, rank: int, answer: Any) -> None:
        heapq.heappush(self._queue, (time, next(self._order), rank, answer))

    def _answer(self, rank: int, time: float, answer: Any) -> None:
        """Send an answer at this time, or now if the worker comes later."""
        worker = self._workers[rank]
        if time > worker.clock:
            worker.waiting += time - worker.clock
        self._at(max(time, worker.clock), rank, answer)

    def _handle(self, rank: int, event: Event) -> None:
        worker = self._workers[rank]
        match event:
            case _Compute(rows):
                seconds = self._computing_seconds(rank, rows, worker.clock)
                worker.computing += seconds
                self._at(worker.clock + seconds, rank, None)
            case Merge(message, merger):
                self._wait(rank, self._post(rank, message, merger))
            case Start(message, merger):
                self._at(worker.clock, rank, _Ticket(self._post(rank, message, merger)))
            case Wait(pending):
                assert isinstance(pending, _Ticket)
                self._wait(rank, pending.number)
            case Ask(push):
                share = 0.0 if push.vector is None else 1.0
                arrives = worker.clock + self._cluster.message_seconds(share)
                self._at(arrives, -1, (rank, push))

    def _computing_seconds(self, rank: int, rows: int, clock: float) -> float:
        base = self._cluster.step_seconds + rows * self._cluster.row_seconds
        for slowdown in self._cluster.slowdowns:
            if slowdown.worker == rank and slowdown.start <= clock < slowdown.end:
                if slowdown.times == float("inf"):
                    base += slowdown.end - clock
                else:
                    base *= slowdown.times
        return base

    def _post(self, rank: int, message: Tensor, merger: Merger) -> int:
        worker = self._workers[rank]
        number = worker.merges
        worker.merges += 1
        meeting = self._merges.setdefault(number, _Rendezvous(merger))
        meeting.messages[rank] = (message, merger)
        meeting.last = max(meeting.last, worker.clock)
        if len(meeting.messages) == len(self._workers):
            # What is not as large as the parameters is a few numbers, such as times.
            share = 1.0 if len(message) in (TOY_NUMBERS, TOY_NUMBERS + 1) else 0.0
            meeting.done = meeting.last + self._cluster.merge_seconds(share)
            ordered = [meeting.messages[rank] for rank in range(len(self._workers))]
            check_alike(ordered)
            meeting.merged = merger.merge([posted for posted, _ in ordered])
            meeting.messages.clear()
            for waiting in meeting.waiting:
                self._answer(waiting, meeting.done, meeting.merged.clone())
        return number

    def _wait(self, rank: int, number: int) -> None:
        meeting = self._merges[number]
        if meeting.done is None or meeting.merged is None:
            meeting.waiting.append(rank)
        else:
            self._answer(rank, meeting.done, meeting.merged.clone())

    def _serve(self, time: float, rank: int, push: Push) -> None:
        if self._server is None:
            raise TrainingError("strategy: it asks a server but is not 'served'")
        back = time + self._cluster.message_seconds(1.0)
        pulls: list[tuple[int, Pull]] = self._server.receive(rank, push)
        for other, pull in pulls:
            self._answer(other, back, pull)


def _passed(begin: float, end: float) -> float:
    """Return the seconds between two times; nothing ends again after an outage without end."""
    return end - begin if math.isfinite(end) else math.inf


def _replica(rank: int, size: int) -> NetworkReplica:
    parameter = nn.Parameter(torch.ones(TOY_NUMBERS, dtype=torch.float64))
    optimizer = torch.optim.SGD([parameter], lr=RATE)
    return NetworkReplica([parameter], optimizer, [RATE], rank, size)

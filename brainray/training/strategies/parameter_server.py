"""A parameter server that collects gradients or parameters (paper 3.3.2, Figure 9b).

Asynchronously as in Downpour SGD (Dean et al., NIPS 2012), with the bound on staleness of the
stale synchronous parallel model (Ho et al., NIPS 2013); synchronously it is all-reduce with a
center.
"""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from torch import Tensor, empty

from brainray.errors import TrainingError
from brainray.training.interface import (
    Ask,
    Exchange,
    Pull,
    Push,
    Replica,
    Request,
    Server,
    Step,
    Strategy,
)
from brainray.training.options import one_of, truth, whole


class ParameterServer(Strategy):
    """Workers push what they have computed to a server and pull its parameters.

    With ``exchange: gradients`` the server has the optimizer and workers have none; with
    ``parameters`` each worker steps by itself and tells by how much its parameters have moved.

    Args:
        synchronous: the server waits for all workers, then does one step for all of them. Else it
            takes in what comes when it comes.
        exchange: ``gradients`` or ``parameters``.
        period: steps between two pushes of parameters, 1 to 1,000,000.
        staleness: so many pushes a worker may be ahead of the slowest one, 0 to 1,000,000; then
            it waits. Not used if synchronous.

    Raises:
        TrainingError: an option is not allowed.
    """

    served = True

    def __init__(
        self,
        synchronous: bool = True,
        exchange: str = "gradients",
        period: int = 1,
        staleness: int = 4,
    ) -> None:
        self._synchronous = truth("synchronous", synchronous)
        self._exchange = one_of("exchange", exchange, "gradients", "parameters")
        self._period = whole("period", period, 1, 1_000_000)
        self._staleness = whole("staleness", staleness, 0, 1_000_000)
        if self._exchange == "gradients" and self._period > 1:
            raise TrainingError("period: must be 1 with 'exchange: gradients'")
        self.alike = synchronous and period == 1
        self.independent = not synchronous
        self._clear()

    def _clear(self) -> None:
        self._version = 0
        self._pulled = empty(0)
        self._members: tuple[int, ...] = ()
        self._steps = self._rows = self._batch_rows = 0

    def share(self, rows: Tensor, rank: int, size: int) -> Tensor:
        """Return this worker's part of a batch, among those whom the server has now."""
        if not self._members:
            return super().share(rows, rank, size)
        return super().share(rows, self._members.index(rank), len(self._members))

    def server(self, replica: Replica, size: int) -> Server:
        """Return the server."""
        gradients = self._exchange == "gradients"
        if self._synchronous:
            return SynchronousServer(replica, size, gradients)
        return AsynchronousServer(replica, size, gradients, self._staleness)

    def start(self, replica: Replica) -> Exchange:
        """Pull the first parameters."""
        self._clear()
        yield from self._ask(replica, Push("join"))

    def step(self, replica: Replica, step: Step) -> Exchange:
        """Push a gradient, or step alone and push if it is time."""
        self._steps += 1
        self._rows += step.rows
        self._batch_rows += step.batch_rows
        if self._exchange == "gradients":
            yield from self._push(replica, step.gradient)
            return
        if step.rows > 0:
            replica.apply(step.gradient)
        if self._steps == self._period:
            yield from self._push(replica, replica.parameters() - self._pulled)

    def finish(self, replica: Replica) -> Exchange:
        """Push what is left, and pull the last parameters."""
        if self._steps > 0:
            yield from self._push(replica, replica.parameters() - self._pulled)
        last = yield from self._ask(replica, Push("leave"))
        if last.moments:
            replica.load_moments(last.moments)  # for a checkpoint

    def _push(self, replica: Replica, vector: Tensor) -> Exchange:
        push = Push("step", vector, self._rows, self._batch_rows, self._version)
        self._steps = self._rows = self._batch_rows = 0
        yield from self._ask(replica, push)

    def _ask(self, replica: Replica, push: Push) -> Generator[Request, Any, Pull]:
        pull: Pull = yield Ask(push)
        self._version, self._pulled, self._members = pull.version, pull.vector, pull.members
        replica.load(pull.vector)
        return pull


class CentralServer:
    """What both kinds of server have in common.

    Attributes:
        members: the workers that it has.
        version: how often the parameters have changed.
        stalest: the most versions that a push was behind when it was applied.
    """

    def __init__(self, replica: Replica, size: int, gradients: bool) -> None:
        self.version = 0
        self.stalest = 0
        self._replica = replica
        self.members = list(range(size))
        self._gradients = gradients
        self._leaving: list[int] = []
        self._progress = float(replica.done)

    def receive(self, rank: int, push: Push) -> list[tuple[int, Pull]]:
        """Take a push; see `brainray.training.interface.Server`."""
        if push.kind == "join":
            return self._pulls([rank])
        if push.kind == "step":
            return self.take(rank, push)
        self._leaving.append(rank)
        return self._pulls(self.left(rank)) + self._last_pulls()

    def _last_pulls(self) -> list[tuple[int, Pull]]:
        """Answer those who leave, if all do."""
        if not self._leaving or len(self._leaving) < len(self.members):
            return []
        moments = self._replica.moments() if self._gradients else {}
        last = [(r, replace(p, moments=moments)) for r, p in self._pulls(self._leaving)]
        self._leaving = []
        self.all_left()
        return last

    def take(self, rank: int, push: Push) -> list[tuple[int, Pull]]:
        """Take what a worker has computed."""
        raise NotImplementedError

    def left(self, rank: int) -> list[int]:
        """Return whom to answer now because a worker has left."""
        return []

    def all_left(self) -> None:
        """Be ready for workers that join again, after a pause."""

    def _change(self, vector: Tensor, share: float, progress: float) -> None:
        """Apply a gradient or a movement; ``progress`` is by how many steps of the training."""
        if self._gradients:
            self._replica.at(self._progress + 1e-9)  # sums of fractions end just below a step
            self._replica.apply(vector, share)
        else:
            self._replica.load(self._replica.parameters() + share * vector)
        self._progress += progress
        self.version += 1

    def _pulls(self, ranks: list[int]) -> list[tuple[int, Pull]]:
        return [(rank, Pull(self._replica.parameters(), self.version)) for rank in ranks]


class SynchronousServer(CentralServer):
    """Waits for all workers, and does one step with the mean over all their rows."""

    def __init__(self, replica: Replica, size: int, gradients: bool) -> None:
        super().__init__(replica, size, gradients)
        self._pushes: dict[int, Push] = {}

    def take(self, rank: int, push: Push) -> list[tuple[int, Pull]]:
        """Answer all workers when the last of them has pushed."""
        self._pushes[rank] = push
        if len(self._pushes) < len(self.members):
            return []
        ordered = [self._pushes[rank] for rank in sorted(self._pushes)]
        self._pushes = {}
        parts = [
            push.vector * (push.rows / push.batch_rows)
            for push in ordered
            if push.vector is not None
        ]
        self._change(sum(parts[1:], parts[0]), share=1.0, progress=1.0)
        return self._pulls(self.members)


class AsynchronousServer(CentralServer):
    """Applies a push when it comes.

    Its learning rate is weighted by its share of a batch: then the pushes of all workers
    together move the parameters about as far as one step of all-reduce, for any optimizer.

    A worker that is lost leaves the others to share out the batches that follow among themselves.
    Of those that they have begun already, which are at most ``staleness`` pushes, its rows are
    missing, or are computed twice.
    """

    def __init__(self, replica: Replica, size: int, gradients: bool, staleness: int) -> None:
        super().__init__(replica, size, gradients)
        self._staleness = staleness
        self._clocks = dict.fromkeys(range(size), 0)
        self._waiting: list[int] = []

    def all_left(self) -> None:
        """Begin to count pushes anew."""
        self._clocks = dict.fromkeys(self.members, 0)

    def lost(self, rank: int) -> list[tuple[int, Pull]]:
        """Go on without a worker."""
        self.members.remove(rank)
        self._waiting = [other for other in self._waiting if other != rank]
        self._leaving = [other for other in self._leaving if other != rank]
        self._clocks.pop(rank, None)
        return self._pulls(self._released()) + self._last_pulls()

    def joined(self, rank: int) -> None:
        """Take a worker that begins with the others."""
        self.members = sorted([*self.members, rank])
        self._clocks[rank] = 0

    def _pulls(self, ranks: list[int]) -> list[tuple[int, Pull]]:
        members = tuple(self.members)
        return [(rank, replace(pull, members=members)) for rank, pull in super()._pulls(ranks)]

    def take(self, rank: int, push: Push) -> list[tuple[int, Pull]]:
        """Apply the push; answer those who are not too far ahead of the slowest worker."""
        if push.vector is not None and push.rows > 0:
            self.stalest = max(self.stalest, self.version - push.version)
            share = push.rows / push.batch_rows
            self._change(push.vector, share, progress=share)
        self._clocks[rank] += 1
        self._waiting.append(rank)
        return self._pulls(self._released())

    def left(self, rank: int) -> list[int]:
        """Wait no longer for a worker that has left."""
        del self._clocks[rank]
        return self._released()

    def _released(self) -> list[int]:
        slowest = min(self._clocks.values(), default=0)
        ready = [r for r in self._waiting if self._clocks[r] - slowest <= self._staleness]
        self._waiting = [r for r in self._waiting if r not in ready]
        return ready

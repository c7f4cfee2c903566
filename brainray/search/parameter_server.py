"""Holds a controller that asynchronous replicas train, see `brainray.search.asynchronous`."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from brainray.search.interface import Genome, Space, at_least
from brainray.search.policy_gradient import Ascent, Options
from brainray.seeding import one_thread
from brainray.shapes import FloatArray


@dataclass(frozen=True)
class Snapshot:
    """What a replica learns from the server.

    Attributes:
        version: of the parameters: how many gradients were applied.
        parameters: of the controller, shape `(P,)`.
        known: the evaluated codes with their values, the oldest first; NaN: failed.
        brood: the index of the children that may be drawn.
        count: how many may be; none when the budget is spent.
        refused: whether the gradient that this answers was too stale.
    """

    version: int
    parameters: FloatArray
    known: Mapping[Genome, float]
    brood: int = -1
    count: int = 0
    refused: bool = False


@dataclass(frozen=True)
class Push:
    """A gradient for the server.

    Attributes:
        replica: the number of who sends it.
        version: of the parameters by which it was computed.
        gradient: of shape `(P,)`; None if all children failed.
        values: of the children.
    """

    replica: int
    version: int
    gradient: FloatArray | None
    values: Mapping[Genome, float]


@dataclass(frozen=True)
class Call:
    """What the server keeps of a call.

    Attributes:
        replica: who called, or was lost.
        kind: of the call.
        staleness: of a gradient.
        applied: whether it was applied.
    """

    replica: int
    kind: Literal["pull", "push", "lost"]
    staleness: int = 0
    applied: bool = False


class Server(Protocol):
    """What a replica calls, here or elsewhere."""

    def pull(self, replica: int) -> Snapshot:
        """Return the current parameters, and how many children may be drawn."""

    def push(self, push: Push) -> Snapshot:
        """Apply a gradient unless it is too stale, and return the current parameters."""


class ParameterServer:
    """Holds a controller's parameters and applies gradients as they come.

    Args:
        space: what is searched.
        seed: of the run.
        options: how the controller learns.
        budget: distinct codes to evaluate.
        bound: the largest staleness of a gradient that is applied, at least 0.

    Attributes:
        calls: all calls so far, in their order.
        known: the evaluated codes with their values, in the order of their arrival.

    Raises:
        SearchError: an argument is not allowed.
    """

    def __init__(self, space: Space, seed: int, options: Options, budget: int, bound: int) -> None:
        at_least("reinforcement: budget", budget, 1)
        at_least("reinforcement: bound", bound, 0)
        self._ascent = Ascent(options.controller(space).initial(seed), options.rate)
        self._batch = options.batch
        self._budget = budget
        self._bound = bound
        self._version = 0
        self._broods = itertools.count()
        self._in_evaluation: dict[int, int] = {}
        self.calls: list[Call] = []
        self.known: dict[Genome, float] = {}

    def pull(self, replica: int) -> Snapshot:
        """Return the current parameters, and how many children the replica may draw."""
        self.calls.append(Call(replica, "pull"))
        left = self._budget - len(self.known) - sum(self._in_evaluation.values())
        count = max(0, min(self._batch, left))
        if not count:
            return self._snapshot()
        self._in_evaluation[replica] = count
        return self._snapshot(brood=next(self._broods), count=count)

    def push(self, push: Push) -> Snapshot:
        """Note the children's values, apply their gradient unless it is too stale, and answer."""
        self._in_evaluation.pop(push.replica, None)
        for genome, value in push.values.items():
            self.known.setdefault(genome, value)
        staleness = self._version - push.version
        applied = push.gradient is not None and staleness <= self._bound
        self.calls.append(Call(push.replica, "push", staleness, applied))
        if push.gradient is not None and applied:
            with one_thread():
                self._ascent.step(push.gradient)
            self._version += 1
        return self._snapshot(refused=staleness > self._bound)

    def lose(self, replica: int) -> None:
        """Give what a replica had in evaluation to others; it will not come back."""
        self.calls.append(Call(replica, "lost"))
        self._in_evaluation.pop(replica, None)

    def _snapshot(self, brood: int = -1, count: int = 0, refused: bool = False) -> Snapshot:
        parameters = self._ascent.parameters
        return Snapshot(self._version, parameters, dict(self.known), brood, count, refused)

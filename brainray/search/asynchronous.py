"""Asynchronous reinforcement learning: a server has the controller, replicas push gradients.

The paper's parallel form of 3.1.2, after Zoph and Le (ICLR 2017, section 3.2). A replica calls the
server whenever it is ready; the order of all calls decides everything else::

    while replica.act(server):   # pulls, draws children and evaluates them; or pushes a gradient
        ...

*Staleness* is how many versions the controller has moved on since the parameters by which a
gradient was computed. A gradient that is staler than a bound is refused. Its replica computes it
anew by the current parameters, from the same children, with importance weights, so that nothing is
evaluated twice. The server keeps the order of its calls; `replay` repeats them in one process, with
the same result.
"""

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from brainray.search.interface import Brood, Genome, Problem, Space, at_least
from brainray.search.policy_gradient import Ascent, Options, advantages, importance, propose
from brainray.seeding import derive, one_thread, torch_generator
from brainray.shapes import FloatArray

STALE_PROPOSALS = 1000
"""Codes that are drawn at most to find new ones; if none is new, the space has no more."""


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


class Replica:
    """Draws children, evaluates them, and computes the gradients that they give.

    Args:
        number: its name for the server.
        problem: evaluates children.
        seed: of the run.
        options: how the controller learns.
    """

    def __init__(self, number: int, problem: Problem, seed: int, options: Options) -> None:
        self._number = number
        self._problem = problem
        self._space = problem.space
        self._seed = seed
        self._options = options
        self._controller = options.controller(self._space)
        self._snapshot: Snapshot | None = None
        self._values: dict[Genome, float] = {}
        self._drawn_logs_B: FloatArray = np.zeros(0, dtype=np.float32)
        self._steps_left = 0

    def act(self, server: Server) -> bool:
        """Make the next call and do what follows from it; False says that nothing is left."""
        if self._steps_left:
            self._snapshot = server.push(self._push())
            self._steps_left -= not self._snapshot.refused
            return True
        self._snapshot = server.pull(self._number)
        return self._snapshot.count > 0 and self._evaluate(self._snapshot)

    def _evaluate(self, snapshot: Snapshot) -> bool:
        """Draw and evaluate children; False if there are no new ones."""
        generator = torch_generator(self._seed, "replica", snapshot.brood)
        proposals = propose(
            self._controller, snapshot.parameters, self._space, snapshot.known, generator
        )
        found: dict[Genome, None] = {}
        for code in itertools.islice(proposals, STALE_PROPOSALS):
            if code not in snapshot.known:
                found[code] = None
            if len(found) == snapshot.count:
                break
        children = tuple(found)
        if not children:
            return False
        seed = derive(self._seed, "brood", snapshot.brood)
        values = self._problem.evaluate(Brood(snapshot.brood, seed, children))
        self._values = {
            child: round(float(value), 6) for child, value in zip(children, values, strict=True)
        }
        with one_thread():
            self._drawn_logs_B = self._controller.log_prob(snapshot.parameters, self._good)
        self._steps_left = self._options.updates if self._good else 1
        return True

    @property
    def _good(self) -> list[Genome]:
        """The children that did not fail."""
        return [child for child, value in self._values.items() if not math.isnan(value)]

    def _push(self) -> Push:
        """Return the gradient by the parameters known last."""
        assert self._snapshot is not None
        gradient = self._gradient(self._snapshot) if self._good else None
        return Push(self._number, self._snapshot.version, gradient, self._values)

    def _gradient(self, snapshot: Snapshot) -> FloatArray:
        how, good = self._options, self._good
        earlier = [
            value
            for genome, value in snapshot.known.items()
            if genome not in self._values and not math.isnan(value)
        ]
        values = [*earlier, *(self._values[child] for child in good)]
        with one_thread():
            gains_B = advantages(values, len(good), how.decay)
            logs_B = self._controller.log_prob(snapshot.parameters, good)
            gains_B = gains_B * importance(logs_B, self._drawn_logs_B, how.clip)
            return self._controller.gradient(snapshot.parameters, good, gains_B, how.entropy)


def replay(
    calls: Iterable[Call], problem: Problem, seed: int, options: Options, budget: int, bound: int
) -> ParameterServer:
    """Repeat the calls of an asynchronous search in one process; return the server.

    Args:
        calls: of the search's server; only who called matters, and who was lost.
        problem, seed, options, budget, bound: as of the search.
    """
    server = ParameterServer(problem.space, seed, options, budget, bound)
    replicas: dict[int, Replica] = {}
    for call in calls:
        if call.kind == "lost":
            server.lose(call.replica)
            continue
        if call.replica not in replicas:
            replicas[call.replica] = Replica(call.replica, problem, seed, options)
        replicas[call.replica].act(server)
    return server

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
from collections.abc import Iterable

import numpy as np

from brainray.search.interface import Brood, Genome, Problem, comparable
from brainray.search.parameter_server import Call, ParameterServer, Push, Server, Snapshot
from brainray.search.policy_gradient import Options, advantages, importance, propose
from brainray.seeding import derive, one_thread, torch_generator
from brainray.shapes import FloatArray

STALE_PROPOSALS = 1000
"""Codes that are drawn at most to find new ones; if none is new, the space has no more."""


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
            child: comparable(float(value)) for child, value in zip(children, values, strict=True)
        }
        self._steps_left = 1  # tells the values, at least
        if self._good:
            with one_thread():
                self._drawn_logs_B = self._controller.log_prob(snapshot.parameters, self._good)
            self._steps_left = self._options.updates
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

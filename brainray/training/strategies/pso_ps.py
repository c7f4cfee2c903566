"""PSO-PS: workers are the particles of a swarm (paper 3.3.2 and its reference 31).

The reference's abstract says that a particle's position is a worker's weights and its fitness the
training loss, and that every n mini-batches a particle swarm step takes the place of averaging.
The two improvements that it speaks of are not known; the formula here is that of Kennedy and
Eberhart (1995) with an inertia weight (Shi and Eberhart 1998). Compare it with `local_sgd` at the
same period.
"""

from torch import Tensor, cat, empty, rand

from brainray.seeding import torch_generator
from brainray.training.interface import Exchange, Merge, Replica, Step, Strategy
from brainray.training.mergers import LEAST, SUM
from brainray.training.options import number, one_of, whole


class PSOPS(Strategy):
    """Every ``period`` steps a worker flies on from where its own steps have led it.

    v <- w v + c1 r1 (p - x) + c2 r2 (g - x); x <- x + v, where p is the worker's best position,
    g the best of all, and r1 and r2 are from U[0, 1]. A position's fitness is the mean training
    loss on the way to it. As that is noisy, a best position counts no longer than ``memory``
    exchanges: an old, lucky one would hold the swarm back.

    Args:
        period: steps between two exchanges, 1 to 1,000,000.
        inertia: w, 0 to 1.
        cognitive: c1, 0 to 4.
        social: c2, 0 to 4.
        reach: |v| is at most so much of |x|, 0 to 10.
        memory: exchanges, 1 to 1,000,000.
        result: ``average`` of the particles at the end, or the ``best`` one.

    Raises:
        TrainingError: an option is not allowed.
    """

    def __init__(
        self,
        period: int = 20,
        inertia: float = 0.1,
        cognitive: float = 0.08,
        social: float = 0.5,
        reach: float = 0.5,
        memory: int = 5,
        result: str = "average",
    ) -> None:
        self._period = whole("period", period, 1, 1_000_000)
        self.alike = False
        self._inertia = number("inertia", inertia, 0.0, 1.0)
        self._cognitive = number("cognitive", cognitive, 0.0, 4.0)
        self._social = number("social", social, 0.0, 4.0)
        self._reach = number("reach", reach, 0.0, 10.0)
        self._memory = whole("memory", memory, 1, 1_000_000)
        self._result = one_of("result", result, "average", "best")
        self._steps = self._rows = self._rounds = self._age = 0
        self._loss = 0.0
        self._velocity = self._best = empty(0)

    def start(self, replica: Replica) -> Exchange:
        """Rest."""
        self._steps = self._rows = self._rounds = self._age = 0
        self._loss = 0.0
        self._velocity = replica.parameters().zero_()
        self._best = empty(0)
        yield from ()

    def step(self, replica: Replica, step: Step) -> Exchange:
        """Step alone; fly on if it is time."""
        if step.rows > 0:
            replica.apply(step.gradient)
            self._loss += step.loss * step.rows
            self._rows += step.rows
        self._steps += 1
        if self._steps % self._period == 0:
            yield from self._fly(replica)

    def finish(self, replica: Replica) -> Exchange:
        """Become the average of all particles, or the best one."""
        if self._result == "average":
            replica.load((yield Merge(replica.parameters() / replica.size, SUM)))
        else:
            self._remember(replica.parameters())
            best: Tensor = yield Merge(self._best, LEAST)
            replica.load(best[:-1])

    def _fly(self, replica: Replica) -> Exchange:
        own = replica.parameters()
        self._remember(own)
        best: Tensor = yield Merge(self._best, LEAST)
        generator = torch_generator(replica.seed, "pso_ps", replica.rank, self._rounds)
        towards_own, towards_best = rand(2, generator=generator).tolist()
        velocity = self._inertia * self._velocity
        velocity += self._cognitive * towards_own * (self._best[:-1] - own)
        velocity += self._social * towards_best * (best[:-1] - own)
        limit = self._reach * float(own.norm())
        velocity *= min(1.0, limit / max(float(velocity.norm()), 1e-30))
        self._velocity = velocity
        self._rounds += 1
        replica.load(own + velocity)

    def _remember(self, own: Tensor) -> None:
        """Keep the better one of this position and the best one; its fitness is the last number."""
        self._age += 1
        fitness = self._loss / self._rows if self._rows > 0 else float("inf")
        forgotten = len(self._best) == 0 or self._age >= self._memory
        if forgotten or not float(self._best[-1]) <= fitness:
            self._best = cat([own, own.new_tensor([fitness])])
            self._age = 0
        self._loss, self._rows = 0.0, 0

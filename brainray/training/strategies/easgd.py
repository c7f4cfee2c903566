"""Elastic averaging SGD (Zhang, Choromanska, LeCun, NIPS 2015), in its synchronous form."""

from torch import Tensor, empty

from brainray.training.interface import Exchange, Merge, Replica, Step, Strategy
from brainray.training.mergers import SUM
from brainray.training.options import number, whole


class EASGD(Strategy):
    """Every ``period`` steps workers and a center pull each other together.

    d_i = a (x_i - c); x_i <- x_i - d_i; c <- c + sum of d_i, with a = ``pull`` / n (equations 2
    and 3). Every worker computes the same center; at the end it is the result.

    Args:
        period: steps between two exchanges (the paper's tau), 1 to 1,000,000.
        pull: n a, the paper's beta, above 0 and at most 1; it is what the paper recommends.

    Raises:
        TrainingError: an option is not allowed.
    """

    def __init__(self, period: int = 4, pull: float = 0.9) -> None:
        self._period = whole("period", period, 1, 1_000_000)
        self.alike = False
        self._pull = number("pull", pull, 1e-6, 1.0)
        self._steps = 0
        self._center = empty(0)

    def start(self, replica: Replica) -> Exchange:
        """Put the center where all workers start."""
        self._steps = 0
        self._center = replica.parameters()
        yield from ()

    def step(self, replica: Replica, step: Step) -> Exchange:
        """Step alone; exchange if it is time."""
        if step.rows > 0:
            replica.apply(step.gradient)
        self._steps += 1
        if self._steps % self._period == 0:
            yield from self._exchange(replica)

    def finish(self, replica: Replica) -> Exchange:
        """Exchange once more, and become the center."""
        yield from self._exchange(replica)
        replica.load(self._center)

    def _exchange(self, replica: Replica) -> Exchange:
        own, center = replica.parameters(), self._center
        total: Tensor = yield Merge(own.clone(), SUM)
        alpha = self._pull / replica.size
        replica.load(own - alpha * (own - center))
        self._center = center + alpha * (total - replica.size * center)

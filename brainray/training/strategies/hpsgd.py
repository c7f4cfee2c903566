"""HPSGD: workers train on while their gradients are on the way (paper 3.3.2, reference 33).

Written from the rule, not from the code that its authors released, of which four things are
otherwise here: nobody waits at a barrier; a logical counter of steps decides when a round ends,
not what has arrived where, so that all workers exchange the same rounds; the last update is
applied before the end; and a round's gradient is the mean over its steps, so that the learning
rate does not grow with their number.
"""

from typing import Any

from torch import Tensor

from brainray.training.interface import (
    Exchange,
    Pending,
    Replica,
    Start,
    Step,
    Strategy,
    Wait,
)
from brainray.training.mergers import SUM
from brainray.training.options import whole


class HPSGD(Strategy):
    """W_(k+1) = W_k - eta mean over workers and steps of the gradients of round k, a round late.

    A round is ``period`` steps. At its end a worker takes in what the round before it has sent,
    goes back to W_k and applies it, sends the gradients of the round that ends, and trains on.
    Its own steps between two ends only explore: they are dropped, their gradients are not.

    Args:
        period: steps of a round, 1 to 1,000,000: as many as a message is on the way.

    Raises:
        TrainingError: the period is not allowed.
    """

    def __init__(self, period: int = 1) -> None:
        self._period = whole("period", period, 1, 1_000_000)
        self.alike = period == 1
        self._steps = 0
        self._sum: Tensor | None = None
        self._pending: Pending | None = None
        self._base: Any = None

    def start(self, replica: Replica) -> Exchange:
        """Begin the first round, with nothing on the way."""
        self._steps, self._sum, self._pending, self._base = 0, None, None, None
        yield from ()

    def step(self, replica: Replica, step: Step) -> Exchange:
        """Explore, or end a round."""
        weighted = step.gradient * (step.rows / step.batch_rows)
        self._sum = weighted if self._sum is None else self._sum + weighted
        self._steps += 1
        if self._steps == self._period:
            yield from self._end_round(replica)
        else:
            if self._base is None:
                self._base = replica.save()
            if step.rows > 0:
                replica.apply(step.gradient)

    def finish(self, replica: Replica) -> Exchange:
        """Apply what is on the way, and a last round that was cut short."""
        if self._sum is not None:
            yield from self._end_round(replica)
        yield from self._take_in(replica)

    def _end_round(self, replica: Replica) -> Exchange:
        if self._base is not None:
            replica.restore(self._base)
            self._base = None
        yield from self._take_in(replica)
        if self._sum is not None:
            self._pending = yield Start(self._sum / self._steps, SUM)
        self._steps, self._sum = 0, None

    def _take_in(self, replica: Replica) -> Exchange:
        if self._pending is not None:
            replica.apply((yield Wait(self._pending)))
            self._pending = None

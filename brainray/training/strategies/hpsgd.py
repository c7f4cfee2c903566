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
    Its own steps only explore: they are dropped, their gradients are not. The first of them is by
    its own part of what it has just sent, so that the next gradients are those of where the others
    will soon have come to, too, and not those of a round before.

    Args:
        period: steps of a round, 1 to 1,000,000: as many as a message is on the way.

    Raises:
        TrainingError: the period is not allowed.
    """

    alike = False

    def __init__(self, period: int = 1) -> None:
        self._period = whole("period", period, 1, 1_000_000)
        self._clear()

    def _clear(self) -> None:
        self._steps = 0
        self._own: Tensor | None = None
        self._rows = self._batch_rows = 0
        self._pending: Pending | None = None
        self._base: Any = None

    def start(self, replica: Replica) -> Exchange:
        """Begin the first round, with nothing on the way."""
        self._clear()
        yield from ()

    def step(self, replica: Replica, step: Step) -> Exchange:
        """Explore, or end a round."""
        weighted = step.gradient * (step.rows / step.batch_rows)
        self._own = weighted if self._own is None else self._own + weighted
        self._rows += step.rows
        self._batch_rows += step.batch_rows
        self._steps += 1
        if self._steps == self._period:
            yield from self._end_round(replica)
        else:
            self._explore(replica, step.gradient, step.rows)

    def finish(self, replica: Replica) -> Exchange:
        """Apply what is on the way, and a last round that was cut short."""
        if self._own is not None:
            yield from self._end_round(replica)
        yield from self._take_in(replica)

    def _end_round(self, replica: Replica) -> Exchange:
        assert self._own is not None
        own = self._own / self._steps
        yield from self._take_in(replica)
        # The message is given away, and may be overwritten.
        self._pending = yield Start(own.clone(), SUM)
        if self._rows > 0:
            self._explore(replica, own * (self._batch_rows / self._rows), self._rows)
        self._steps, self._own, self._rows, self._batch_rows = 0, None, 0, 0

    def _explore(self, replica: Replica, gradient: Tensor, rows: int) -> None:
        if self._base is None:
            self._base = replica.save()
        if rows > 0:
            replica.apply(gradient)

    def _take_in(self, replica: Replica) -> Exchange:
        """Go back to W_k and apply what has been on the way."""
        if self._base is not None:
            replica.restore(self._base)
            self._base = None
        if self._pending is not None:
            replica.apply((yield Wait(self._pending)))
            self._pending = None

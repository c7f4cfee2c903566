"""Local SGD: workers train by themselves and average their parameters now and then.

Periodic model averaging: McMahan et al., AISTATS 2017; Stich, "Local SGD converges fast and
communicates little", ICLR 2019. With period 1, plain or momentum SGD and even shares it is
all-reduce; adaptive optimizers keep their moments to themselves.
"""

from brainray.training.interface import Exchange, Merge, Replica, Step, Strategy
from brainray.training.mergers import SUM
from brainray.training.options import whole


class LocalSGD(Strategy):
    """x <- sum over workers i of (r_i / R) x_i every ``period`` steps.

    r_i of R are the rows that worker i computed since the last time.

    Args:
        period: steps between two averages, 1 to 1,000,000.

    Raises:
        TrainingError: the period is not allowed.
    """

    def __init__(self, period: int = 20) -> None:
        self._period = whole("period", period, 1, 1_000_000)
        self.alike = period == 1
        self._steps = self._rows = self._batch_rows = 0

    def start(self, replica: Replica) -> Exchange:
        """Count from 0."""
        self._steps = self._rows = self._batch_rows = 0
        yield from ()

    def step(self, replica: Replica, step: Step) -> Exchange:
        """Step alone; average if it is time."""
        if step.rows > 0:
            replica.apply(step.gradient)
        self._steps += 1
        self._rows += step.rows
        self._batch_rows += step.batch_rows
        if self._steps == self._period:
            yield from self._average(replica)

    def finish(self, replica: Replica) -> Exchange:
        """Average what came since the last time."""
        if self._steps > 0:
            yield from self._average(replica)

    def _average(self, replica: Replica) -> Exchange:
        weighted = replica.parameters() * (self._rows / self._batch_rows)
        replica.load((yield Merge(weighted, SUM)))
        self._steps = self._rows = self._batch_rows = 0

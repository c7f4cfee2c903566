"""All-reduce: synchronous SGD, equal to training in one process (paper 3.3.2)."""

from torch import Tensor

from brainray.training.interface import Exchange, Merge, Replica, Step, Strategy
from brainray.training.mergers import SUM, Sum


class AllReduce(Sum, Strategy):
    """g = sum over workers i of (b_i / B) g_i, with g_i the mean over its b_i of B rows."""

    def message(self, gradient: Tensor, rows: int, batch_rows: int) -> Tensor:
        """Weight a worker's mean gradient by its share of the batch, so that uneven shares do."""
        return gradient * (rows / batch_rows)

    def step(self, replica: Replica, step: Step) -> Exchange:
        """Apply the mean gradient of the whole batch."""
        message = self.message(step.gradient, step.rows, step.batch_rows)
        replica.apply((yield Merge(message, SUM)))

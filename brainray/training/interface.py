"""The seam between a training loop and how workers synchronise.

Every worker runs the same loop (`brainray.training.loop.fit`)::

    for batch in batches:                                        # the same on every worker
        rows = strategy.share(batch, rank, size)                 # what this worker computes
        gradient = ...                                           # mean over its rows
        message = strategy.message(gradient, len(rows), len(batch))
        merged = communicator.merge(message, strategy)           # strategy.merge of all messages
        optimizer.step(merged)

A strategy is pure: what is shared out, sent and merged. A communicator is the wire: threads of
one process (`brainray.training.communicator`) or torch.distributed (`actors.communicator`).
"""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class Strategy(Protocol):
    """A synchronisation rule as pure functions (paper 3.3.2).

    Attributes:
        collective: "sum" if ``merge`` is a plain sum, so that a communicator may use its
            all-reduce; None if it has to gather the messages and call ``merge``.
    """

    collective: str | None

    def share(self, rows: Tensor, rank: int, size: int) -> Tensor:
        """Return the part of a batch's row numbers that worker ``rank`` of ``size`` computes."""

    def message(self, gradient: Tensor, rows: int, batch_rows: int) -> Tensor:
        """Return what a worker sends: ``gradient`` is the mean over its ``rows`` rows."""

    def merge(self, messages: Sequence[Tensor]) -> Tensor:
        """Return the gradient that every worker applies, from the messages in rank order."""


class Communicator(Protocol):
    """The wire between the workers of one training."""

    @property
    def rank(self) -> int:
        """This worker's number, 0 to ``size - 1``."""

    @property
    def size(self) -> int:
        """The number of workers, at least 1."""

    def merge(self, message: Tensor, strategy: Strategy) -> Tensor:
        """Send ``message`` to all, wait for all, and return ``strategy.merge`` of them."""

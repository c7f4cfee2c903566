"""All-reduce: synchronous SGD, equal to training in one process (paper 3.3.2)."""

from collections.abc import Sequence

import torch
from torch import Tensor


class AllReduce:
    """g = sum over workers i of (b_i / B) g_i, with g_i the mean over its b_i of B rows."""

    collective: str | None = "sum"

    def share(self, rows: Tensor, rank: int, size: int) -> Tensor:
        """Return part ``rank`` of ``size`` nearly equal, contiguous parts of a batch."""
        return torch.tensor_split(rows, size)[rank]

    def message(self, gradient: Tensor, rows: int, batch_rows: int) -> Tensor:
        """Weight a worker's mean gradient by its share of the batch, so that uneven shares do."""
        return gradient * (rows / batch_rows)

    def merge(self, messages: Sequence[Tensor]) -> Tensor:
        """Sum the weighted gradients in rank order."""
        return torch.stack(list(messages)).sum(dim=0)

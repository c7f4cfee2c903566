"""The wire between Ray Train's workers: torch.distributed."""

import torch
import torch.distributed
from torch import Tensor

from brainray.errors import ClusterError
from brainray.training.interface import Strategy


class TorchCommunicator:
    """One worker of an initialised torch.distributed process group."""

    @property
    def rank(self) -> int:
        """This worker's number."""
        return torch.distributed.get_rank()

    @property
    def size(self) -> int:
        """The number of workers."""
        return torch.distributed.get_world_size()

    def merge(self, message: Tensor, strategy: Strategy) -> Tensor:
        """All-reduce if the strategy's merge is a sum, else gather and merge."""
        if strategy.collective == "sum":
            torch.distributed.all_reduce(message)
            return message
        if strategy.collective is not None:
            raise ClusterError(f"strategy: collective {strategy.collective!r}, allowed is 'sum'")
        messages = [torch.empty_like(message) for _ in range(self.size)]
        torch.distributed.all_gather(messages, message)
        return strategy.merge(messages)

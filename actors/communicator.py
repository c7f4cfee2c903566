"""The wire between Ray Train's workers: torch.distributed, and an actor for parameter servers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed
from torch import Tensor

from actors.training_server import ActorPort, find_server, start_server
from brainray.errors import ClusterError
from brainray.training.interface import Merger, Server


@dataclass(frozen=True)
class Collective:
    """A collective operation that runs in the background."""

    work: Any
    messages: list[Tensor]
    merger: Merger

    def wait(self) -> Tensor:
        """Wait for it; return what it has merged."""
        self.work.wait()
        if self.merger.collective == "sum":
            return self.messages[0]
        return self.merger.merge(self.messages)


class TorchCommunicator:
    """One worker of an initialised torch.distributed process group."""

    def __init__(self) -> None:
        self._server: Any = None

    @property
    def rank(self) -> int:
        """This worker's number."""
        return torch.distributed.get_rank()

    @property
    def size(self) -> int:
        """The number of workers."""
        return torch.distributed.get_world_size()

    def merge(self, message: Tensor, merger: Merger) -> Tensor:
        """All-reduce if the merge is a sum, else gather and merge."""
        return self.start_merge(message, merger).wait()

    def start_merge(self, message: Tensor, merger: Merger) -> Collective:
        """Begin what `merge` does."""
        if merger.collective == "sum":
            work = torch.distributed.all_reduce(message, async_op=True)
            return Collective(work, [message], merger)
        if merger.collective is not None:
            raise ClusterError(f"strategy: collective {merger.collective!r}, allowed is 'sum'")
        messages = [torch.empty_like(message) for _ in range(self.size)]
        work = torch.distributed.all_gather(messages, message, async_op=True)
        return Collective(work, messages, merger)

    def connect(self, make: Callable[[], Server]) -> ActorPort:
        """Start the server's actor from the first worker.

        The actor before it, of which this worker may hold the only handle, ends: nobody gets
        here who has not had its last answer.
        """
        names = [""]
        if self.rank == 0:
            started, names[0] = start_server(make())
        torch.distributed.broadcast_object_list(names, src=0)
        self._server = started if self.rank == 0 else find_server(names[0])
        return ActorPort(self._server, self.rank)

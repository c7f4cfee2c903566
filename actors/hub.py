"""What workers meet at that go on without one that is lost: one actor for all trainings of a run.

A plain class with short asynchronous calls; `actors.independent` makes the actor of it. It has
the parameter servers, one a training, and adds up the few messages that workers merge. What has
been merged it keeps: a worker that joins does what the others have done, and finds their results.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from actors.training_server import packed, unpacked
from brainray.errors import ClusterError
from brainray.training.communicator import Done
from brainray.training.interface import Membership, Merger, Pull, Push, Server


@dataclass
class Merging:
    """A merge: done when all who take part have brought their message."""

    messages: dict[int, Any] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    result: Any = None


@dataclass
class Served:
    """One training and its server.

    Attributes:
        server: of the training.
        pauses: how often all workers have left it.
        idle: whether no worker is between joining and leaving: then others may join.
        waiting: workers that will join.
        answers: to those who have asked.
        leaving: those of them who leave.
    """

    server: Membership
    pauses: int = 0
    idle: bool = True
    waiting: dict[int, asyncio.Future[None]] = field(default_factory=dict)
    answers: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    leaving: set[int] = field(default_factory=set)

    def give(self, pulls: list[tuple[int, Pull]]) -> None:
        """Give answers; when those who leave get theirs, all have left, and others join."""
        all_left = any(rank in self.leaving for rank, _ in pulls)
        for rank, pull in pulls:
            self.answers.pop(rank).set_result(packed(pull))
        if not all_left:
            return
        self.leaving.clear()
        self.pauses += 1
        self.idle = True
        self.take_all()

    def take_all(self) -> None:
        """Have those join who wait."""
        for rank, told in self.waiting.items():
            self.server.joined(rank)
            told.set_result(None)
        self.waiting.clear()


class Hub:
    """Where the workers of one group meet.

    Args:
        members: the workers with which it begins.
    """

    def __init__(self, members: list[int]) -> None:
        self._members = set(members)
        self._merges: list[Merging] = []
        self._trainings: list[Served] = []
        self._made = asyncio.Condition()

    async def merge(self, rank: int, number: int, message: Any) -> Any:
        """Return the sum of what all workers bring to the merge of this number, an array."""
        while len(self._merges) <= number:
            self._merges.append(Merging())
        merging = self._merges[number]
        if not merging.done.is_set():
            merging.messages[rank] = message
            self._members.add(rank)  # who comes with the others takes part with them
            self._end(merging)
            await merging.done.wait()
        return merging.result

    def _end(self, merging: Merging) -> None:
        if merging.messages and self._members <= merging.messages.keys():
            merging.result = sum(merging.messages[rank] for rank in sorted(merging.messages))
            merging.messages.clear()
            merging.done.set()

    async def connect(self, number: int, server: Server | None) -> None:
        """Take the server of a training from the first worker; others wait for it."""
        async with self._made:
            if server is not None:
                assert isinstance(server, Membership)
                for rank in set(server.members) - self._members:
                    server.lost(rank)
                for rank in self._members - set(server.members):
                    server.joined(rank)
                for before in self._trainings:  # it has ended, and nobody will leave it any more
                    before.take_all()
                self._trainings.append(Served(server))
                self._made.notify_all()
            await self._made.wait_for(lambda: len(self._trainings) > number)

    async def enter(self, rank: int, number: int) -> int:
        """Return how often the others have paused when this worker may take part."""
        served = self._trainings[number]
        if rank not in served.server.members:
            if served.idle or served is not self._trainings[-1]:
                served.server.joined(rank)
            else:
                served.waiting[rank] = asyncio.get_running_loop().create_future()
                await served.waiting[rank]
            self._members.add(rank)
        return served.pauses

    async def ask(self, rank: int, number: int, push: Any) -> Any:
        """Return the server's answer to a packed push, packed, when it gives it."""
        served = self._trainings[number]
        message: Push = unpacked(push)
        answer = asyncio.get_running_loop().create_future()
        served.answers[rank] = answer
        if message.kind == "join":
            served.idle = False
        if message.kind == "leave":
            served.leaving.add(rank)
        served.give(served.server.receive(rank, message))
        return await answer

    async def lost(self, rank: int) -> None:
        """Go on without a worker; nothing if it is not known."""
        self._members.discard(rank)
        for served in self._trainings:
            served.waiting.pop(rank, None)
            served.answers.pop(rank, None)
            served.leaving.discard(rank)
            if rank in served.server.members:
                served.give(served.server.lost(rank))
        for merging in self._merges:
            if not merging.done.is_set():
                merging.messages.pop(rank, None)
                self._end(merging)


Call = Callable[..., Any]
"""Calls a method of the hub by its name, waits, and returns its result."""


class HubCommunicator:
    """One of the workers that meet at a hub.

    Args:
        rank: its number.
        size: number of workers with which the group began. One that began alone counts as two,
            for others may join.
        call: the hub.
    """

    def __init__(self, rank: int, size: int, call: Call) -> None:
        self.rank = rank
        self.size = max(size, 2)
        self._call = call
        self._merges = 0
        self._trainings = 0

    def merge(self, message: Tensor, merger: Merger) -> Tensor:
        """Return the sum of all workers' messages.

        Raises:
            ClusterError: the merge is no sum.
        """
        if merger.collective != "sum":
            raise ClusterError("strategy: workers that do not wait for each other merge sums alone")
        number, self._merges = self._merges, self._merges + 1
        return torch.tensor(self._call("merge", self.rank, number, message.numpy()))

    def start_merge(self, message: Tensor, merger: Merger) -> Done:
        """Merge at once."""
        return Done(self.merge(message, merger))

    def connect(self, make: Callable[[], Server]) -> "HubPort":
        """Bring the server, if this is the first worker, or wait for it."""
        number, self._trainings = self._trainings, self._trainings + 1
        self._call("connect", number, make() if self.rank == 0 else None)
        return HubPort(self.rank, number, self._call)


@dataclass(frozen=True)
class HubPort:
    """One worker's way to the server of one training."""

    rank: int
    number: int
    call: Call

    def ask(self, push: Push) -> Pull:
        """Send a push and wait for the answer."""
        pull: Pull = unpacked(self.call("ask", self.rank, self.number, packed(push)))
        return pull

    def enter(self) -> int:
        """Wait until this worker may take part; return how often the others have paused."""
        pauses: int = self.call("enter", self.rank, self.number)
        return pauses

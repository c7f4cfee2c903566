"""What a search has to evaluate: the queue between its driver and its workers."""

import asyncio
import json
from collections import deque

import ray


class Broods:
    """Broods that wait for a worker, in order, and who has taken which.

    Workers pull, so one that is fast does more, and one that joins late gets its share.
    """

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._taken: dict[str, str] = {}
        self._lost: set[str] = set()
        self._ended = False
        self._changed = asyncio.Condition()

    async def put(self, brood: str, after: None) -> None:
        """Add a brood at the end.

        Args:
            brood: as JSON.
            after: what another call gives that has to be done before.
        """
        async with self._changed:
            self._waiting.append(brood)
            self._changed.notify_all()

    async def take(self, worker: str) -> str | None:
        """Return the next brood, as soon as there is one; None if the worker shall end.

        Who asks for a brood has done the one before.
        """
        async with self._changed:
            self._taken.pop(worker, None)
            await self._changed.wait_for(
                lambda: self._waiting or self._ended or worker in self._lost
            )
            if self._ended or worker in self._lost:
                return None
            self._taken[worker] = self._waiting.popleft()
            return self._taken[worker]

    async def lose(self, worker: str, outstanding: list[int]) -> str | None:
        """Put what a lost worker had taken in front again, and return it.

        Args:
            worker: the lost one.
            outstanding: the broods whose values are not known; a worker may be lost after it
                has reported a brood and before it asked for the next.
        """
        async with self._changed:
            self._lost.add(worker)  # it may still be waiting for one
            self._changed.notify_all()
            brood = self._taken.pop(worker, None)
            if brood is None or json.loads(brood)[0] not in outstanding:
                return None
            self._waiting.appendleft(brood)
            return brood

    async def end(self) -> None:
        """Have the workers end."""
        async with self._changed:
            self._ended = True
            self._changed.notify_all()


BroodsActor = ray.remote(num_cpus=0)(Broods)

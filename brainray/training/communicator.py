"""Communicators without a network: one worker alone, or several as threads of one process."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from brainray.errors import RunError
from brainray.training.interface import Communicator, Strategy

Result = TypeVar("Result")


@dataclass(frozen=True)
class Alone:
    """The only worker of a training."""

    rank: int = 0
    size: int = 1

    def merge(self, message: Tensor, strategy: Strategy) -> Tensor:
        """Return what the strategy makes of this one message."""
        return strategy.merge([message])


class Simulated:
    """One of several workers that are threads of one process; made by `simulate`."""

    def __init__(self, rank: int, barrier: threading.Barrier, board: list[Tensor | None]) -> None:
        self.rank = rank
        self.size = len(board)
        self._barrier = barrier
        self._board = board

    def merge(self, message: Tensor, strategy: Strategy) -> Tensor:
        """Post the message, wait for the others, and merge them in rank order.

        Raises:
            RunError: another worker has ended, so that its message will never come.
        """
        self._board[self.rank] = message
        self._barrier.wait()
        messages = [posted for posted in self._board if posted is not None]
        if len(messages) < self.size:
            raise RunError(f"training: a worker ended while worker {self.rank} waits for it")
        merged = strategy.merge(messages)
        self._barrier.wait()  # nobody posts the next message before all have read these
        return merged

    def end(self) -> None:
        """Post that there is nothing more to merge, and wait for the others."""
        self._board[self.rank] = None
        self._barrier.wait()


def simulate(workers: int, work: Callable[[Communicator], Result]) -> list[Result]:
    """Run ``work`` on ``workers`` simulated workers and return their results in rank order.

    If one fails, all are released and its error is raised.

    Raises:
        RunError: a worker ended while others still had something to merge.
    """
    if workers == 1:
        return [work(Alone())]
    barrier = threading.Barrier(workers)
    board: list[Tensor | None] = [None] * workers
    failures: list[BaseException] = []

    def member(rank: int) -> Result:
        communicator = Simulated(rank, barrier, board)
        try:
            result = work(communicator)
            communicator.end()
        except threading.BrokenBarrierError:
            raise  # another worker failed; its error is raised below
        except BaseException as error:
            failures.append(error)
            barrier.abort()
            raise
        return result

    try:
        with ThreadPoolExecutor(workers, thread_name_prefix="worker") as pool:
            futures = [pool.submit(member, rank) for rank in range(workers)]
    except KeyboardInterrupt:
        barrier.abort()  # or the process would train to the end before it can end
        raise
    if failures:
        raise failures[0]
    return [future.result() for future in futures]

"""Communicators without a network: one worker alone, or several as threads of one process."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from brainray.errors import RunError
from brainray.seeding import numpy_generator
from brainray.training.interface import Communicator, Merger, Pull, Push, Server
from brainray.training.mergers import check_alike

Result = TypeVar("Result")


@dataclass(frozen=True)
class Done:
    """A merge that has ended."""

    merged: Tensor

    def wait(self) -> Tensor:
        """Return what was merged."""
        return self.merged


@dataclass(frozen=True)
class Direct:
    """A server that has one worker."""

    server: Server

    def ask(self, push: Push) -> Pull:
        """Return the server's answer, which is to this worker."""
        ((_, pull),) = self.server.receive(0, push)
        return pull

    def enter(self) -> int:
        """Return 0: nobody was there before."""
        return 0


@dataclass(frozen=True)
class Alone:
    """The only worker of a training."""

    rank: int = 0
    size: int = 1

    def merge(self, message: Tensor, merger: Merger) -> Tensor:
        """Return what the merger makes of this one message."""
        return merger.merge([message])

    def start_merge(self, message: Tensor, merger: Merger) -> Done:
        """Merge at once."""
        return Done(self.merge(message, merger))

    def connect(self, make: Callable[[], Server]) -> Direct:
        """Make the server."""
        return Direct(make())


class Released(Exception):  # noqa: N818 - no error: another worker's is raised
    """Ends a worker whose training has failed elsewhere."""


class Board:
    """What the threads of one training share; everything is read and written under ``changed``."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.changed = threading.Condition()
        self.posted: dict[int, dict[int, tuple[Tensor, Merger]]] = {}
        self.taken: dict[int, int] = {}
        self.servers: dict[int, InTurn] = {}
        self.ended: set[int] = set()
        self.failed = False

    def wait_for(
        self, ready: Callable[[], bool], missing: Callable[[], set[int]], rank: int
    ) -> None:
        """Wait under ``changed``.

        Raises:
            RunError: one of the workers that are missing has ended.
            Released: a worker has failed.
        """
        self.changed.wait_for(lambda: self.failed or ready() or bool(missing() & self.ended))
        if self.failed:
            raise Released
        if not ready():
            raise RunError(f"training: a worker ended while worker {rank} waits for it")

    def end(self, rank: int) -> None:
        """Note that a worker has nothing more to exchange."""
        with self.changed:
            self.ended.add(rank)
            self.changed.notify_all()

    def fail(self) -> None:
        """Release all workers that wait."""
        with self.changed:
            self.failed = True
            self.changed.notify_all()


@dataclass(frozen=True)
class Posted:
    """A merge whose message is on the board."""

    board: Board
    number: int
    merger: Merger
    rank: int

    def wait(self) -> Tensor:
        """Wait for the messages of all, and merge them in rank order.

        Raises:
            TrainingError: see `check_alike`.
        """
        board = self.board
        every = set(range(board.size))
        with board.changed:
            messages = board.posted[self.number]
            board.wait_for(
                lambda: len(messages) == board.size, lambda: every - messages.keys(), self.rank
            )
            board.taken[self.number] = board.taken.get(self.number, 0) + 1
            if board.taken[self.number] == board.size:
                del board.posted[self.number], board.taken[self.number]
        postings = [messages[rank] for rank in range(board.size)]
        check_alike(postings)
        return self.merger.merge([message for message, _ in postings])


class InTurn:
    """A server whose workers are threads.

    They take turns, in a new order each round that depends on nothing but its number; so the
    result does not depend on how threads happen to run.
    """

    def __init__(self, server: Server, size: int) -> None:
        self.server = server
        self.answers: dict[int, Pull] = {}
        self._size = size
        self._round = 0
        self.turns: list[int] = []
        self.advance()

    def advance(self) -> None:
        """Go on to the next turn."""
        if self.turns:
            self.turns.pop(0)
        if not self.turns:
            order = numpy_generator(0, "turns", self._round).permutation(self._size)
            self.turns = order.tolist()
            self._round += 1


@dataclass(frozen=True)
class TurnPort:
    """One worker's way to a server whose workers take turns."""

    board: Board
    served: InTurn
    rank: int

    def ask(self, push: Push) -> Pull:
        """Wait for the turn, ask, and wait for the answer."""
        board, served = self.board, self.served
        with board.changed:
            board.wait_for(
                lambda: served.turns[0] == self.rank, lambda: {served.turns[0]}, self.rank
            )
            served.answers.update(served.server.receive(self.rank, push))
            served.advance()
            board.changed.notify_all()
            board.wait_for(
                lambda: self.rank in served.answers, lambda: {served.turns[0]}, self.rank
            )
            return served.answers.pop(self.rank)

    def enter(self) -> int:
        """Return 0: all threads begin together."""
        return 0


class Simulated:
    """One of several workers that are threads of one process; made by `simulate`."""

    def __init__(self, rank: int, board: Board) -> None:
        self.rank = rank
        self.size = board.size
        self._board = board
        self._merges = 0
        self._servers = 0

    def merge(self, message: Tensor, merger: Merger) -> Tensor:
        """Post the message, wait for the others, and merge them in rank order.

        Raises:
            RunError: another worker has ended, so that its message will never come.
        """
        return self.start_merge(message, merger).wait()

    def start_merge(self, message: Tensor, merger: Merger) -> Posted:
        """Post the message."""
        board, number = self._board, self._merges
        self._merges += 1
        with board.changed:
            board.posted.setdefault(number, {})[self.rank] = (message, merger)
            board.changed.notify_all()
        return Posted(board, number, merger, self.rank)

    def connect(self, make: Callable[[], Server]) -> TurnPort:
        """Make the server if no other worker has yet."""
        board, number = self._board, self._servers
        self._servers += 1
        with board.changed:
            if number not in board.servers:
                board.servers[number] = InTurn(make(), board.size)
            return TurnPort(board, board.servers[number], self.rank)


def simulate(workers: int, work: Callable[[Communicator], Result]) -> list[Result]:
    """Run ``work`` on ``workers`` simulated workers and return their results in rank order.

    If one fails, all are released and its error is raised.

    Raises:
        RunError: a worker ended while others still had something to merge.
    """
    if workers == 1:
        return [work(Alone())]
    board = Board(workers)
    failures: list[BaseException] = []

    def member(rank: int) -> Result:
        try:
            result = work(Simulated(rank, board))
        except Released:
            raise  # another worker failed; its error is raised below
        except BaseException as error:
            failures.append(error)
            board.fail()
            raise
        board.end(rank)
        return result

    try:
        with ThreadPoolExecutor(workers, thread_name_prefix="worker") as pool:
            futures = [pool.submit(member, rank) for rank in range(workers)]
    except KeyboardInterrupt:
        board.fail()  # or the process would train to the end before it can end
        raise
    if failures:
        raise failures[0]
    return [future.result() for future in futures]

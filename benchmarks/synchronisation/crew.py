"""Worker processes of one torch.distributed group, which do what they are told."""

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
import torch.distributed

Work = Callable[[Any], Any]


class Crew:
    """Processes that are up; made by `crew`.

    Args:
        ends: of the pipes to them, in rank order.
    """

    def __init__(self, ends: Sequence[Connection]) -> None:
        self._ends = ends
        self.size = len(ends)

    def do(self, work: Work, *orders: Any) -> list[Any]:
        """Have each worker do its order, or all of them the only one; return their results.

        Args:
            work: a function of a module.
            orders: its argument on each worker.

        Raises:
            RuntimeError: a worker failed, with its traceback.
        """
        given = orders * self.size if len(orders) == 1 else orders
        for end, order in zip(self._ends, given, strict=True):
            end.send((work, order))
        results = []
        for end in self._ends:
            failure, result = end.recv()
            if failure is not None:
                raise RuntimeError(f"a worker failed:\n{failure}")
            results.append(result)
        return results


@contextmanager
def crew(size: int) -> Iterator[Crew]:
    """Start so many processes in a gloo group; end them afterwards."""
    context = get_context("forkserver")
    # What is imported once before the workers are forked has to be found there, too.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    context.set_forkserver_preload(["torch", "synchronisation.timing"])
    pipes = [context.Pipe() for _ in range(size)]
    with tempfile.TemporaryDirectory() as folder:
        rendezvous = Path(folder) / "rendezvous"
        workers = [
            context.Process(target=_work, args=(rank, size, rendezvous, theirs), daemon=True)
            for rank, (_, theirs) in enumerate(pipes)
        ]
        for worker, (_, theirs) in zip(workers, pipes, strict=True):
            worker.start()
            theirs.close()  # so that a worker that has died is noticed
        try:
            yield Crew([ours for ours, _ in pipes])
            for ours, _ in pipes:
                ours.send(None)
            for worker in workers:
                worker.join(10)
        finally:
            for worker in workers:
                worker.kill()
                worker.join()


def _work(rank: int, size: int, rendezvous: Path, end: Connection) -> None:
    torch.set_num_threads(1)
    # Processes that mostly sleep are woken on the core that woke them, and would share one.
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[rank % len(cores)]})
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    store = torch.distributed.FileStore(str(rendezvous), size)  # type: ignore[attr-defined]
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=size)
    while (order := end.recv()) is not None:
        work, argument = order
        try:
            end.send((None, work(argument)))
        except BaseException:
            end.send((traceback.format_exc(), None))
    torch.distributed.destroy_process_group()

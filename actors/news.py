"""From the workers of a training to the driver: what is new, by way of the coordinator."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray

from actors.names import COORDINATOR, NAMESPACE
from brainray.errors import ClusterError
from brainray.training.progress import Progress, WatchAll

SECONDS = 0.5
"""Between two passing news, and between two times that the driver asks."""


class Teller:
    """Tells the coordinator of a run's trainings; waits for nothing.

    Args:
        run_id: of the run.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._coordinator: Any = ray.get_actor(COORDINATOR, namespace=NAMESPACE)
        self._last = 0.0

    def __call__(self, name: str, progress: Progress) -> None:
        """Tell what is new; what passes is told now and then."""
        now = time.monotonic()
        if progress.begins or progress.ended or now - self._last >= SECONDS:
            self._last = now
            self._coordinator.tell.remote(self._run_id, name, progress)


@contextmanager
def heard(coordinate: Callable[..., Any], run_id: str, watch: WatchAll) -> Iterator[None]:
    """Ask for news in a thread of its own while the block lasts, and once more at its end.

    Raises:
        BrainrayError: what ``watch`` raised, at the end of a block that has raised nothing.
    """
    ended = threading.Event()
    failures: list[BaseException] = []

    def take() -> None:
        told: list[tuple[str, Progress]] = coordinate("told", run_id)
        for name, progress in told:
            watch(name, progress)

    def listen() -> None:
        try:
            while not ended.wait(SECONDS):
                take()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=listen, name="news", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if not failures:
        take()
    elif not isinstance(failures[0], ClusterError):  # a lost coordinator loses news alone
        raise failures[0]

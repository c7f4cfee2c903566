"""The lease of a run: only one driver executes it, and a driver that died gives it up."""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from brainray.pipeline.coordinator import LEASE_SECONDS
from brainray.pipeline.runner import Runner

logger = logging.getLogger(__name__)


@contextmanager
def leased(runner: Runner, run_id: str) -> Iterator[None]:
    """Hold the lease of a run for the block, renewing it in a thread of its own.

    Raises:
        RunError: another driver holds it.
    """
    owner = f"{socket.gethostname()}:{os.getpid()}"
    runner.coordinate("acquire", run_id, owner)
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(LEASE_SECONDS / 3):
            try:
                runner.coordinate("acquire", run_id, owner)
            except Exception as error:  # the coordinator may be restarting; the next try tells
                logger.warning("run %s: its lease was not renewed: %s", run_id, error)

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        try:
            runner.coordinate("release", run_id, owner)
        except Exception as error:  # it ends by itself; what the block raised counts more
            logger.warning("run %s: its lease was not released: %s", run_id, error)

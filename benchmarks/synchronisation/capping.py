"""A process that gets no more than a share of one core."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TICK_SECONDS = 0.002
"""Of CPU time between two looks at the account; the kernel may round it up."""
SAVED_SECONDS = 0.002
"""CPU time that may be saved up while the process waits."""


@contextmanager
def capped(share: float) -> Iterator[None]:
    """Have this process use at most ``share`` of a core, CPU time of all its threads together.

    A signal that comes after so much CPU time has been used looks at the account and sleeps as
    long as it is overdrawn. A long call in C is not interrupted but pays afterwards. In the main
    thread only.

    Args:
        share: above 0 and at most 1; 1 is no cap.
    """
    if share >= 1:
        yield
        return
    account, wall, cpu = 0.0, time.monotonic(), time.process_time()

    def pay(number: int, frame: Any) -> None:
        nonlocal account, wall, cpu
        now, used = time.monotonic(), time.process_time()
        account = min(SAVED_SECONDS, account + (now - wall) * share) - (used - cpu)
        wall, cpu = now, used
        if account < 0:
            time.sleep(-account / share)

    before = signal.signal(signal.SIGPROF, pay)
    signal.setitimer(signal.ITIMER_PROF, TICK_SECONDS, TICK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)

"""A process that gets no more than a share of one core."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TICK_SECONDS = 0.002
"""Of CPU time between two looks at the account; the kernel may round it up."""
SAVED_SECONDS = 0.002
"""CPU time that may be saved up while the process waits."""
SCHEDULING = "/proc/self/task/{}/schedstat"
"""Of Linux: how many ns a thread ran, and how many it could have run but others did."""


@contextmanager
def capped(share: float) -> Iterator[None]:
    """Have this process use at most ``share`` of a core, CPU time of all its threads together.

    A signal that comes after so much CPU time has been used looks at the account and sleeps as
    long as it is overdrawn. A long call in C is not interrupted but pays afterwards. Time in which
    the process could run but others had the cores counts fully towards its share: what shares add
    up to is less than the cores, so it can catch up; else it would get the less of its share, the
    larger that is. In the main thread only.

    Args:
        share: above 0 and at most 1; 1 is no cap.
    """
    if share >= 1:
        yield
        return
    told = Path(SCHEDULING.format(threading.get_native_id()))
    account, wall, cpu, kept_off = 0.0, time.monotonic(), time.process_time(), _kept_off(told)

    def pay(number: int, frame: Any) -> None:
        nonlocal account, wall, cpu, kept_off
        now, used, off = time.monotonic(), time.process_time(), _kept_off(told)
        busy = used - cpu + off - kept_off  # all the rest it has waited, or slept here
        saved = min(SAVED_SECONDS, account + (now - wall - busy) * share)
        account = saved + busy * share - (used - cpu)
        wall, cpu, kept_off = now, used, off
        if account < 0:
            time.sleep(-account / share)

    before = signal.signal(signal.SIGPROF, pay)
    signal.setitimer(signal.ITIMER_PROF, TICK_SECONDS, TICK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _kept_off(told: Path) -> float:
    """Return the seconds in which the thread could have run and did not."""
    return int(told.read_text().split()[1]) / 1e9

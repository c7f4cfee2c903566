"""Freed memory is kept for the next step instead of being given back and fetched again."""

import ctypes
import sys
from functools import cache

# The parameters' numbers in malloc.h.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 1 << 30
LARGEST_MMAP_THRESHOLD_BYTES = 32 << 20
"""More is refused by glibc."""


@cache
def keep_freed_memory() -> None:
    """Let glibc's malloc keep up to 1 GiB that was freed; other systems are left as they are.

    A training step frees what the next one allocates. By itself malloc gives the largest blocks
    back to the system again and again, which has to clear them anew: up to a third of the CPU
    time of a step on pictures of 112x112. Holds for the rest of the process.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has none
        mallopt(MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD_BYTES)
        mallopt(TRIM_THRESHOLD, KEPT_BYTES)

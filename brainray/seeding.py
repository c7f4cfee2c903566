"""Seeds: every random thing gets its own, derived from the run's seed by name.

The same run seed gives the same result with one worker or many, because a seed depends on
what is done (its names and numbers), never on who does it or when. `one_thread` does the rest:
the same work gives the same bits wherever it runs.

Torch takes seconds to import, so that only what seeds torch does so.
"""

import hashlib
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive(seed: int, *names: str | int) -> int:
    """Return the seed of one random thing, in [0, 2**63).

    Args:
        seed: the run's seed.
        names: what the seed is for, e.g. ``derive(seed, "brood", 3)``.
    """
    text = "/".join([str(seed), *(str(name) for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return numpy's generator for the named thing."""
    return np.random.default_rng(derive(seed, *names))


def torch_generator(seed: int, *names: str | int) -> "torch.Generator":
    """Return a CPU torch generator for the named thing."""
    import torch

    return torch.Generator().manual_seed(derive(seed, *names))


@contextmanager
def python_random(seed: int, *names: str | int) -> Iterator[None]:
    """Seed Python's global generator, which DEAP's operators use, and restore it afterwards."""
    state = random.getstate()
    random.seed(derive(seed, *names))
    try:
        yield
    finally:
        random.setstate(state)


_torch_random = threading.RLock()


@contextmanager
def torch_random(seed: int, *names: str | int) -> Iterator[None]:
    """Seed torch's global generator, which layer initialisation uses, and restore it afterwards.

    One thread at a time: all threads of a process draw from the same one.
    """
    import torch

    with _torch_random, torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, *names))
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread and flush denormals, as a unit of work does wherever it runs.

    Sums in another order give other last digits; with one thread the same work gives the same
    bits in the driver, in a task and in a trial.
    """
    import torch

    threads = torch.get_num_threads()
    flushes = sys.float_info.min / 2 == 0.0  # torch sets this state of the CPU, but cannot tell it
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(flushes)

"""Seeds: every random thing gets its own, derived from the run's seed by name.

The same run seed gives the same result with one worker or many, because a seed depends on
what is done (its names and numbers), never on who does it or when.
"""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
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


def torch_generator(seed: int, *names: str | int) -> torch.Generator:
    """Return a CPU torch generator for the named thing."""
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


@contextmanager
def torch_random(seed: int, *names: str | int) -> Iterator[None]:
    """Seed torch's global generator, which layer initialisation uses, and restore it afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, *names))
        yield

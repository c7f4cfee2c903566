import random
import sys
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brainray.seeding import (
    derive,
    numpy_generator,
    one_thread,
    python_random,
    torch_generator,
    torch_random,
)

SEEDS = st.integers(-(2**63), 2**63)
NAMES = st.lists(st.one_of(st.integers(), st.text("abc", min_size=1)), max_size=3)


def draw_numpy(seed: int, *names: str | int) -> list[float]:
    return numpy_generator(seed, *names).random(3).tolist()


def draw_torch(seed: int, *names: str | int) -> list[float]:
    return torch.rand(3, generator=torch_generator(seed, *names)).tolist()


def draw_python_globally(seed: int, *names: str | int) -> list[float]:
    with python_random(seed, *names):
        return [random.random() for _ in range(3)]


def draw_torch_globally(seed: int, *names: str | int) -> list[float]:
    with torch_random(seed, *names):
        return torch.rand(3).tolist()


DRAWS = [draw_numpy, draw_torch, draw_python_globally, draw_torch_globally]


@settings(deadline=None)
@given(SEEDS, NAMES)
def test_a_seed_fits_numpy_and_torch(seed: int, names: list[str | int]):
    assert 0 <= derive(seed, *names) < 2**63
    assert draw_numpy(seed, *names) == draw_numpy(seed, *names)
    assert draw_torch(seed, *names) == draw_torch(seed, *names)


@settings(deadline=None)
@given(
    st.lists(st.tuples(SEEDS, NAMES.map(tuple)), unique_by=lambda one: (one[0], *map(str, one[1])))
)
def test_other_things_get_other_seeds(things: list[tuple[int, tuple[str | int, ...]]]):
    assert len({derive(seed, *names) for seed, names in things}) == len(things)


def test_seeds_stay_the_same_between_versions():
    """Else a recorded run could not be resumed. The value is the start of sha256("7/brood/3")."""
    assert derive(7, "brood", 3) == 2_647_081_843_388_348_044


@pytest.mark.parametrize("draw", DRAWS)
def test_draws_depend_on_seed_and_names(draw):
    assert draw(1, "order", 2) == draw(1, "order", 2)
    assert draw(1, "order", 2) != draw(2, "order", 2)
    assert draw(1, "order", 2) != draw(1, "order", 3)


@pytest.mark.parametrize(
    ("manager", "draw", "state"),
    [
        (python_random, random.random, random.getstate),
        (torch_random, partial(torch.rand, 1), lambda: torch.get_rng_state().tolist()),
    ],
)
def test_a_global_generator_is_restored_even_after_an_error(manager, draw, state):
    def fail() -> None:
        with manager(1, "thing"):
            draw()
            assert state() != before
            raise RuntimeError("inside")

    before = state()
    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert state() == before
    draw()
    assert state() != before


def flushes_denormals() -> bool:
    return sys.float_info.min / 2 == 0.0


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_one_thread_is_restored_even_after_an_error():
    def fail() -> None:
        with one_thread():
            assert torch.get_num_threads() == 1
            assert flushes_denormals()
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert torch.get_num_threads() == 2
    assert not flushes_denormals()


@pytest.mark.usefixtures("two_threads")
def test_one_thread_can_be_nested():
    with one_thread():
        with one_thread():
            pass
        assert torch.get_num_threads() == 1
        assert flushes_denormals()
    assert torch.get_num_threads() == 2
    assert not flushes_denormals()

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from statistics import mean
from typing import Any

import numpy as np
import pytest
import torch

from brainray.errors import SearchError
from brainray.search.interface import Brood, Gene, Genome, Space
from brainray.search.random_search import RandomSearch
from brainray.search.reinforcement import Reinforcement
from brainray.search.schedule import Schedule
from brainray.search.table import TableProblem, problem_of
from brainray.testing import OneMax, epistatic_table, integer_space


def shallow(genome: Genome) -> Genome:
    """Levels beyond the depth mean nothing."""
    image, audio, depth, *taps = genome
    return (image, audio, depth, *(a if n // 2 <= depth else 0 for n, a in enumerate(taps)))


@dataclass(frozen=True)
class Joint:
    """Two inputs that are worth something only together; 20 of 720 codes have the value 1."""

    space: Space

    def evaluate(self, brood: Brood) -> list[float]:
        return [self.value(genome) for genome in brood.genomes]

    def value(self, genome: Genome) -> float:
        image, audio, _, first, second, *_ = genome
        return (1 - abs(image - 5) / 5) * (1 - audio / 5) * (1 + (first == second)) / 2


@pytest.fixture(scope="module")
def joint() -> Joint:
    inputs = [Gene(f"{name}.structure", tuple("abcdef"), name) for name in ("image", "audio")]
    levels = [
        Gene(f"level{level}.{name}.tap", ("last", "last-1"), f"level{level}")
        for level in (1, 2)
        for name in ("image", "audio")
    ]
    return Joint(Space((*inputs, Gene("depth", ("1", "2"), "depth"), *levels), shallow))


@pytest.fixture(scope="module")
def search(run: Callable[..., Any]) -> Callable[..., list[tuple[Genome, float]]]:
    """Runs a search of a problem."""

    def do(problem: Any, seed: int, budget: int, kind: Any = Reinforcement, **options: Any):
        brood_size = options.pop("brood_size", 1)
        schedule = Schedule(
            problem.space,
            kind(problem.space, seed, **options),
            seed=seed,
            budget=budget,
            brood_size=brood_size,
            lag=1,
        )
        return run(schedule, problem)

    return do


def best(history: list[tuple[Genome, float]]) -> float:
    return max(value for _, value in history)


@pytest.mark.parametrize("sizes", [(2,) * 12, (2, 8, 3, 5, 4)])
def test_the_defaults_beat_random_search_on_other_tables(search, sizes):
    problem: TableProblem = problem_of(epistatic_table(sizes), "gene_*", "validation", ["test"])
    learned = mean(best(search(problem, seed, 100)) for seed in range(4))
    drawn = mean(best(search(problem, seed, 100, RandomSearch)) for seed in range(4))
    assert learned > drawn + 0.1


def test_two_controllers_with_one_reward_learn_what_is_good_together(joint):
    """Nothing is dropped here: in the end almost all that they draw is one of the best codes."""
    for seed in range(2):
        searcher = Reinforcement(
            joint.space, seed, controllers="input", batch=10, updates=1, rate=0.01, entropy=0.1
        )
        for brood in range(50):
            codes = [joint.space.repair(code) for code in islice(searcher.ask(brood), 10)]
            searcher.tell(codes, [joint.value(code) for code in codes])
        drawn = [joint.value(joint.space.repair(code)) for code in islice(searcher.ask(50), 16)]
        assert mean(drawn) > 0.9


def test_the_same_seed_gives_the_same_history_whatever_the_global_state_is(search):
    problem = OneMax(failing=0.2)
    first = search(problem, 1, 40, brood_size=3)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        again = search(problem, 1, 40, brood_size=3)
    assert [genome for genome, _ in again] == [genome for genome, _ in first]
    assert search(problem, 2, 40, brood_size=3) != first


@pytest.mark.parametrize("fusion", [True, False])
def test_what_is_asked_depends_on_what_was_told_only(joint, fusion):
    space = joint.space if fusion else integer_space(genes=5, alleles=3)
    generator = np.random.default_rng(0)
    codes = list(dict.fromkeys(space.sample(generator) for _ in range(40)))[:25]
    used, fresh = Reinforcement(space, 0), Reinforcement(space, 0)
    for index in range(0, 25, 8):
        told = codes[index : index + 8]
        for one in (used, fresh):
            one.tell(told, [float(code[0]) for code in told])
        list(islice(used.ask(index), 3))
    expected = list(islice(fresh.ask(30), 50))
    for one in (used, pickle.loads(pickle.dumps(used))):
        assert list(islice(one.ask(30), 50)) == expected
        one.tell(codes[:5], [0.0, 0.0, 1.0, 1.0, 2.0])
    fresh.tell(codes[:5], [0.0, 0.0, 1.0, 1.0, 2.0])
    assert list(islice(one.ask(31), 50)) == list(islice(fresh.ask(31), 50)) != expected


def test_it_learns_from_what_was_told_not_from_what_was_asked():
    space = integer_space(genes=3, alleles=4)
    searcher = Reinforcement(space, 0, batch=2)
    next(searcher.ask(0))
    for _ in range(15):  # codes that it never asked for
        searcher.tell([(3, 3, 3), (0, 0, 0)], [1.0, 0.0])
    drawn = list(islice(searcher.ask(1), 16))
    assert drawn.count((3, 3, 3)) > 8
    assert (0, 0, 0) not in drawn


def test_brood_sizes_do_not_matter_to_what_is_learned():
    space = integer_space(genes=4, alleles=3)
    codes = list(dict.fromkeys(space.sample(np.random.default_rng(n)) for n in range(30)))[:12]
    values = [float(sum(code)) for code in codes]
    one, other = Reinforcement(space, 0), Reinforcement(space, 0)
    one.tell(codes, values)
    for code, value in zip(codes, values, strict=True):
        other.tell([code], [value])
    assert list(islice(one.ask(0), 30)) == list(islice(other.ask(0), 30))


def test_failed_codes_teach_nothing():
    space = integer_space(genes=4, alleles=3)
    untaught, failed = Reinforcement(space, 0), Reinforcement(space, 0)
    failed.tell([(n % 3, 0, n // 3, 0) for n in range(9)], [math.nan] * 9)
    assert list(islice(failed.ask(0), 16)) == list(islice(untaught.ask(0), 16))


def test_a_small_space_is_searched_to_its_end(search):
    problem = OneMax(integer_space(genes=3, alleles=3))
    assert len(search(problem, 0, 100)) == 27


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"batch": 0}, "batch is 0, at least 1"),
        ({"updates": 0}, "updates is 0, at least 1"),
        ({"rate": 0.0}, r"rate is 0\.0, more than 0"),
        ({"entropy": -1.0}, r"entropy is -1\.0, at least 0"),
        ({"decay": 1.0}, r"decay is 1\.0, at least 0 and below 1"),
        ({"clip": 0.5}, r"clip is 0\.5, at least 1"),
        ({"controllers": "two"}, "controllers is 'two', allowed are one, input"),
    ],
)
def test_a_wrong_option_is_refused(wrong, reason):
    with pytest.raises(SearchError, match=reason):
        Reinforcement(integer_space(), 0, **wrong)

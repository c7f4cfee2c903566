"""What holds for every installed searcher, whatever it learns."""

import math
import pickle
import random
from itertools import islice

import numpy as np
import pytest

from brainray import plugins
from brainray.search.interface import Gene, Genome, Space
from brainray.search.schedule import Schedule
from brainray.testing import OneMax, integer_space

SEARCHERS = plugins.names("searchers")


def ordered(genome: Genome) -> Genome:
    """Codes that differ in the order of their genes alone are one."""
    return tuple(sorted(genome))


@pytest.fixture(scope="module")
def problem() -> OneMax:
    """Of 126 canonical codes among 1024; a tenth of them fail."""
    return OneMax(Space(integer_space(genes=5, alleles=4).genes, ordered), failing=0.1)


@pytest.mark.parametrize("algorithm", SEARCHERS)
def test_the_history_does_not_depend_on_the_number_of_workers(
    algorithm, problem, run, run_in_parallel
):
    def schedule() -> Schedule:
        searcher = plugins.load("searchers", algorithm)(problem.space, 3)
        return Schedule(problem.space, searcher, seed=3, budget=40, brood_size=4, lag=3)

    alone = run(schedule(), problem)
    shared = run_in_parallel(schedule(), problem, 4, random.Random(1))
    assert repr(shared) == repr(alone)  # NaN is not equal to itself
    genomes = [genome for genome, _ in alone]
    assert len(set(genomes)) == 40
    assert all(ordered(genome) == genome for genome in genomes)


@pytest.mark.parametrize("algorithm", SEARCHERS)
def test_what_is_asked_depends_on_what_was_told_only(algorithm, problem):
    """Not on what was asked before, nor on a stay in another process."""
    generator = np.random.default_rng(0)
    codes = list(dict.fromkeys(problem.space.sample(generator) for _ in range(80)))[:30]
    used, fresh = (plugins.load("searchers", algorithm)(problem.space, 0) for _ in range(2))
    for first in range(0, 30, 10):
        told = codes[first : first + 10]
        for one in (used, fresh):
            one.tell(told, [problem.value(code) for code in told])
        list(islice(used.ask(first), 3))
    expected = list(islice(fresh.ask(30), 40))
    for one in (used, pickle.loads(pickle.dumps(used))):
        assert list(islice(one.ask(30), 40)) == expected


@pytest.mark.parametrize("algorithm", SEARCHERS)
def test_an_allele_of_no_weight_is_never_proposed(algorithm):
    space = Space(tuple(Gene(f"g{n}", tuple("abc"), f"g{n}", (1.0, 0.0, 2.0)) for n in range(5)))
    searcher = plugins.load("searchers", algorithm)(space, 0)
    generator = np.random.default_rng(0)
    codes = [space.sample(generator) for _ in range(20)]
    searcher.tell(codes, [float(sum(code)) for code in codes])
    assert {allele for code in islice(searcher.ask(3), 60) for allele in code} == {0, 2}


@pytest.mark.parametrize("algorithm", SEARCHERS)
def test_when_all_codes_fail_the_search_goes_on(algorithm, problem):
    searcher = plugins.load("searchers", algorithm)(problem.space, 0)
    generator = np.random.default_rng(0)
    codes = [problem.space.sample(generator) for _ in range(20)]
    searcher.tell(codes, [math.nan] * 20)
    assert len(set(islice(searcher.ask(1), 100))) > 20

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, groupby, islice
from statistics import mean

import numpy as np
import pytest
from deap import tools

from brainray.search.evolution import Evolution, Individual
from brainray.search.interface import Genome, Space
from brainray.search.random_search import RandomSearch
from brainray.search.schedule import Schedule
from brainray.seeding import python_random
from brainray.testing import OneMax, integer_space

ZEROS, ONES = (0,) * 12, (1,) * 12


@pytest.fixture
def space() -> Space:
    """Six groups of two genes."""
    return integer_space(genes=12, alleles=3, group_size=2)


def children(searcher: Evolution, count: int = 200, brood: int = 1) -> list[Genome]:
    return list(islice(searcher.ask(brood), count))


def groups(space: Space, genome: Genome) -> Iterator[set[int]]:
    """Return the alleles of each gene group."""
    pairs = zip(space.genes, genome, strict=True)
    for _, members in groupby(pairs, key=lambda pair: pair[0].group):
        yield {allele for _, allele in members}


def test_evolution_clearly_beats_random_search(run):
    problem = OneMax(integer_space(genes=19, alleles=4))

    def best(algorithm: type[Evolution] | type[RandomSearch], seed: int) -> float:
        searcher = algorithm(problem.space, seed)
        schedule = Schedule(problem.space, searcher, seed=seed, budget=200, brood_size=16, lag=3)
        return max(value for _, value in run(schedule, problem))

    seeds = range(5)
    evolved = mean(best(Evolution, seed) for seed in seeds)
    drawn = mean(best(RandomSearch, seed) for seed in seeds)
    assert evolved > drawn + 0.15


def test_the_same_seed_gives_the_same_history_whatever_the_global_state_is(run):
    problem = OneMax(failing=0.2)

    def history(seed: int, state: int):
        random.seed(state)
        schedule = Schedule(
            problem.space,
            Evolution(problem.space, seed),
            seed=seed,
            budget=100,
            brood_size=8,
            lag=2,
        )
        return [genome for genome, _ in run(schedule, problem)]

    assert history(3, state=0) == history(3, state=1)
    assert history(3, state=0) != history(4, state=0)


def test_the_global_random_state_is_not_disturbed(space: Space):
    searcher = Evolution(space, 0)
    random.seed(5)
    before = random.getstate()
    asked = searcher.ask(0)
    next(asked)
    searcher.tell([ZEROS, ONES], [0.0, 1.0])
    for _ in range(10):
        next(asked)
    bred = searcher.ask(1)
    for _ in range(10):
        next(bred)  # between two children, too: the generator is suspended here
        assert random.getstate() == before


def test_without_a_population_it_draws_at_random(space: Space):
    searcher = Evolution(space, 0)
    searcher.tell([ONES], [1.0])
    drawn = children(searcher)
    assert len(set(drawn)) > 190
    assert drawn != children(searcher, brood=2)


def test_crossover_exchanges_whole_groups(space: Space):
    searcher = Evolution(space, 0, mutated_genes=0)
    searcher.tell([ZEROS, ONES], [0.5, 0.5])
    for child in children(searcher):
        assert all(len(alleles) == 1 for alleles in groups(space, child))
    assert len(set(children(searcher))) > 32  # of the 64 ways to take each group from one parent


def test_a_child_without_mutation_has_only_alleles_of_its_parents(space: Space):
    parents = [tuple(random.Random(i).choices(range(3), k=12)) for i in range(4)]
    searcher = Evolution(space, 0, mutated_genes=0)
    searcher.tell(parents, [0.1, 0.2, 0.3, 0.4])
    pools = [set(alleles) for alleles in zip(*parents, strict=True)]
    for child in children(searcher):
        assert all(allele in pool for allele, pool in zip(child, pools, strict=True))


def test_mutation_redraws_as_many_genes_as_asked_and_reaches_every_allele(space: Space):
    searcher = Evolution(space, 0, mutated_genes=3)
    searcher.tell([ZEROS, (0,) * 12], [0.5, 0.5])
    bred = children(searcher, 1000)
    changed = mean(sum(allele != 0 for allele in child) for child in bred)
    assert changed == pytest.approx(3 * 2 / 3, abs=0.2)  # a redrawn gene may stay as it is
    for alleles in zip(*bred, strict=True):
        assert set(alleles) == {0, 1, 2}
    for child in bred:
        space.check(child)


def test_mutation_draws_from_the_priors(space: Space):
    prior = (0.0, 1.0, 3.0)
    genes = tuple(replace(gene, prior=prior) for gene in space.genes)
    searcher = Evolution(replace(space, genes=genes), 0, mutated_genes=12)
    searcher.tell([ZEROS, ZEROS], [0.5, 0.5])
    drawn = np.bincount(np.ravel(children(searcher)), minlength=3) / (200 * 12)
    np.testing.assert_allclose(drawn, (0, 0.25, 0.75), atol=0.03)


def test_without_priors_mutation_is_deaps(space: Space):
    parents = [tuple(random.Random(i).choices(range(3), k=12)) for i in range(4)]
    searcher = Evolution(space, 7, mutated_genes=3)
    searcher.tell(parents, [0.1, 0.2, 0.3, 0.4])
    known = [Individual(genome, value / 10) for value, genome in enumerate(parents, 1)][::-1]
    for number, child in enumerate(children(searcher, 50)):
        with python_random(7, "evolution", 1, number):
            pair = tools.selTournament(known, 2, tournsize=3, fit_attr="fitness")
            cut = [[list(one.genome[i : i + 2]) for i in range(0, 12, 2)] for one in pair]
            mixed, _ = tools.cxUniform(*cut, indpb=0.5)
            (expected,) = tools.mutUniformInt(list(chain(*mixed)), 0, 2, indpb=0.25)
        assert child == tuple(expected)


def test_failed_codes_never_become_parents(space: Space):
    searcher = Evolution(space, 0, mutated_genes=0)
    twos = (2,) * 12
    searcher.tell([ONES, ZEROS, twos], [math.nan, 0.1, 0.2])
    searcher.tell([ONES], [math.nan])
    alleles = {allele for child in children(searcher) for allele in child}
    assert alleles == {0, 2}


def test_all_failed_goes_on_at_random(space: Space):
    searcher = Evolution(space, 0)
    searcher.tell([ONES, ZEROS], [math.nan, math.nan])
    assert len(set(children(searcher))) > 190


def test_only_the_best_stay_in_the_population(space: Space):
    searcher = Evolution(space, 0, population=2, mutated_genes=0)
    searcher.tell([ZEROS, ONES, ONES], [0.0, 0.9, 0.8])
    searcher.tell([(2,) * 12], [0.5])
    assert set(children(searcher)) == {ONES}


def test_better_codes_are_chosen_more_often(space: Space):
    searcher = Evolution(space, 0, mutated_genes=0)
    searcher.tell([ZEROS, ONES], [0.1, 0.9])
    ones = mean(mean(child) for child in children(searcher, 1000))
    assert ones == pytest.approx(1 - 0.5**3, abs=0.05)  # unless all three drawn codes are zeros


def test_what_is_asked_depends_on_what_was_told_only(space: Space):
    def searcher() -> Evolution:
        made = Evolution(space, 0)
        made.tell([ZEROS, ONES], [0.1, 0.9])
        return made

    used = searcher()
    children(used, brood=1)
    assert children(used, brood=2) == children(searcher(), brood=2)

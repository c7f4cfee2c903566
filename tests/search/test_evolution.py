import math
import random
from collections.abc import Iterator
from itertools import groupby, islice
from statistics import mean
from typing import Any

import pytest

from brainray.errors import SearchError
from brainray.search.evolution import Evolution
from brainray.search.interface import Gene, Genome, Space
from brainray.search.random_search import RandomSearch
from brainray.search.schedule import Schedule
from brainray.testing import OneMax, integer_space

ZEROS, ONES, TWOS = (0,) * 12, (1,) * 12, (2,) * 12


@pytest.fixture
def space() -> Space:
    """Six groups of two genes."""
    return integer_space(genes=12, alleles=3, group_size=2)


def breeding(space: Space, **changes: Any) -> Evolution:
    """An evolution that breeds as soon as it knows two codes, and mutates only if it is told to."""
    return Evolution(space, 0, **({"population": 2, "mutated_genes": 0} | changes))


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
    searcher = breeding(space, mutated_genes=1)
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
    searcher = Evolution(space, 0, population=3)
    searcher.tell([ONES, ONES], [1.0, 1.0])
    drawn = children(searcher)
    assert len(set(drawn)) > 190
    assert drawn != children(searcher, brood=2)


def test_crossover_exchanges_whole_groups(space: Space):
    searcher = breeding(space)
    searcher.tell([ZEROS, ONES], [0.5, 0.5])
    for child in children(searcher):
        assert all(len(alleles) == 1 for alleles in groups(space, child))
    assert len(set(children(searcher))) > 32  # of the 64 ways to take each group from one parent


def test_crossover_can_exchange_single_genes(space: Space):
    searcher = breeding(space, cut="genes")
    searcher.tell([ZEROS, ONES], [0.5, 0.5])
    mixed = [len(alleles) == 2 for child in children(searcher) for alleles in groups(space, child)]
    # Half of the children have one parent twice; of the others, half of the groups are mixed.
    assert mean(mixed) == pytest.approx(0.25, abs=0.1)


def test_a_child_without_mutation_has_only_alleles_of_its_parents(space: Space):
    parents = [tuple(random.Random(i).choices(range(3), k=12)) for i in range(4)]
    searcher = breeding(space, population=4)
    searcher.tell(parents, [0.1, 0.2, 0.3, 0.4])
    pools = [set(alleles) for alleles in zip(*parents, strict=True)]
    for child in children(searcher):
        assert all(allele in pool for allele, pool in zip(child, pools, strict=True))


def test_mutation_redraws_as_many_genes_as_asked_and_reaches_every_allele(space: Space):
    searcher = breeding(space, mutated_genes=3)
    searcher.tell([ZEROS, ZEROS], [0.5, 0.5])
    bred = children(searcher, 1000)
    changed = mean(sum(allele != 0 for allele in child) for child in bred)
    assert changed == pytest.approx(3 * 2 / 3, abs=0.2)  # a redrawn gene may stay as it is
    for alleles in zip(*bred, strict=True):
        assert set(alleles) == {0, 1, 2}
    for child in bred:
        space.check(child)


def test_mutation_follows_the_priors():
    genes = (Gene("often", ("a", "b"), "g", (1.0, 9.0)), Gene("never", ("a", "b"), "g", (1.0, 0.0)))
    searcher = breeding(Space(genes), mutated_genes=2)
    searcher.tell([(0, 0), (0, 0)], [0.5, 0.5])
    bred = children(searcher, 1000)
    assert mean(often for often, _ in bred) == pytest.approx(0.9, abs=0.05)
    assert {never for _, never in bred} == {0}


def test_failed_codes_never_become_parents(space: Space):
    searcher = breeding(space)
    searcher.tell([ONES, ZEROS, TWOS], [math.nan, 0.1, 0.2])
    searcher.tell([ONES], [math.nan])
    alleles = {allele for child in children(searcher) for allele in child}
    assert alleles == {0, 2}


def test_all_failed_goes_on_at_random(space: Space):
    searcher = breeding(space)
    searcher.tell([ONES, ZEROS], [math.nan, math.nan])
    assert len(set(children(searcher))) > 190


@pytest.mark.parametrize(("selection", "survivors"), [("generational", {ONES}), ("aging", {TWOS})])
def test_the_best_or_the_newest_stay_in_the_population(space: Space, selection, survivors):
    searcher = breeding(space, selection=selection)
    searcher.tell([ZEROS, ONES, ONES], [0.0, 0.9, 0.8])
    searcher.tell([TWOS, TWOS], [0.5, 0.1])
    assert set(children(searcher)) == survivors


def test_better_codes_are_chosen_more_often(space: Space):
    searcher = breeding(space)
    searcher.tell([ZEROS, ONES], [0.1, 0.9])
    ones = mean(mean(child) for child in children(searcher, 1000))
    assert ones == pytest.approx(1 - 0.5**3, abs=0.05)  # unless all three drawn codes are zeros


def test_what_is_asked_depends_on_what_was_told_only(space: Space):
    def searcher() -> Evolution:
        made = breeding(space, mutated_genes=1)
        made.tell([ZEROS, ONES], [0.1, 0.9])
        return made

    used = searcher()
    children(used, brood=1)
    assert children(used, brood=2) == children(searcher(), brood=2)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"population": 1}, "population is 1, at least 2"),
        ({"tournament": 0}, "tournament is 0, at least 1"),
        ({"mutated_genes": -1}, "mutated_genes is -1, at least 0"),
        ({"cut": "halves"}, "cut is 'halves', allowed are groups, genes"),
        ({"selection": "none"}, "selection is 'none', allowed are generational, aging"),
    ],
)
def test_a_wrong_option_is_refused(space: Space, wrong, reason):
    with pytest.raises(SearchError, match=reason):
        Evolution(space, 0, **wrong)

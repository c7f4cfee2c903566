"""Evolution of integer codes with DEAP's operators (paper 3.1.1, Figure 5).

An individual is one gene group an activated input (optimizer, structure, size) plus the fusion
groups. Parents are chosen by tournament from a population that is either the best codes known
(*generational*: plus-selection, Beyer and Schwefel 2002) or the newest ones (*aging*: regularised
evolution, Real et al., AAAI 2019, Algorithm 1). A child takes groups, or single genes, from two
parents at random; then genes are redrawn from their priors.

What was evaluated before is not evaluated again, and illegal codes are repaired: the schedule
sees to both.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from deap import tools

from brainray.search.interface import Genome, Space, at_least, one_of
from brainray.seeding import numpy_generator, python_random


@dataclass(frozen=True)
class Individual:
    """A code and its fitness, the validation value; DEAP's selection reads the latter."""

    genome: Genome
    fitness: float


class Evolution:
    """Breeds each child from two parents of the population.

    Args:
        space: what is searched.
        seed: of the run.
        population: codes that may become parents, at least 2; as many are drawn at random first.
        tournament: codes drawn for each parent; the best becomes it.
        mutated_genes: expected number of redrawn genes of a child.
        cut: whether crossover exchanges whole gene groups (``groups``) or single genes (``genes``).
        selection: whether the best codes stay in the population (``generational``) or the newest
            (``aging``).

    Raises:
        SearchError: an argument is not allowed.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        population: int = 10,
        tournament: int = 3,
        mutated_genes: float = 1.0,
        cut: Literal["groups", "genes"] = "groups",
        selection: Literal["generational", "aging"] = "generational",
    ) -> None:
        at_least("evolution: population", population, 2)
        at_least("evolution: tournament", tournament, 1)
        at_least("evolution: mutated_genes", mutated_genes, 0)
        one_of("evolution: cut", cut, "groups", "genes")
        one_of("evolution: selection", selection, "generational", "aging")
        self._space = space
        self._seed = seed
        self._size = population
        self._tournament = tournament
        self._mutation = min(1.0, mutated_genes / len(space.genes))
        self._by_groups = cut == "groups"
        self._aging = selection == "aging"
        self._told = 0
        self._population: list[Individual] = []

    def ask(self, brood_index: int) -> Iterator[Genome]:
        """Yield random codes until a population is known, then children without end."""
        generator = numpy_generator(self._seed, "evolution", brood_index)
        if self._told < self._size or len(self._population) < 2:
            while True:
                yield self._space.sample(generator)
        for number in itertools.count():
            with python_random(self._seed, "evolution", brood_index, number):
                child = self._cross()
            yield tuple(
                self._space.sample_gene(gene, generator)
                if generator.random() < self._mutation
                else allele
                for gene, allele in zip(self._space.genes, child, strict=True)
            )

    def tell(self, genomes: Sequence[Genome], values: Sequence[float]) -> None:
        """Renew the population; failed codes (NaN) never become parents."""
        self._told += len(genomes)
        self._population += [
            Individual(genome, value)
            for genome, value in zip(genomes, values, strict=True)
            if not math.isnan(value)
        ]
        if self._aging:
            self._population = self._population[-self._size :]
        else:
            self._population = tools.selBest(self._population, self._size, fit_attr="fitness")

    def _cross(self) -> list[int]:
        """Return the genes of two parents' child; DEAP draws from Python's global generator."""
        mother, father = tools.selTournament(
            self._population, 2, tournsize=self._tournament, fit_attr="fitness"
        )
        parts, _ = tools.cxUniform(self._cut(mother.genome), self._cut(father.genome), indpb=0.5)
        return list(itertools.chain.from_iterable(parts))

    def _cut(self, genome: Genome) -> list[Genome]:
        """Cut a code into what crossover exchanges."""
        if not self._by_groups:
            return [(allele,) for allele in genome]
        pairs = zip(self._space.genes, genome, strict=True)
        return [
            tuple(allele for _, allele in members)
            for _, members in itertools.groupby(pairs, key=lambda pair: pair[0].group)
        ]

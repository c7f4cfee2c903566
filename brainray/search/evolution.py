"""Evolution of integer codes with DEAP's operators (paper 3.1.1, Figure 5).

An individual is one gene group an activated input (optimizer, structure, size) plus the fusion
groups. Selection by tournament among the best codes known so far, (mu + lambda); crossover
exchanges whole groups, so it cuts at gene boundaries; mutation redraws single genes from their
priors.
"""

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deap import tools

from brainray.search.interface import Gene, Genome, Space
from brainray.seeding import numpy_generator, python_random


@dataclass(frozen=True)
class Individual:
    """A code and its fitness, the validation value; DEAP's selection reads the latter."""

    genome: Genome
    fitness: float


class Evolution:
    """A (mu + lambda) evolution.

    Args:
        space: what is searched.
        seed: of the run.
        population: mu, the number of best codes that may become parents.
        tournament: codes drawn for each parent; the best becomes it.
        mutated_genes: expected number of redrawn genes of a child.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        population: int = 16,
        tournament: int = 3,
        mutated_genes: float = 1.5,
    ) -> None:
        self._space = space
        self._seed = seed
        self._size = population
        self._tournament = tournament
        self._mutation = min(1.0, mutated_genes / len(space.genes))
        self._population: list[Individual] = []

    def ask(self, brood_index: int) -> Iterator[Genome]:
        """Yield random codes until a population is known, then children without end."""
        if len(self._population) < 2:
            generator = numpy_generator(self._seed, "evolution", brood_index)
            while True:
                yield self._space.sample(generator)
        for number in itertools.count():
            with python_random(self._seed, "evolution", brood_index, number):
                child = self._child()
            yield child

    def tell(self, genomes: Sequence[Genome], values: Sequence[float]) -> None:
        """Keep the best codes; failed ones (NaN) never become parents."""
        newcomers = [
            Individual(genome, value)
            for genome, value in zip(genomes, values, strict=True)
            if not math.isnan(value)
        ]
        self._population = tools.selBest(
            self._population + newcomers, self._size, fit_attr="fitness"
        )

    def _child(self) -> Genome:
        """Return one child of two parents, drawn by Python's global generator as DEAP does."""
        mother, father = tools.selTournament(
            self._population, 2, tournsize=self._tournament, fit_attr="fitness"
        )
        groups, _ = tools.cxUniform(self._cut(mother.genome), self._cut(father.genome), indpb=0.5)
        genes = itertools.chain.from_iterable(groups)
        return tuple(
            _redraw(gene) if random.random() < self._mutation else allele
            for gene, allele in zip(self._space.genes, genes, strict=True)
        )

    def _cut(self, genome: Genome) -> list[Genome]:
        """Cut a code into its gene groups."""
        pairs = zip(self._space.genes, genome, strict=True)
        return [
            tuple(allele for _, allele in members)
            for _, members in itertools.groupby(pairs, key=lambda pair: pair[0].group)
        ]


def _redraw(gene: Gene) -> int:
    """Draw an allele of a gene from its prior, by Python's global generator."""
    if gene.prior is None:
        return random.randrange(len(gene.alleles))
    return random.choices(range(len(gene.alleles)), gene.prior)[0]

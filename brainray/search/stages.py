"""What is decided after what in a code: the levels of a fusion space, or gene by gene."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from brainray.search.interface import Genome, Space

LEVEL = re.compile(r"level(\d+)")
"""The gene group of a level."""
FUSION = "fusion"
"""Who owns the genes of a fusion space that belong to no input: the depth and the operators."""


@dataclass(frozen=True)
class Stages:
    """Which genes are revealed together, in order.

    Attributes:
        space: of the codes.
        genes: the positions of each stage's genes.
        depth: the position of the gene that says how many stages count, None if all do.
    """

    space: Space
    genes: tuple[tuple[int, ...], ...]
    depth: int | None

    @classmethod
    def of(cls, space: Space) -> "Stages":
        """Return the stages of a space: the levels of a fusion space, or gene by gene."""
        positions = range(len(space.genes))
        levels = [LEVEL.fullmatch(gene.group) for gene in space.genes]
        found = [int(level[1]) if level else 1 for level in levels]
        depth = [number for number in positions if space.genes[number].name == "depth"]
        count = max(found, default=0)
        if len(depth) == 1 and any(levels) and len(space.genes[depth[0]].alleles) == count:
            genes = (
                tuple(n for n in positions if found[n] == level and n != depth[0])
                for level in range(1, count + 1)
            )
            return cls(space, tuple(genes), depth[0])
        return cls(space, tuple((number,) for number in positions), None)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The positions in the order in which they are revealed."""
        return tuple(number for stage in self.genes for number in stage)

    @cached_property
    def written(self) -> tuple[int, ...]:
        """The positions of all genes in the order in which a string is written, depth first."""
        return self.order if self.depth is None else (self.depth, *self.order)

    def count(self, genome: Genome) -> int:
        """Return how many genes of a code are written: all but those of levels beyond the depth."""
        return self.length(genome) + (self.depth is not None)

    def owner(self, position: int) -> str:
        """Return the input that a gene belongs to; the gene's group where there are no levels.

        What an input brings to a level belongs to it by its name, such as ``level1.image.tap``.
        """
        gene = self.space.genes[position]
        if self.depth is None or gene.group in self._inputs:
            return gene.group
        bringing = (one for one in self._inputs if gene.name.startswith(f"{gene.group}.{one}."))
        return max(bringing, key=len, default=FUSION)

    @cached_property
    def _inputs(self) -> frozenset[str]:
        """The gene groups that are no levels, of a fusion space."""
        genes = (gene for n, gene in enumerate(self.space.genes) if n != self.depth)
        return frozenset(gene.group for gene in genes if not LEVEL.fullmatch(gene.group))

    def length(self, genome: Genome) -> int:
        """Return how many genes of a code count, that of the depth aside."""
        return sum(map(len, self.genes[: self.revealed(genome)]))

    def tokens(self, genomes: Sequence[Genome]) -> torch.Tensor:
        """Return the genes in the order in which they are revealed, int64, a row a code."""
        return torch.tensor(genomes)[:, list(self.order)]

    def revealed(self, genome: Genome) -> int:
        """Return how many stages of a code count."""
        return len(self.genes) if self.depth is None else genome[self.depth] + 1

    def first(self, genome: Genome) -> Genome:
        """Return the code of a first stage alone; where that is no code, ``genome`` itself."""
        return genome if self.depth is None else self._at(genome, 0)

    def grow(self, parent: Genome, stage: int, generator: np.random.Generator) -> Genome:
        """Return a code with the genes of ``stage`` drawn anew, or those of its first new stage."""
        stage = min(stage, self.revealed(parent))
        child = list(parent)
        for number in self.genes[stage]:
            child[number] = self.space.sample_gene(self.space.genes[number], generator)
        return self._at(child, max(self.revealed(parent) - 1, stage))

    def _at(self, genome: Sequence[int], depth: int) -> Genome:
        """Return a code whose stages count up to ``depth``, repaired."""
        pairs = enumerate(genome)
        return self.space.repair(tuple(depth if n == self.depth else a for n, a in pairs))

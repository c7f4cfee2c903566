"""Progressive search: codes grow stage by stage, and a predictor says which may go on.

After MFAS (Pérez-Rúa et al., CVPR 2019, Algorithm 1) and EPNAS (arXiv 1907.04648).

In a *fusion space*, where a gene ``depth`` says how many of the gene groups ``level1``,
``level2``, … count, a stage reveals a level; the first one reveals the networks, too. Codes of
one level are evaluated, they get a second level, and so on; when all levels are there, each is
replaced in turn, sweep after sweep. In any other space, such as a table, a stage reveals one gene
from left to right, and only what is complete is evaluated: a step is a whole sweep.

In stage l of L of sweep s, the codes that go on are drawn without replacement, with probabilities
in proportion to ``prior * exp(score / T)``; a predictor scores them in standard deviations, and

    T = (T0 - Tf) exp(-(t + 1)^2 / sigma^2) + Tf,  t = s L + l
"""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import torch

from brainray.search.interface import Genome, Space, at_least, one_of
from brainray.search.predictors import Policy, Predictor, Surrogate
from brainray.search.stages import Stages
from brainray.seeding import derive, numpy_generator, one_thread
from brainray.shapes import Array, IntArray

HOTTEST, COLDEST, COOLING = 10.0, 0.2, 4.0
"""T0, Tf and sigma of MFAS."""
POOL = 500
"""Codes that are looked at when a level is revealed, drawn from the priors."""
PREDICTORS: dict[str, type[Surrogate] | type[Policy]] = {
    "surrogate": Surrogate,
    "reinforce": Policy,
}


def temperature(step: int) -> float:
    """Return T after ``step`` stages; it falls from 9.4 to `COLDEST`."""
    return (HOTTEST - COLDEST) * math.exp(-((step + 1) ** 2) / COOLING**2) + COLDEST


class Progressive:
    """Draws the codes of each step by what is expected of them.

    Args:
        space: what is searched.
        seed: of the run.
        predictor: what a code is expected to be worth: by regression (``surrogate``), or the
            policy that REINFORCE learns (``reinforce``).
        step: evaluations after which the predictor is fitted again; the first ones are random.
        beam: prefixes that go on to the next gene where genes are revealed one by one.

    Raises:
        SearchError: an argument is not allowed.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        predictor: Literal["surrogate", "reinforce"] = "surrogate",
        step: int = 5,
        beam: int = 32,
    ) -> None:
        one_of("progressive: predictor", predictor, *PREDICTORS)
        at_least("progressive: step", step, 2)
        at_least("progressive: beam", beam, 1)
        self._space = space
        self._seed = seed
        self._predictor = PREDICTORS[predictor]
        self._size = step
        self._beam = beam
        self._stages = Stages.of(space)
        self._told: list[tuple[Genome, float]] = []
        self._planned: tuple[int, list[Genome]] = (0, [])

    def ask(self, brood_index: int) -> Iterator[Genome]:
        """Yield the codes of the current step, then random ones without end."""
        step = len(self._told) // self._size
        if step != self._planned[0]:
            with one_thread():
                self._planned = step, self._plan(step)
        yield from self._planned[1]
        generator = numpy_generator(self._seed, "progressive", brood_index)
        while True:
            drawn = self._space.sample(generator)
            yield drawn if step else self._stages.first(drawn)

    def tell(self, genomes: Sequence[Genome], values: Sequence[float]) -> None:
        """Remember the values; failed codes (NaN) teach nothing."""
        self._told += zip(genomes, values, strict=True)

    def _plan(self, step: int) -> list[Genome]:
        """Return the codes of a step, which depend on the values of the steps before it alone."""
        told = self._told[: step * self._size]
        known = [(genome, value) for genome, value in told if not math.isnan(value)]
        if len(known) < 2:
            return []
        predictor = self._fitted(known, step)
        generator = numpy_generator(self._seed, "plan", step)
        if self._stages.depth is None:
            return self._reveal_genes(predictor, step, generator)
        parents = [genome for genome, _ in known[-self._size :]]
        return self._reveal_level(predictor, step, parents, generator)

    def _fitted(self, known: Sequence[tuple[Genome, float]], step: int) -> Predictor:
        """Return a predictor that is fitted to evaluated codes."""
        stages = self._stages
        predictor = self._predictor(
            tuple(len(self._space.genes[number].alleles) for number in stages.order),
            whole=stages.depth is not None,
            seed=derive(self._seed, "predictor", step),
        )
        predictor.fit(
            stages.tokens([genome for genome, _ in known]),
            torch.tensor([stages.length(genome) for genome, _ in known]),
            torch.tensor([value for _, value in known]),
        )
        return predictor

    def _reveal_genes(
        self, predictor: Predictor, step: int, generator: np.random.Generator
    ) -> list[Genome]:
        """Return whole codes, made gene by gene from the prefixes that go on."""
        genes = self._space.genes
        prefixes_BT: IntArray = np.zeros((1, 0), dtype=np.int64)
        for stage, gene in enumerate(genes):
            count, size = len(prefixes_BT), len(gene.alleles)
            pool_PT = np.column_stack(
                [prefixes_BT.repeat(size, axis=0), np.tile(np.arange(size), count)]
            )
            weights_P = np.tile(gene.prior or (1.0,) * size, count)
            pool_PT, weights_P = pool_PT[weights_P > 0], weights_P[weights_P > 0]
            scores_P = predictor.score(torch.from_numpy(pool_PT))
            heat = temperature(step * len(genes) + stage)
            chosen = draw(np.log(weights_P) + scores_P / heat, generator)
            prefixes_BT = pool_PT[chosen[: self._beam]]
        return [tuple(code) for code in prefixes_BT.tolist()]

    def _reveal_level(
        self,
        predictor: Predictor,
        step: int,
        parents: Sequence[Genome],
        generator: np.random.Generator,
    ) -> list[Genome]:
        """Return codes with another level, or with one level replaced."""
        stages = self._stages
        level = step % len(stages.genes)
        choices = generator.integers(len(parents), size=POOL)
        drawn = (stages.grow(parents[choice], level, generator) for choice in choices)
        pool = list(dict.fromkeys(drawn))
        lengths_P = np.array([stages.length(genome) for genome in pool])
        scores_P = np.zeros(len(pool))
        for length in np.unique(lengths_P):
            (rows,) = np.nonzero(lengths_P == length)
            tokens = stages.tokens([pool[row] for row in rows])
            scores_P[rows] = predictor.score(tokens[:, :length])
        return [pool[row] for row in draw(scores_P / temperature(step), generator)]


def draw(logits_P: Array, generator: np.random.Generator) -> IntArray:
    """Return all positions in an order drawn without replacement, by softmax probabilities.

    The Gumbel-max trick, for any number of draws (Kool et al., ICML 2019).
    """
    return np.argsort(-(logits_P + generator.gumbel(size=len(logits_P))), kind="stable")

"""Progressive search: codes grow stage by stage, and a predictor says which may grow.

After MFAS (Pérez-Rúa et al., CVPR 2019, Algorithm 1) and EPNAS (arXiv 1907.04648). A stage
reveals some genes. In a *fusion space*, whose genes have groups ``level1``, ``level2``, … beside
a gene ``depth``, it reveals the genes of a level (the first one those of the networks, too): a
code of few levels is evaluated, its best relatives get another level, and when all are there the
levels are replaced in turn. In any other space a stage reveals one gene from left to right, and
only what is complete is evaluated.

In sweep s and stage l of L, prefixes are drawn without replacement with probabilities in
proportion to ``prior * exp(score / T)``, where ``T = (T0 - Tf) exp(-(t + 1)^2 / sigma^2) + Tf``
falls with ``t = s L + l``.
"""

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from brainray.errors import SearchError
from brainray.search.interface import Genome, Space
from brainray.search.predictors import Policy, Predictor, Surrogate
from brainray.seeding import derive, numpy_generator

HOTTEST, COLDEST, COOLING = 10.0, 0.2, 4.0
"""T0, Tf and sigma of MFAS."""
PREDICTORS: dict[str, type[Surrogate] | type[Policy]] = {
    "surrogate": Surrogate,
    "reinforce": Policy,
}


def temperature(number: int) -> float:
    """Return the temperature of step ``number``, which falls from 9.4 to `COLDEST`."""
    return (HOTTEST - COLDEST) * math.exp(-((number + 1) ** 2) / COOLING**2) + COLDEST


class Progressive:
    def __init__(
        self,
        space: Space,
        seed: int,
        predictor: Literal["surrogate", "reinforce"] = "surrogate",
        step: int = 10,
        beam: int = 32,
        sweep0: int = 1,
        fresh: bool = False,
        epochs: int = 60,
        lr: float = 1e-2,
        updates: int = 8,
        entropy: float = 1e-2,
        flat_t: float = 0,
    ) -> None:
        self._space = space
        self._seed = seed
        self._kind = predictor
        self._step = step
        self._beam = beam
        self._told: list[tuple[Genome, float]] = []
        self._plan: tuple[int, list[Genome]] = (0, [])
        self.sweep0, self.fresh, self.epochs, self.lr, self.updates, self.entropy, self.flat_t = (
            sweep0,
            fresh,
            epochs,
            lr,
            updates,
            entropy,
            flat_t,
        )

    def ask(self, brood_index: int) -> Iterator[Genome]:
        steps = len(self._told) // self._step
        if steps:
            if self._plan[0] != steps:
                self._plan = steps, self._flat(steps)
            yield from self._plan[1]
        generator = numpy_generator(self._seed, "progressive", brood_index)
        while True:
            yield self._space.sample(generator)

    def tell(self, genomes: Sequence[Genome], values: Sequence[float]) -> None:
        self._told += zip(genomes, values, strict=True)

    def _flat(self, steps: int) -> list[Genome]:
        alleles = tuple(len(g.alleles) for g in self._space.genes)
        kw = (
            dict(epochs=self.epochs, learning_rate=self.lr)
            if self._kind == "surrogate"
            else dict(
                learning_rate=self.lr, updates=self.updates, entropy=self.entropy, batch=self._step
            )
        )
        pr = PREDICTORS[self._kind](alleles, False, derive(self._seed, "p", steps), **kw)
        D = [(g, v) for g, v in self._told[: steps * self._step] if v == v]
        pr.fit(
            torch.tensor([g for g, _ in D]),
            torch.full((len(D),), len(alleles)),
            torch.tensor([v for _, v in D]),
        )
        known = {g for g, _ in D}
        gen = numpy_generator(self._seed, "plan", steps)
        P = np.zeros((1, 0), int)
        for l, na in enumerate(alleles):
            C = np.concatenate([np.repeat(P, na, 0), np.tile(np.arange(na), len(P))[:, None]], 1)
            if self.fresh and l == len(alleles) - 1:
                C = np.array([c for c in C if tuple(map(int, c)) not in known])
            z = pr.score(torch.tensor(C))
            t = self.flat_t or temperature((steps - self.sweep0) * len(alleles) + l)
            keys = z / t + gen.gumbel(size=len(z))
            P = C[np.argsort(-keys)[: self._beam]]
        return [tuple(map(int, p)) for p in P]

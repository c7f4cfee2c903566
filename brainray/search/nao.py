"""Neural architecture optimization: gradient steps in an embedding of codes.

After Luo et al. (NeurIPS 2018). An encoder, a predictor and a decoder (`nao_network`) learn from
the codes evaluated so far. Embeddings of the best codes climb the gradient of the predicted
value, and what the decoder reads there is evaluated next. Fitted to a search of tens or hundreds
of evaluations:

- values become ranks, for some codes fail so badly that all others would look alike;
- the networks go on learning in lessons of a few evaluations, they do not begin anew;
- codes that were never evaluated teach reading and writing, too (as in SemiNAS, Luo et al.,
  NeurIPS 2020);
- where the climb finds too few new codes, it starts again from embeddings with more noise, as NAO
  lengthens its step; what it finds is ranked by the predictor.

Codes that the space repairs to the same code are worth the same: the augmentation.
"""

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy.stats import rankdata
from torch.nn.functional import normalize

from brainray.search.interface import Genome, Space, at_least, within
from brainray.search.nao_network import HIDDEN, NaoNetwork, Spellings
from brainray.seeding import derive, numpy_generator, one_thread, torch_generator
from brainray.shapes import Array

FIRST_STEPS, STEPS = 150, 40
"""Steps of the optimizer in the first lesson and in each later one."""
OTHERS = 256
"""Codes of a lesson that were not evaluated."""
EQUIVALENT = 4
"""Spellings of each evaluated code, the canonical one among them."""
CLIMB, LENGTH = 8, 0.1
"""Steps of a climb, and their length; outputs of the encoder have the norm 1."""
CLIMBS, NOISE = 10, 0.2
"""The most climbs, and the noise that each adds to the starts, to the norm of an output."""
POOL = 100
"""New codes after which no further climb is made."""


class NAO:
    """Proposes what the decoder reads where the predictor expects more.

    Args:
        space: what is searched.
        seed: of the run.
        first: codes that are drawn at random before the first lesson, at least 2.
        step: evaluations from one lesson to the next.
        parents: of the codes evaluated so far, how many of the best are where climbs start.
        exploration: expected share of random codes among later ones, in [0, 1].

    Raises:
        SearchError: an argument is not allowed.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        first: int = 20,
        step: int = 10,
        parents: int = 100,
        exploration: float = 0.0,
    ) -> None:
        at_least("nao: first", first, 2)
        at_least("nao: step", step, 1)
        at_least("nao: parents", parents, 1)
        within("nao: exploration", exploration, 0, 1)
        self._space = space
        self._seed = seed
        self._first = first
        self._step = step
        self._parents = parents
        self._exploration = exploration
        alleles = tuple(len(gene.alleles) for gene in space.genes)
        self._network = NaoNetwork(alleles, derive(seed, "network"))
        self._allowed_TA = torch.zeros(len(alleles), max(alleles), dtype=torch.bool)
        for number, gene in enumerate(space.genes):
            weights = gene.prior or (1.0,) * len(gene.alleles)
            self._allowed_TA[number, : len(weights)] = torch.tensor(weights) > 0
        self._told: list[tuple[Genome, float]] = []
        self._spellings: dict[Genome, list[Genome]] = {}
        self._lessons = 0
        self._planned: list[Genome] = []
        self._right_pairs = self._pairs = 0

    def ask(self, brood_index: int) -> Iterator[Genome]:
        """Yield the codes that the last lesson led to, then random ones without end."""
        due = max(0, (len(self._told) - self._first) // self._step + 1)
        if self._lessons < due:
            with one_thread():
                while self._lessons < due:
                    self._learn()
                self._planned = self._plan()
        generator = numpy_generator(self._seed, "nao", brood_index)
        for code in self._planned:
            while generator.random() < self._exploration:
                yield self._space.sample(generator)
            yield code
        while True:
            yield self._space.sample(generator)

    def tell(self, genomes: Sequence[Genome], values: Sequence[float]) -> None:
        """Remember the values; failed codes (NaN) teach nothing."""
        self._told += zip(genomes, values, strict=True)

    def report(self) -> dict[str, float]:
        """Return how well the networks do; nothing before they have learned.

        Returns:
            ``pairwise_accuracy``: of all pairs of codes that came between two lessons, the share
            that the predictor put in the right order before it learned their values.
            ``hamming_distance``: how many genes of an evaluated code are wrong after encoding and
            decoding, on average.
        """
        known = self._known(self._lessons)
        found = {}
        if self._pairs:
            found["pairwise_accuracy"] = float(self._right_pairs / self._pairs)
        if self._lessons and known:
            with torch.no_grad(), one_thread():
                codes_NT = torch.tensor([genome for genome, _ in known])
                read_NT = self._network.decode(self._network.encode(codes_NT), self._allowed_TA)
            found["hamming_distance"] = float((read_NT != codes_NT).sum(dim=1).double().mean())
        return found

    def _known(self, lessons: int) -> list[tuple[Genome, float]]:
        """Return the codes with values that have been learned after so many lessons."""
        count = self._first + (lessons - 1) * self._step if lessons else 0
        return [(genome, value) for genome, value in self._told[:count] if not math.isnan(value)]

    def _learn(self) -> None:
        """Give the next lesson; it depends on the values of its time alone."""
        before, known = self._known(self._lessons), self._known(self._lessons + 1)
        self._lessons += 1
        if len(known) < 2:
            return
        if before:
            self._examine(known[len(before) :])
        generator = numpy_generator(self._seed, "lesson", self._lessons)
        for genome, _ in known[len(before) :]:
            others = (equivalent(self._space, genome, generator) for _ in range(EQUIVALENT - 1))
            self._spellings[genome] = [genome, *others]
        read_NVT = np.array([self._spellings[genome] for genome, _ in known])
        values_N = rankdata([value for _, value in known]) / len(known)
        self._network.fit(
            Spellings(read_NVT.swapaxes(0, 1), read_NVT[:, 0]),
            torch.from_numpy(values_N - 0.5 / len(known)).float(),
            self._others(generator),
            STEPS if before else FIRST_STEPS,
            generator,
        )

    def _examine(self, new: Sequence[tuple[Genome, float]]) -> None:
        """Count the pairs of new codes that the predictor puts in the right order."""
        scores = self._scores([genome for genome, _ in new])
        for (one, (_, a)), (other, (_, b)) in itertools.combinations(
            zip(scores, new, strict=True), 2
        ):
            self._pairs += a != b
            self._right_pairs += (one - other) * (a - b) > 0

    def _others(self, generator: np.random.Generator) -> Spellings:
        """Draw codes from the priors, spelled as drawn and as repaired."""
        genes = self._space.genes
        drawn_NT = np.array(
            [[self._space.sample_gene(gene, generator) for gene in genes] for _ in range(OTHERS)]
        )
        written_NT = np.array([self._space.repair(tuple(code)) for code in drawn_NT.tolist()])
        return Spellings(np.stack([written_NT, drawn_NT]), written_NT)

    def _plan(self) -> list[Genome]:
        """Return the new codes that climbs lead to, those with the highest prediction first."""
        known = self._known(self._lessons)
        if len(known) < 2:
            return []
        told = {genome for genome, _ in self._told}
        best = sorted(known, key=lambda pair: -pair[1])[: self._parents]
        with torch.no_grad():
            starts_NTH = self._network.encode(torch.tensor([genome for genome, _ in best]))
        generator = torch_generator(self._seed, "climbs", self._lessons)
        pool: dict[Genome, None] = {}
        for climb in range(CLIMBS):
            noise_NTH = torch.randn(starts_NTH.shape, generator=generator) / math.sqrt(HIDDEN)
            outputs_NTH = normalize(starts_NTH + climb * NOISE * noise_NTH, dim=2)
            for _ in range(CLIMB):
                outputs_NTH = self._network.climb(outputs_NTH, LENGTH)
                codes_NT = self._network.decode(outputs_NTH, self._allowed_TA).numpy()
                different = np.unique(codes_NT, axis=0).tolist()
                repaired = (self._space.repair(tuple(code)) for code in different)
                pool |= dict.fromkeys(code for code in repaired if code not in told)
            if len(pool) >= POOL:
                break
        found = list(pool)
        return [found[row] for row in np.argsort(-self._scores(found), kind="stable")]

    @torch.no_grad()
    def _scores(self, genomes: Sequence[Genome]) -> Array:
        """Return what is predicted of codes."""
        if not genomes:
            return np.zeros(0)
        scores: Array = self._network.predict(self._network.encode(torch.tensor(genomes))).numpy()
        return scores


def equivalent(space: Space, genome: Genome, generator: np.random.Generator) -> Genome:
    """Return a random code that is repaired to a canonical one, ``genome``; maybe itself.

    Genes are redrawn in turn, in a random order; what would mean another code is taken back.
    """
    found = list(genome)
    for number in generator.permutation(len(genome)).tolist():
        kept = found[number]
        found[number] = int(generator.integers(len(space.genes[number].alleles)))
        if found[number] != kept and space.repair(tuple(found)) != genome:
            found[number] = kept
    return tuple(found)

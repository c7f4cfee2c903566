"""The seam between what is searched and who searches it.

The only loop, run by `brainray.search.schedule.Schedule` for every runner::

    while (brood := schedule.next()) is not None:        # asks the searcher
        values = problem.evaluate(brood)                 # anywhere: here, or a Tune trial
        schedule.complete(brood.index, values)           # tells the searcher
    solution = problem.finish(schedule.best(finalists))

A searcher sees a `Space` of integer genes and values to maximise, nothing else: brain priors
and warm starts reach it as fields of the space. A problem sees broods of genomes, nothing of
how they were chosen. Both are found by name through entry points.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from brainray.errors import SearchError
from brainray.wording import counted

DIGITS = 6
"""Of a value, that count; see `comparable`."""

Genome: TypeAlias = tuple[int, ...]
"""The integer code of one candidate: an allele's index for each gene of the space."""


@dataclass(frozen=True)
class Gene:
    """One position of the code.

    Attributes:
        name: unique in its space, e.g. ``image.optimizer``.
        alleles: what the values 0, 1, … stand for, as text.
        group: genes of one group stay together when crossover cuts at gene boundaries
            (paper 3.1.1: one group an activated input, and one for the fusion). The levels of a
            fusion space have the groups ``level1``, ``level2``, …, of which a gene ``depth``
            says how many count; progressive search reveals them one by one.
        prior: a weight for each allele, at least 0, not all 0; None is uniform.
    """

    name: str
    alleles: tuple[str, ...]
    group: str
    prior: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.alleles:
            raise SearchError(f"gene {self.name}: needs at least one allele")
        if self.prior is not None and (
            len(self.prior) != len(self.alleles) or min(self.prior) < 0 or sum(self.prior) <= 0
        ):
            raise SearchError(
                f"gene {self.name}: prior {self.prior} must give each of the "
                f"{len(self.alleles)} alleles a weight of at least 0, and one above 0"
            )


class Repair(Protocol):
    """Maps any code to its canonical legal code; idempotent, and pure."""

    def __call__(self, genome: Genome) -> Genome:
        """Return the canonical legal code nearest to ``genome``."""


def keep(genome: Genome) -> Genome:
    """Repair nothing: every code of the space is legal and canonical."""
    return genome


@dataclass(frozen=True)
class Space:
    """What can be searched.

    Attributes:
        genes: the positions of the code, in order.
        repair: maps any code to its canonical legal code.
        warm_start: codes worth trying first.
        legal: lists the canonical legal codes where they are known, each once and always in the
            same order, and `sample` draws among them; None: they are what ``repair`` makes of
            all codes.
    """

    genes: tuple[Gene, ...]
    repair: Repair = keep
    warm_start: tuple[Genome, ...] = field(default=())
    legal: Callable[[], Sequence[Genome]] | None = None

    @property
    def codes(self) -> int:
        """The number of codes, illegal and equivalent ones included."""
        return math.prod(len(gene.alleles) for gene in self.genes)

    def sample(self, generator: np.random.Generator) -> Genome:
        """Draw a legal code, each gene from its prior; of listed ones, each is equally likely."""
        if self.legal is not None:
            codes = self.legal()
            return codes[int(generator.integers(len(codes)))]
        return self.repair(tuple(self.sample_gene(gene, generator) for gene in self.genes))

    @staticmethod
    def sample_gene(gene: Gene, generator: np.random.Generator) -> int:
        """Draw one allele of ``gene`` from its prior."""
        if gene.prior is None:
            return int(generator.integers(len(gene.alleles)))
        weights = np.asarray(gene.prior)
        return int(generator.choice(len(weights), p=weights / weights.sum()))

    def check(self, genome: Genome) -> None:
        """Raise `SearchError` if ``genome`` is not a code of this space."""
        if len(genome) != len(self.genes):
            has = counted(len(genome), "gene")
            raise SearchError(f"genome {genome}: has {has}, not {len(self.genes)}")
        for gene, allele in zip(self.genes, genome, strict=True):
            if not 0 <= allele < len(gene.alleles):
                raise SearchError(
                    f"genome {genome}: gene {gene.name} is {allele}, "
                    f"allowed are 0 to {len(gene.alleles) - 1}"
                )


@dataclass(frozen=True)
class Brood:
    """Genomes evaluated together: the unit of work and of determinism.

    Its members, their order and its seed depend on the run's seed and on earlier values only,
    never on the number of workers.
    """

    index: int
    seed: int
    genomes: tuple[Genome, ...]


@dataclass(frozen=True)
class Solution:
    """What a problem makes of the best genomes.

    Attributes:
        genome: the winner, chosen on validation.
        value: its validation value.
        weights: its trained arrays by name.
        details: what else the problem wants kept (finalists, baselines); JSON values only.
        effort: what training cost, if the problem measures it: the fields of
            `brainray.training.exchange.Effort`. Not part of what is compared.
    """

    genome: Genome
    value: float
    weights: dict[str, Any]
    details: dict[str, Any]
    effort: dict[str, Any] = field(default_factory=dict, compare=False)


class Problem(Protocol):
    """What a search needs to know. Instances are picklable and cheap to send to a worker."""

    @property
    def space(self) -> Space:
        """The codes that may be asked for."""

    def evaluate(self, brood: Brood) -> list[float]:
        """Return a value to maximise for each genome; NaN says that this one failed."""

    def finish(self, genomes: Sequence[Genome]) -> Solution:
        """Train the best genomes to the end and choose one.

        A problem that trains with several workers carries its communicator; each worker calls
        ``finish`` at the same time, and all return the same.
        """


class Searcher(Protocol):
    """Chooses what to evaluate. Made as ``Searcher(space, seed)``.

    What ``ask`` yields must be a function of the space, the seed, ``brood_index`` and what was
    told, so that a run can be replayed from its record.
    """

    def ask(self, brood_index: int) -> Iterator[Genome]:
        """Propose codes without end.

        The schedule checks and repairs each, drops those asked before and takes as many as the
        brood holds. One of another length, or with an allele that a gene has not, is an error.
        """

    def tell(self, genomes: Sequence[Genome], values: Sequence[float]) -> None:
        """Learn the values of one brood; NaN marks a failed genome."""


@runtime_checkable
class Reporting(Protocol):
    """What a searcher offers beside `Searcher` if it can tell how well it is doing."""

    def report(self) -> dict[str, float]:
        """Return its diagnostics by name; those that are not known yet are missing or not finite.

        Called when the first brood was asked for, and when the search has ended.
        """


def comparable(value: float) -> float:
    """Return a value as searches see it, to 6 decimals or, if these are more, 6 digits.

    The last digits depend on the order of sums, and so on the machine; a search must not.
    """
    if not math.isfinite(value) or value == 0:
        return value
    return round(value, max(DIGITS, DIGITS - 1 - math.floor(math.log10(abs(value)))))


def at_least(what: str, value: float, least: float) -> None:
    """Raise `SearchError` if a searcher's option is less than allowed; ``what`` names it."""
    _finite(what, value)
    if value < least:
        raise SearchError(f"{what} is {value}, at least {least} is needed")


def within(what: str, value: float, least: float, most: float) -> None:
    """Raise `SearchError` if a searcher's option is outside its range; ``what`` names it."""
    if not least <= value <= most:
        raise SearchError(f"{what} is {value}, allowed are {least} to {most}")


def above(what: str, value: float, bound: float) -> None:
    """Raise `SearchError` if a searcher's option is not above a bound; ``what`` names it."""
    _finite(what, value)
    if value <= bound:
        raise SearchError(f"{what} is {value}, more than {bound} is needed")


def _finite(what: str, value: float) -> None:
    if not -math.inf < value < math.inf:  # NaN is neither
        raise SearchError(f"{what} is {value}, a finite number is needed")


def one_of(what: str, value: str, *allowed: str) -> None:
    """Raise `SearchError` if a searcher's option is not one of the allowed ones."""
    if value not in allowed:
        raise SearchError(f"{what} is {value!r}, allowed are {', '.join(allowed)}")

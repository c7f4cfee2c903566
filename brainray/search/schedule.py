"""The loop between a searcher and whoever evaluates: which brood comes when, and what is known.

Brood i depends on the values of broods 0 to i - lag only, even when more are known already.
So its members do not depend on the number of workers, and up to ``lag`` broods can be in
evaluation at the same time.

Without a lag a brood depends on all that is known when it is asked for, in the order in which it
became known: no worker waits, and the result depends on who is when ready. That order, and how
much of it each brood saw, is all that it takes to repeat such a search.
"""

import itertools
import math
import operator
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

from brainray.errors import SearchError
from brainray.search.calling import calling
from brainray.search.interface import Brood, Genome, Reporting, Searcher, Space, comparable
from brainray.seeding import derive, numpy_generator

STALE_PROPOSALS = 200
"""Repeated proposals in a row after which the searcher is taken to have nothing new."""


@dataclass(frozen=True)
class Evaluated:
    """A brood of an earlier execution, with its values in the order of its genomes."""

    genomes: tuple[Genome, ...]
    values: tuple[float, ...]


class Schedule:
    """Hands out broods and collects their values.

    Args:
        space: what is searched.
        searcher: who proposes.
        seed: of the run.
        budget: distinct genomes to evaluate; fewer if the space has fewer.
        brood_size: genomes of a brood; the last one may be smaller.
        lag: how many broods may be in evaluation at once, at least 1; None: as many as are asked
            for.
        time_limit_seconds: no brood is handed out after this time; None is no limit.
        known: broods that were evaluated before, by index and in the order in which they were
            completed; they are completed, not handed out.
        seen: without a lag, how many completed broods the searcher knew when it was asked for
            brood 0, 1 and so on, as far as these were asked for before.
        on_asked: without a lag, called with the index of each brood that was not asked for before,
            and how many completed broods the searcher knew; before the brood is handed out.
        name: of the searcher, for errors; None is that of its class.
    """

    def __init__(
        self,
        space: Space,
        searcher: Searcher,
        *,
        seed: int,
        budget: int,
        brood_size: int,
        lag: int | None,
        time_limit_seconds: float | None = None,
        known: Mapping[int, Evaluated] | None = None,
        seen: Sequence[int] = (),
        on_asked: Callable[[int, int], None] | None = None,
        name: str | None = None,
    ) -> None:
        self.space = space
        self.budget = budget
        self._searcher = searcher
        self._seed = seed
        self._brood_size = brood_size
        self._lag = lag
        self._deadline = (
            None if time_limit_seconds is None else time.monotonic() + time_limit_seconds
        )
        self._asked: set[Genome] = set()
        self._broods: list[Brood] = []
        self._values: dict[int, list[float]] = {}
        self._told = 0
        self._exhausted = False
        self._known = dict(known or {})
        self._order = list(self._known)
        self._seen = seen
        self._on_asked = on_asked
        self._name = type(searcher).__name__ if name is None else name

    def next(self) -> Brood | None:
        """Return the next brood; None if it has to wait for values, or if all were handed out.

        Raises:
            SearchError: a brood that was evaluated before had other genomes, or the searcher
                raised an error or gives no codes.
        """
        while (brood := self._make()) is not None:
            if brood.index not in self._known:
                return brood
            before = self._known[brood.index]
            if before.genomes != brood.genomes:
                raise SearchError(
                    f"brood {brood.index}: the record has other genomes; the run was recorded "
                    "with another version or scenario"
                )
            self.complete(brood.index, before.values)
        return None

    def _make(self) -> Brood | None:
        """Ask the searcher for one brood, if it may be asked now."""
        if self.all_asked:
            return None
        index = len(self._broods)
        for told in itertools.islice(self._sights(index), self._told, None):
            if told not in self._values:
                return None
            with calling(self._name, f"tell of brood {told}"):
                self._searcher.tell(self._broods[told].genomes, self._values[told])
            self._told += 1
        size = min(self._brood_size, self.budget - len(self._asked))
        genomes = tuple(itertools.islice(self._fresh(index), size))
        if index == 0:
            _ = self.diagnostics  # what is wrong with them is said before anything is evaluated
        self._exhausted = len(genomes) < size
        if not genomes:
            return None
        brood = Brood(index, derive(self._seed, "brood", index), genomes)
        self._broods.append(brood)
        if self._lag is None and index >= len(self._seen) and self._on_asked is not None:
            self._on_asked(index, self._told)
        return brood

    def _sights(self, index: int) -> Sequence[int]:
        """Return the broods whose values the searcher knows when brood ``index`` is asked for."""
        if self._lag is not None:
            return range(index - self._lag + 1)
        return self._order[: self._seen[index]] if index < len(self._seen) else self._order

    def complete(self, index: int, values: Sequence[float]) -> None:
        """Take the values of brood ``index``, in its genomes' order; NaN marks a failed one.

        Raises:
            SearchError: there is no such brood, it was completed before, or values are missing.
        """
        if not 0 <= index < len(self._broods):
            raise SearchError(f"brood {index} was never handed out")
        if index in self._values:
            raise SearchError(f"brood {index} was completed twice")
        if len(values) != len(self._broods[index].genomes):
            raise SearchError(
                f"brood {index}: {len(values)} values for its "
                f"{len(self._broods[index].genomes)} genomes"
            )
        self._values[index] = [comparable(float(value)) for value in values]
        if index not in self._known:
            self._order.append(index)

    @property
    def all_asked(self) -> bool:
        """Whether no further brood will be handed out."""
        known = len(self._broods) in self._known  # what is known takes no time
        late = not known and self._deadline is not None and time.monotonic() >= self._deadline
        return self._exhausted or late or len(self._asked) >= self.budget

    @property
    def all_completed(self) -> bool:
        """Whether no brood will be handed out and all that were have values."""
        return self.all_asked and len(self._values) == len(self._broods)

    @property
    def history(self) -> list[tuple[Genome, float]]:
        """Every evaluated genome with its value, brood by brood."""
        return [
            pair
            for brood in self._broods
            if brood.index in self._values
            for pair in zip(brood.genomes, self._values[brood.index], strict=True)
        ]

    @property
    def diagnostics(self) -> dict[str, float]:
        """How well the searcher is doing by its own account; empty if it gives none.

        What is not finite is not known, and left out.

        Raises:
            SearchError: the searcher raised an error, or gives something else than numbers by name.
        """
        if not isinstance(self._searcher, Reporting):
            return {}
        with calling(self._name, "report()"):
            found: object = self._searcher.report()
        if not isinstance(found, Mapping):
            raise SearchError(f"the searcher's report is {found!r}: must be numbers by name")
        for name, value in found.items():
            if not isinstance(name, str) or not isinstance(value, Real):
                raise SearchError(f"the searcher's diagnostic {name!r} is {value!r}: not a number")
        try:
            numbers = {name: float(value) for name, value in found.items()}
        except OverflowError as error:
            raise SearchError("the searcher's report has a number too large for a float") from error
        return {name: number for name, number in numbers.items() if math.isfinite(number)}

    def best(self, count: int) -> list[Genome]:
        """Return the ``count`` best genomes, best first; the earlier one wins a tie.

        Raises:
            SearchError: every evaluation failed.
        """
        good = [(genome, value) for genome, value in self.history if not math.isnan(value)]
        if not good:
            number = len(self.history)
            which = "the only candidate" if number == 1 else f"all {number:,} candidates"
            raise SearchError(f"{which} failed")
        return [genome for genome, _ in sorted(good, key=lambda pair: -pair[1])[:count]]

    def _fresh(self, index: int) -> Iterator[Genome]:
        """Yield legal codes that were not asked before, until there are none left."""
        stale = 0
        for proposal in itertools.chain(self._warm_start(), self._proposals(index)):
            genome = self._code(proposal)
            if genome not in self._asked:
                stale = 0
                self._asked.add(genome)
                yield genome
            elif (stale := stale + 1) >= STALE_PROPOSALS:
                break
        yield from self._unseen(index)

    def _proposals(self, index: int) -> Iterator[Genome]:
        with calling(self._name, f"ask({index})"):
            proposals: object = self._searcher.ask(index)
            if not isinstance(proposals, Iterable):
                raise SearchError(
                    f"searcher {self._name!r}: ask({index}) returned {proposals!r}, must give codes"
                )
            yield from proposals

    def _warm_start(self) -> list[Genome]:
        """Return the codes worth trying first that were not tried yet; a brood may be too small."""
        return [genome for genome in self.space.warm_start if self._code(genome) not in self._asked]

    def _code(self, proposal: Sequence[int]) -> Genome:
        """Return the canonical legal code of a proposal, which may be of any sort of integers.

        Raises:
            SearchError: it is no code of the space; combinations of genes alone are repaired.
        """
        try:
            genome = tuple(map(operator.index, proposal))
        except TypeError as error:
            raise SearchError(f"genome {proposal!r}: must be a sequence of integers") from error
        self.space.check(genome)
        repaired = self.space.repair(genome)
        self.space.check(repaired)
        return repaired

    def _unseen(self, index: int) -> Iterator[Genome]:
        """Yield what is left of the space: first by chance, then one after the other."""
        generator = numpy_generator(self._seed, "unseen", index)
        drawn = (self.space.sample(generator) for _ in range(STALE_PROPOSALS))
        for genome in itertools.chain(drawn, self._all()):
            if genome not in self._asked:
                self._asked.add(genome)
                yield genome

    def _all(self) -> Iterator[Genome]:
        """Yield all legal codes: those that the space lists, or all codes, repaired."""
        if self.space.legal is not None:
            yield from self.space.legal()
        else:
            counted = itertools.product(*(range(len(gene.alleles)) for gene in self.space.genes))
            yield from map(self.space.repair, counted)

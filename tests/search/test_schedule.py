import itertools
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainray import plugins
from brainray.errors import SearchError
from brainray.search.calling import made
from brainray.search.evolution import Evolution
from brainray.search.interface import Genome, Space
from brainray.search.random_search import RandomSearch
from brainray.search.schedule import STALE_PROPOSALS, Evaluated, Schedule
from brainray.testing import OneMax, integer_space


def ordered(genome: Genome) -> Genome:
    """A repair for which the order of genes does not matter."""
    return tuple(sorted(genome))


class Script:
    """Proposes what it is given, then nothing, and notes how much it was told before each brood."""

    def __init__(self, *proposals: Genome) -> None:
        self.proposals = proposals
        self.told: list[tuple[Genome, float]] = []
        self.told_before: list[int] = []

    def ask(self, brood_index):
        self.told_before.append(len(self.told))
        yield from self.proposals

    def tell(self, genomes, values):
        self.told += zip(genomes, values, strict=True)


def scripted(space: Space, *proposals: Genome, **changes) -> Schedule:
    options = {"seed": 0, "budget": 4, "brood_size": 4, "lag": 1} | changes
    return Schedule(space, Script(*proposals), **options)


@pytest.mark.parametrize("algorithm", [RandomSearch, Evolution])
@pytest.mark.parametrize("budget", [1, 16, 50])
def test_the_budget_counts_distinct_genomes(algorithm, budget, run, toy):
    searcher = algorithm(toy.space, 0)
    schedule = Schedule(toy.space, searcher, seed=0, budget=budget, brood_size=16, lag=3)
    genomes = [genome for genome, _ in run(schedule, toy)]
    assert len(genomes) == len(set(genomes)) == budget
    assert schedule.next() is None


def test_broods_are_full_but_for_the_last(evolution):
    schedule = evolution(budget=45, brood_size=10, lag=9)
    sizes = [len(schedule.next().genomes) for _ in range(5)]
    assert sizes == [10, 10, 10, 10, 5]


def test_every_brood_has_its_own_seed_which_depends_on_the_run(evolution):
    first, again, other = [evolution(seed).next().seed for seed in (0, 0, 1)]
    assert first == again != other
    schedule = evolution()
    assert len({schedule.next().seed for _ in range(3)}) == 3


def test_repeated_and_equivalent_proposals_are_dropped():
    space = Space(integer_space(genes=2, alleles=3).genes, repair=ordered)
    schedule = scripted(space, (1, 0), (0, 1), (0, 1), (2, 1), (0, 0), budget=3, brood_size=3)
    assert schedule.next().genomes == ((0, 1), (1, 2), (0, 0))


@pytest.mark.parametrize("repair", [None, ordered])
def test_a_small_space_ends_with_all_its_codes(repair, run, evolution):
    space = integer_space(genes=4, alleles=3)
    codes = set(itertools.product(range(3), repeat=4))
    if repair is not None:
        space = Space(space.genes, repair)
        codes = {repair(code) for code in codes}
    problem = OneMax(space)
    schedule = evolution(problem=problem, budget=1000)
    genomes = [genome for genome, _ in run(schedule, problem)]
    assert len(genomes) == len(codes)
    assert set(genomes) == codes


def test_a_searcher_with_nothing_new_is_helped_out():
    space = integer_space(genes=6, alleles=3)
    stale = [(0,) * 6] * (STALE_PROPOSALS + 1)
    for proposals in ([], stale):
        schedule = scripted(space, *proposals, budget=50, brood_size=50)
        assert len(set(schedule.next().genomes)) == 50


def test_a_proposal_outside_the_space_is_refused():
    with pytest.raises(SearchError, match="gene gene1 is 3, allowed are 0 to 2"):
        scripted(integer_space(genes=2, alleles=3), (0, 3)).next()


@pytest.mark.parametrize(
    ("proposal", "reason"),
    [
        ((9, 9), "gene gene0 is 9, allowed are 0 to 2"),
        ((-1, 0), "gene gene0 is -1, allowed are 0 to 2"),
        ((0,), "has 1 gene, not 2"),
        ((0, 1, 2), "has 3 genes, not 2"),
        ((0, 0.5), r"genome \(0, 0.5\): must be a sequence of integers"),
        ("01", "genome '01': must be a sequence of integers"),
        (None, "genome None: must be a sequence of integers"),
    ],
)
def test_what_is_no_code_is_refused_before_it_is_repaired(proposal, reason):
    space = Space(integer_space(genes=2, alleles=3).genes, repair=lambda genome: (0, 0))
    with pytest.raises(SearchError, match=reason):
        scripted(space, proposal).next()


@pytest.mark.parametrize("kind", [list, np.array, lambda code: tuple(np.array(code))])
def test_any_sort_of_integers_is_taken(kind):
    codes = ((2, 1), (0, 2), (1, 1))
    schedule = scripted(integer_space(genes=2, alleles=3), *map(kind, codes), budget=3)
    genomes = schedule.next().genomes
    assert genomes == codes
    assert {type(allele) for genome in genomes for allele in genome} == {int}


@settings(deadline=None, max_examples=50)
@given(
    lag=st.integers(1, 5),
    workers=st.integers(1, 7),
    brood_size=st.integers(1, 12),
    order=st.randoms(use_true_random=False),
)
def test_the_history_does_not_depend_on_the_workers(
    lag, workers, brood_size, order, run, run_in_parallel, toy, evolution
):
    problem = OneMax(toy.space, failing=0.2)
    options = {"problem": problem, "lag": lag, "brood_size": brood_size}
    expected = run(evolution(**options), problem)
    history = run_in_parallel(evolution(**options), problem, workers, order)
    assert repr(history) == repr(expected)  # NaN is not equal to itself


@settings(deadline=None, max_examples=50)
@given(lag=st.integers(1, 5), workers=st.integers(1, 7), order=st.randoms(use_true_random=False))
def test_a_brood_sees_the_values_of_all_broods_that_are_old_enough_and_no_others(
    lag, workers, order, run_in_parallel, toy
):
    script = Script()
    schedule = Schedule(toy.space, script, seed=0, budget=40, brood_size=4, lag=lag)
    history = run_in_parallel(schedule, toy, workers, order)
    assert script.told_before == [4 * max(0, index - lag + 1) for index in range(10)]
    assert script.told == history[: len(script.told)]


@pytest.mark.parametrize("lag", [1, 2, 4])
def test_a_value_changes_later_broods_only(lag, toy, evolution):
    def broods(changed: int | None) -> list[tuple[Genome, ...]]:
        schedule = evolution(lag=lag)
        made = []
        while (brood := schedule.next()) is not None:
            made.append(brood.genomes)
            values = toy.evaluate(brood)
            if brood.index == changed:
                values = [9.0] * len(values)
            schedule.complete(brood.index, values)
        return made

    plain, changed = broods(None), broods(2)
    assert changed[: 2 + lag] == plain[: 2 + lag]
    assert changed[2 + lag] != plain[2 + lag]


def test_without_a_lag_no_brood_waits_and_each_sees_what_is_known(toy):
    script = Script()
    schedule = Schedule(toy.space, script, seed=0, budget=16, brood_size=4, lag=None)
    slow, fast, other = (schedule.next() for _ in range(3))
    schedule.complete(fast.index, toy.evaluate(fast))
    schedule.complete(other.index, toy.evaluate(other))
    assert schedule.next().index == 3
    assert script.told_before == [0, 0, 0, 8]
    assert [genome for genome, _ in script.told] == [*fast.genomes, *other.genomes]
    assert not schedule.all_completed
    schedule.complete(slow.index, toy.evaluate(slow))


@settings(deadline=None, max_examples=50)
@given(
    workers=st.integers(1, 5),
    order=st.randoms(use_true_random=False),
    share=st.floats(0, 1),
    algorithm=st.sampled_from([Evolution, RandomSearch]),
)
def test_a_search_without_a_lag_is_repeated_and_continued_by_its_record(
    workers, order, share, algorithm, run, run_in_parallel, toy
):
    record: list[tuple[str, int, Any]] = []

    class Noting(Schedule):
        def complete(self, index, values):
            super().complete(index, values)
            record.append(("done", index, Evaluated(self._broods[index].genomes, tuple(values))))

    def schedule(kind: type[Schedule], **changes: Any) -> Schedule:
        searcher = algorithm(toy.space, 0)
        return kind(toy.space, searcher, seed=0, budget=60, brood_size=7, lag=None, **changes)

    def note(index: int, seen: int) -> None:
        record.append(("asked", index, seen))

    history = run_in_parallel(schedule(Noting, on_asked=note), toy, workers, order)
    before = record[: round(share * len(record))]
    known = {index: what for kind, index, what in before if kind == "done"}
    seen = [what for kind, _, what in before if kind == "asked"]
    asked: list[int] = []
    again = schedule(
        Schedule, known=known, seen=seen, on_asked=lambda index, seen: asked.append(index)
    )
    found = run(again, toy)
    broods = {index: what.genomes for kind, index, what in record if kind == "done"}
    assert {index: brood.genomes for index, brood in enumerate(again._broods[: len(seen)])} == {
        index: broods[index] for index in range(len(seen))
    }
    assert asked == list(range(len(seen), len(broods)))
    if share == 1:
        assert found == history


def test_it_waits_for_the_brood_that_is_needed(toy, evolution):
    schedule = evolution(lag=2)
    first, second = schedule.next(), schedule.next()
    assert schedule.next() is None
    schedule.complete(second.index, toy.evaluate(second))
    assert schedule.next() is None
    assert not schedule.all_asked
    schedule.complete(first.index, toy.evaluate(first))
    assert [schedule.next().index, schedule.next().index] == [2, 3]
    assert schedule.next() is None


def test_wrong_completions_are_refused(toy, evolution):
    schedule = evolution()
    for index in (0, -1):
        with pytest.raises(SearchError, match=f"brood {index} was never handed out"):
            schedule.complete(index, [0.0] * 7)
    brood = schedule.next()
    with pytest.raises(SearchError, match="brood 0: 6 values for its 7 genomes"):
        schedule.complete(0, [0.0] * 6)
    assert schedule.history == []
    schedule.complete(0, toy.evaluate(brood))
    before = schedule.history
    with pytest.raises(SearchError, match="brood 0 was completed twice"):
        schedule.complete(0, [0.0] * 7)
    assert schedule.history == before


def test_best_comes_first_and_the_earlier_wins_a_tie():
    space = integer_space(genes=1, alleles=6)
    codes = [(5,), (4,), (3,), (2,), (1,), (0,)]
    schedule = scripted(space, *codes, budget=6, brood_size=3, lag=2)
    schedule.next(), schedule.next()
    schedule.complete(1, [0.5, 0.9, math.nan])
    schedule.complete(0, [0.5, math.nan, 0.1])
    assert schedule.best(10) == [(1,), (5,), (2,), (3,)]
    assert schedule.best(2) == [(1,), (5,)]


def test_differences_in_the_last_digits_do_not_count():
    schedule = scripted(integer_space(genes=1, alleles=2), (0,), (1,), budget=2)
    schedule.next()
    schedule.complete(0, [0.5, 0.5 + 1e-9])
    assert schedule.history == [((0,), 0.5), ((1,), 0.5)]
    assert schedule.best(1) == [(0,)]


@pytest.mark.parametrize("algorithm", ["random", "evolution"])
@pytest.mark.parametrize("scale", [1e-7, 1e-3, 1e7])
def test_the_unit_of_the_values_does_not_change_the_search(algorithm, scale, run, toy):
    class Scaled(OneMax):
        def value(self, genome):
            return scale * super().value(genome)

    def genomes(problem: OneMax) -> list[Genome]:
        searcher = plugins.load("searchers", algorithm)(toy.space, 0)
        schedule = Schedule(toy.space, searcher, seed=0, budget=40, brood_size=1, lag=1)
        run(schedule, problem)
        return [*schedule.best(5), *(genome for genome, _ in schedule.history)]

    assert genomes(Scaled(toy.space)) == genomes(toy)


class Telling(Script):
    """Reports what it is given."""

    diagnostics: Any

    def report(self):
        return self.diagnostics


@pytest.mark.parametrize(
    ("diagnostics", "reason"),
    [
        (None, "the searcher's report is None: must be numbers by name"),
        ([0.5], r"the searcher's report is \[0.5\]: must be numbers by name"),
        ({"loss": "low"}, "the searcher's diagnostic 'loss' is 'low': not a number"),
        ({"right": 0.5, "loss": None}, "the searcher's diagnostic 'loss' is None: not a number"),
        ({3: 0.5}, "the searcher's diagnostic 3 is 0.5"),
        ({"loss": 10**400}, "the searcher's report has a number too large for a float"),
    ],
)
def test_a_wrong_diagnostic_is_refused_with_the_first_brood(diagnostics, reason, toy):
    searcher = Telling((0,) * 6)
    searcher.diagnostics = diagnostics
    schedule = Schedule(toy.space, searcher, seed=0, budget=4, brood_size=1, lag=1)
    with pytest.raises(SearchError, match=reason):
        schedule.next()


def test_a_diagnostic_that_is_not_finite_is_not_known(toy):
    searcher = Telling((0,) * 6)
    searcher.diagnostics = {
        "right": np.float32(0.5),
        "pairs": 3,
        "loss": math.nan,
        "far": -math.inf,
    }
    schedule = Schedule(toy.space, searcher, seed=0, budget=4, brood_size=1, lag=1)
    assert schedule.next() is not None
    assert schedule.diagnostics == {"right": 0.5, "pairs": 3.0}
    assert {type(value) for value in schedule.diagnostics.values()} == {float}


def test_failed_genomes_count_and_are_never_the_best(run, toy, evolution):
    problem = OneMax(toy.space, failing=0.5)
    schedule = evolution(problem=problem)
    history = run(schedule, problem)
    good = [genome for genome, value in history if not math.isnan(value)]
    assert len(history) == 60
    assert 10 < len(good) < 50
    assert sorted(schedule.best(100)) == sorted(good)


def test_without_a_single_success_there_is_no_best(run, toy, evolution):
    problem = OneMax(toy.space, failing=1.0)
    schedule = evolution(problem=problem)
    run(schedule, problem)
    with pytest.raises(SearchError, match="all 60 candidates failed"):
        schedule.best(1)


def test_a_single_failure_is_said_in_the_singular(toy, evolution):
    schedule = evolution(budget=1)
    brood = schedule.next()
    schedule.complete(brood.index, [math.nan])
    with pytest.raises(SearchError, match="the only candidate failed"):
        schedule.best(1)


def test_warm_starts_come_first_even_if_a_brood_is_too_small():
    warm = ((0, 0), (2, 2), (1, 1), (0, 0), (1, 2))
    space = Space(integer_space(genes=2, alleles=3).genes, warm_start=warm)
    schedule = scripted(space, (2, 0), (0, 2), budget=6, brood_size=3, lag=2)
    assert schedule.next().genomes == ((0, 0), (2, 2), (1, 1))
    assert schedule.next().genomes == ((1, 2), (2, 0), (0, 2))


def test_a_warm_start_is_repaired_and_checked():
    space = Space(integer_space(genes=2, alleles=3).genes, ordered, warm_start=((2, 0),))
    assert scripted(space, budget=1).next().genomes == ((0, 2),)
    space = Space(integer_space(genes=2, alleles=3).genes, warm_start=((2, 3),))
    with pytest.raises(SearchError, match="gene gene1 is 3"):
        scripted(space).next()


def test_no_time_means_no_broods(evolution):
    schedule = evolution(time_limit_seconds=0)
    assert schedule.next() is None
    assert schedule.all_asked
    assert schedule.history == []


def test_plenty_of_time_changes_nothing(run, toy, evolution):
    expected = run(evolution(), toy)
    assert run(evolution(time_limit_seconds=3600), toy) == expected


class Broken(Script):
    """Raises in one of its calls."""

    def __init__(self, call: str) -> None:
        super().__init__((0,) * 6)
        self.call = call

    def broken(self, call):
        if call == self.call:
            raise RuntimeError(f"{call} broke\nthere")

    def ask(self, brood_index):
        self.broken(f"ask {brood_index}")
        yield from super().ask(brood_index)
        self.broken(f"end of ask {brood_index}")

    def tell(self, genomes, values):
        self.broken("tell")

    def report(self):
        self.broken("report")
        return {}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("ask 0", r"ask\(0\)"),
        ("end of ask 0", r"ask\(0\)"),
        ("ask 1", r"ask\(1\)"),
        ("tell", "tell of brood 0"),
        ("report", r"report\(\)"),
    ],
)
def test_what_a_searcher_raises_names_it_and_the_call(call, says, run, toy):
    schedule = Schedule(toy.space, Broken(call), seed=0, budget=8, brood_size=4, lag=1, name="mine")
    message = f"^searcher 'mine': {says} raised RuntimeError: {call} broke$"
    with pytest.raises(SearchError, match=message) as refused:
        run(schedule, toy)
    assert isinstance(refused.value.__cause__, RuntimeError)


def test_a_searcher_that_gives_no_codes_is_named(toy, monkeypatch):
    monkeypatch.setattr(Script, "ask", lambda self, brood_index: None)
    with pytest.raises(SearchError, match=r"^searcher 'Script': ask\(0\) returned None, must give"):
        scripted(toy.space).next()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda space, seed: SimpleNamespace(tell=print), "has no method ask"),
        (lambda space: space, "its constructor raised TypeError: "),
        (lambda space, seed: 1 / 0, "its constructor raised ZeroDivisionError: division by zero"),
        (lambda space, seed: SimpleNamespace(ask=iter), "has no method tell"),
        (lambda space, seed: Evolution(space, seed, population=0), "evolution: population is 0"),
    ],
)
def test_a_searcher_that_cannot_be_made_is_named(make, says, toy):
    named = "" if says.startswith("evolution") else "searcher 'mine': "
    with pytest.raises(SearchError, match=f"^{named}{says}"):
        made("mine", make, toy.space, 0)

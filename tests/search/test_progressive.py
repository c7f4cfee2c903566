import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from statistics import mean
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from brainray.errors import SearchError
from brainray.search.interface import Brood, Gene, Genome, Space
from brainray.search.predictors import Policy, Surrogate
from brainray.search.progressive import COLDEST, Progressive, Stages, temperature
from brainray.search.random_search import RandomSearch
from brainray.search.schedule import Schedule
from brainray.search.table import TableProblem, problem_of
from brainray.testing import OneMax, epistatic_table, integer_space

LEVELS, OPERATORS = 3, 4
PREDICTORS = ("surrogate", "reinforce")


def shallow(genome: Genome) -> Genome:
    """Levels beyond the depth mean nothing."""
    model, depth, *levels = genome
    return (model, depth, *(a if n <= depth else 0 for n, a in enumerate(levels)))


@pytest.fixture(scope="module")
def fusion() -> Space:
    """A model, a depth, and an operator a level: 5 * (4 + 16 + 64) codes."""
    levels = (Gene(f"level{n}.operator", tuple("abcd"), f"level{n}") for n in range(1, LEVELS + 1))
    genes = (Gene("model", tuple("vwxyz"), "image"), Gene("depth", ("1", "2", "3"), "depth"))
    return Space((*genes, *levels), shallow)


def value(genome: Genome) -> float:
    """Prefers model 3 and operator 2; each level counts."""
    model, depth, *levels = genome
    right = sum(operator == 2 for operator in levels[: depth + 1])
    return -abs(model - 3) / 4 + right / LEVELS


@dataclass(frozen=True)
class Levels:
    """The problem of these values."""

    space: Space

    def evaluate(self, brood: Brood) -> list[float]:
        return [value(genome) for genome in brood.genomes]


@pytest.fixture(scope="module")
def grow(fusion: Space, run: Callable[..., Any]) -> Callable[..., list[tuple[Genome, float]]]:
    """Runs a search of the fusion space."""

    def do(seed: int, budget: int, brood_size: int, kind: Any = Progressive, **options: Any):
        searcher = kind(fusion, seed, **options)
        schedule = Schedule(
            fusion, searcher, seed=seed, budget=budget, brood_size=brood_size, lag=1
        )
        return run(schedule, Levels(fusion))

    return do


@pytest.fixture(scope="module")
def best_of(run: Callable[..., Any]) -> Callable[..., float]:
    """Runs 30 evaluations on a table, and returns what is reported of the best code."""

    def do(problem: TableProblem, searcher: Any, seed: int) -> float:
        made = searcher(problem.space, seed)
        schedule = Schedule(problem.space, made, seed=seed, budget=30, brood_size=1, lag=1)
        run(schedule, problem)
        return problem.report(schedule.best(1)[0])["test"]

    return do


def test_a_fusion_space_is_revealed_level_by_level(fusion: Space):
    stages = Stages.of(fusion)
    assert stages.genes == ((0, 2), (3,), (4,))
    assert stages.depth == 1
    assert stages.tokens([(4, 1, 3, 2, 0)]).tolist() == [[4, 3, 2, 0]]
    assert [stages.length((4, depth, 0, 0, 0)) for depth in range(3)] == [2, 3, 4]


@pytest.mark.parametrize(
    "genes",
    [
        integer_space(genes=3).genes,
        (Gene("depth", ("1", "2"), "depth"), Gene("other", ("a", "b"), "other")),
        (Gene("depth", ("1", "2"), "depth"), Gene("level1.tap", ("a", "b"), "level1")),
        (Gene("level1.tap", ("a", "b"), "level1"), Gene("level2.tap", ("a", "b"), "level2")),
    ],
)
def test_any_other_space_is_revealed_gene_by_gene(genes):
    stages = Stages.of(Space(genes))
    assert stages.depth is None
    assert stages.genes == tuple((number,) for number in range(len(genes)))


def test_levels_are_added_one_a_step(grow):
    history = grow(0, 30, 10, step=10)
    depths = [{depth + 1 for (_, depth, *_), _ in history[n : n + 10]} for n in (0, 10, 20)]
    assert depths == [{1}, {2}, {3}]
    models = [{model for (model, *_), _ in history[n : n + 10]} for n in (0, 10, 20)]
    assert models[2] <= models[1] <= models[0]


def test_when_all_levels_are_there_each_is_replaced_in_turn(grow):
    history = grow(0, 60, 10, step=10)
    parents, children = ({genome for genome, _ in history[n : n + 10]} for n in (30, 40))
    for child in children:  # of step 4, which reveals the second level: gene 3
        assert any(child[:3] + child[4:] == one[:3] + one[4:] for one in parents)


@given(seed=st.integers(0, 1000), depth=st.integers(0, 2), level=st.integers(0, 2))
def test_what_grows_is_a_legal_code_of_at_most_one_level_more(fusion, seed, depth, level):
    generator = np.random.default_rng(seed)
    parent = shallow((*(int(generator.integers(4)) for _ in range(1)), depth, 1, 2, 3))
    child = Stages.of(fusion).grow(parent, level, generator)
    fusion.check(child)
    assert shallow(child) == child
    assert child[1] in (depth, depth + 1)
    before = [n for n in Stages.of(fusion).order if child[n] != parent[n]]
    assert set(before) <= set(Stages.of(fusion).genes[min(level, depth + 1)])


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_it_beats_random_search_on_a_fusion_space(grow, predictor):
    """Forty evaluations; one code of 420 has the value 1."""
    grown, drawn = (
        mean(max(value for _, value in grow(seed, 40, 5, **options)) for seed in range(3))
        for options in ({"predictor": predictor}, {"kind": RandomSearch})
    )
    assert grown > drawn + 0.15


def test_the_defaults_beat_random_search_on_another_table(best_of):
    """Twelve genes of two choices."""
    problem = problem_of(epistatic_table((2,) * 12), "gene_*", "validation", ["test"])
    grown = [best_of(problem, Progressive, seed) for seed in range(3)]
    drawn = [best_of(problem, RandomSearch, seed) for seed in range(3)]
    assert mean(grown) > mean(drawn) + 0.5


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_the_same_seed_gives_the_same_history_whatever_the_global_state_is(grow, predictor):
    first = grow(1, 25, 3, predictor=predictor)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        assert grow(1, 25, 3, predictor=predictor) == first
    assert grow(2, 25, 3, predictor=predictor) != first


@pytest.mark.parametrize("space", [integer_space(genes=5, alleles=3), "fusion"])
def test_what_is_asked_depends_on_what_was_told_only(space, fusion: Space):
    space = fusion if space == "fusion" else space
    generator = np.random.default_rng(0)
    codes = list(dict.fromkeys(space.sample(generator) for _ in range(40)))[:25]

    used, fresh = Progressive(space, 0), Progressive(space, 0)
    for index in range(0, 25, 8):
        for one in (used, fresh):
            one.tell(
                codes[index : index + 8], [float(code[0]) for code in codes[index : index + 8]]
            )
        list(islice(used.ask(index), 3))
    expected = list(islice(fresh.ask(30), 50))
    for one in (used, pickle.loads(pickle.dumps(used))):
        assert list(islice(one.ask(30), 50)) == expected


def test_failed_codes_teach_nothing(fusion: Space):
    def searcher(bad: Callable[[Genome], float]) -> Progressive:
        made = Progressive(fusion, 0, step=4)
        good = [(0, 0, 1, 0, 0), (1, 0, 1, 0, 0)]
        made.tell(good, [0.1, 0.2])
        made.tell([(2, 0, 1, 0, 0), (2, 0, 2, 0, 0)], [bad((2,)), bad((2,))])
        return made

    proposals = list(islice(searcher(lambda _: math.nan).ask(1), 100))
    assert {model for model, depth, *_ in proposals[:8] if depth == 1} <= {0, 1}
    hopeless = Progressive(fusion, 0, step=2)
    hopeless.tell([(0, 0, 1, 0, 0), (1, 0, 1, 0, 0)], [math.nan, math.nan])
    assert len(set(islice(hopeless.ask(1), 100))) > 50


def test_an_allele_of_no_weight_is_never_proposed():
    genes = tuple(Gene(f"g{n}", tuple("abc"), f"g{n}", (1.0, 0.0, 2.0)) for n in range(5))
    space = Space(genes)
    searcher = Progressive(space, 0, step=5)
    generator = np.random.default_rng(0)
    codes = [space.sample(generator) for _ in range(10)]
    searcher.tell(codes, [float(sum(code)) for code in codes])
    assert {allele for code in islice(searcher.ask(3), 60) for allele in code} == {0, 2}


def test_it_never_proposes_the_same_step_again_with_other_codes():
    toy = OneMax(integer_space(genes=5, alleles=3))
    searcher = Progressive(toy.space, 0, step=5)
    generator = np.random.default_rng(0)
    codes = [toy.space.sample(generator) for _ in range(7)]
    searcher.tell(codes[:5], [toy.value(code) for code in codes[:5]])
    before = list(islice(searcher.ask(5), 10))
    searcher.tell(codes[5:], [0.0, 1.0])  # within the step: nothing is fitted again
    assert list(islice(searcher.ask(7), 10)) == before


def test_the_temperature_falls_as_in_mfas():
    # The published values of sigma 4 for the first steps.
    assert [round(temperature(t), 2) for t in range(4)] == [9.41, 7.83, 5.78, 3.81]
    assert temperature(100) == COLDEST
    falling = [temperature(t) for t in range(20)]
    assert falling == sorted(falling, reverse=True)


@pytest.mark.parametrize("whole", [True, False])
def test_the_surrogate_learns_what_codes_are_worth(whole):
    generator = np.random.default_rng(0)
    codes = torch.tensor(generator.integers(3, size=(60, 4)))
    values = codes.double().sum(dim=1)
    predictor = Surrogate((3,) * 4, whole, seed=0)
    predictor.fit(codes, torch.full((60,), 4), values)
    score = predictor.score(codes)
    assert np.corrcoef(score, values)[0, 1] > 0.9
    if not whole:  # a prefix is worth what the codes that begin with it are on average
        assert (np.diff(predictor.score(torch.tensor([[0], [1], [2]]))) > 0).all()


def test_what_stands_after_the_end_of_a_code_does_not_count():
    codes = torch.tensor([[0, 1, 2], [1, 1, 0], [2, 0, 1], [2, 2, 2]])
    other = codes.clone()
    other[:, 2] = 0
    lengths, values = torch.tensor([2, 2, 2, 2]), torch.tensor([0.0, 1.0, 2.0, 3.0])
    for kind in (Surrogate, Policy):
        scores = []
        for tokens in (codes, other):
            predictor = kind((3, 3, 3), True, 0)
            predictor.fit(tokens, lengths, values)
            scores.append(predictor.score(codes[:, :2]))
        np.testing.assert_array_equal(*scores)


def test_a_policy_is_a_distribution_and_moves_towards_what_is_good():
    alleles = (2, 3)
    every = torch.tensor([[a, b] for a in range(2) for b in range(3)])
    before, after = Policy(alleles, False, 0), Policy(alleles, False, 0)
    assert np.exp(before.score(every)).sum() == pytest.approx(1, abs=1e-5)
    codes = every.repeat(10, 1)
    good = (codes == torch.tensor([1, 2])).all(dim=1).double()
    after.fit(codes, torch.full((60,), 2), good)
    assert np.exp(after.score(every)).sum() == pytest.approx(1, abs=1e-5)
    assert after.score(every)[5] > before.score(every)[5] + 0.5


def test_the_gradient_of_the_policy_is_that_of_the_expected_score():
    """REINFORCE, averaged over all codes by their probability, against a finite difference."""
    alleles = (2, 3)
    every = torch.tensor([[a, b] for a in range(2) for b in range(3)])
    worth = torch.tensor([0.1, 0.9, -0.4, 0.3, 0.0, 0.5])
    policy = Policy(alleles, False, 0)
    parameter = policy._reader.head.bias

    def logs() -> torch.Tensor:
        return policy.probabilities(every, torch.full((6,), 2))[0]

    chances = logs().exp().detach()
    (logs() * chances * (worth - 0.2)).sum().backward()  # any baseline gives the same gradient
    reinforce = parameter.grad.clone()
    step = 1e-2
    for number in range(3):
        moved = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter[number] += sign * step
                moved.append(float((logs().exp() * worth).sum()))
                parameter[number] -= sign * step
        assert (moved[0] - moved[1]) / (2 * step) == pytest.approx(
            float(reinforce[number]), abs=1e-3
        )


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"predictor": "oracle"}, "predictor is 'oracle', allowed are surrogate, reinforce"),
        ({"step": 1}, "step is 1, at least 2"),
        ({"beam": 0}, "beam is 0, at least 1"),
    ],
)
def test_a_wrong_option_is_refused(fusion: Space, wrong, reason):
    with pytest.raises(SearchError, match=reason):
        Progressive(fusion, 0, **wrong)

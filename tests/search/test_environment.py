import itertools
import math

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from brainray.errors import SearchError
from brainray.search.environment import CodeWriting
from brainray.search.interface import Gene, Genome, Space
from brainray.testing import OneMax, integer_space


def shallow(genome: Genome) -> Genome:
    depth, *levels = genome
    return (depth, *(a if n <= depth else 0 for n, a in enumerate(levels)))


@pytest.fixture(scope="module")
def fusion() -> OneMax:
    levels = (Gene(f"level{n}.operator", tuple("abc"), f"level{n}", (1, 0, 1)) for n in (1, 2))
    return OneMax(Space((Gene("depth", ("1", "2"), "depth"), *levels), shallow))


def write(environment: CodeWriting, tokens: list[int]) -> list[tuple[float, bool]]:
    environment.reset()
    steps = [environment.step(np.int64(token)) for token in tokens]
    return [(reward, ended) for _, reward, ended, _, _ in steps]


def test_gymnasium_finds_nothing_wrong(fusion: OneMax):
    for problem in (fusion, OneMax(integer_space(genes=3)), OneMax(integer_space(genes=1))):
        check_env(CodeWriting(problem), skip_render_check=True)


def test_an_episode_writes_a_code_and_is_rewarded_with_its_value():
    problem = OneMax(integer_space(genes=3, alleles=4))
    environment = CodeWriting(problem)
    assert write(environment, [3, 0, 3]) == [(0, False), (0, False), (pytest.approx(2 / 3), True)]
    observation, info = environment.reset()
    assert observation.tolist() == [-1, -1, -1]
    assert info["action_mask"].tolist() == [1, 1, 1, 1]
    assert environment.step(np.int64(2))[0].tolist() == [2, -1, -1]


def test_levels_that_do_not_count_are_not_written(fusion: OneMax):
    environment = CodeWriting(fusion)
    assert [ended for _, ended in write(environment, [0, 2])] == [False, True]
    environment.reset()
    environment.step(np.int64(0))
    *_, info = environment.step(np.int64(2))
    assert info["genome"] == (0, 2, 0)
    assert not info["action_mask"].any()
    assert [ended for _, ended in write(environment, [1, 2, 0])] == [False, False, True]


def test_the_mask_says_what_the_next_gene_has_and_its_prior_allows(fusion: OneMax):
    environment = CodeWriting(fusion)
    _, info = environment.reset()
    assert info["action_mask"].tolist() == [1, 1, 0]
    *_, info = environment.step(np.int64(1))
    assert info["action_mask"].tolist() == [1, 0, 1]
    _, reward, ended, _, _ = environment.step(np.int64(1))
    assert (reward, ended) == (-1, True)


def test_whoever_follows_the_mask_reaches_every_code(fusion: OneMax):
    environment = CodeWriting(fusion)
    environment.action_space.seed(0)
    found = set()
    for _ in range(100):
        _, info = environment.reset()
        while "genome" not in info:
            action = environment.action_space.sample(mask=info["action_mask"])
            *_, info = environment.step(action)
        found.add(info["genome"])
    every = {shallow(code) for code in itertools.product((0, 1), (0, 2), (0, 2))}
    assert found == every


def test_a_failed_code_is_penalised():
    problem = OneMax(integer_space(genes=2), failing=1.0)
    assert math.isnan(problem.value((0, 0)))
    assert write(CodeWriting(problem, penalty=-5), [0, 0])[-1] == (-5, True)


@pytest.mark.parametrize("action", [-1, np.int64(-1), 3, 1.5, None, "0"])
def test_what_is_no_action_is_refused_and_never_evaluated(action, monkeypatch: pytest.MonkeyPatch):
    problem = OneMax(integer_space(genes=1, alleles=3))
    monkeypatch.setattr(OneMax, "evaluate", None)
    environment = CodeWriting(problem)
    environment.reset()
    with pytest.raises(SearchError, match=r"^action .*: allowed are the integers 0 to 2$"):
        environment.step(action)

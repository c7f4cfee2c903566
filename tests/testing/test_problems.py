import json
import math
import pickle
from dataclasses import replace

import pytest

from brainray.search.interface import Brood, Problem
from brainray.testing import OneMax, integer_space
from brainray.training.communicator import simulate

GENOMES = ((0,) * 8, (3,) * 8, (3, 0) * 4, (3, 3, 3, 3, 3, 3, 3, 2))


def test_the_space_has_equal_genes_in_groups():
    space = integer_space(genes=5, alleles=3, group_size=2)
    assert space.codes == 3**5
    assert [gene.group for gene in space.genes] == [f"group{i}" for i in (0, 0, 1, 1, 2)]
    assert len({gene.name for gene in space.genes}) == 5


def test_the_value_is_the_fraction_of_last_alleles():
    problem: Problem = OneMax()
    assert problem.evaluate(Brood(0, 7, GENOMES)) == [0.0, 1.0, 0.5, 0.875]
    assert problem.evaluate(Brood(5, 8, GENOMES[::-1])) == [0.875, 0.5, 1.0, 0.0]


@pytest.mark.parametrize("failing", [0.0, 0.3, 1.0])
def test_the_asked_fraction_fails_always_the_same(failing: float):
    problem = OneMax(integer_space(genes=3, alleles=10), failing=failing)
    genomes = tuple((i, j, k) for i in range(10) for j in range(10) for k in range(10))
    failed = [math.isnan(value) for value in problem.evaluate(Brood(0, 0, genomes))]
    assert sum(failed) / 1000 == pytest.approx(failing, abs=0.05)
    assert failed == [math.isnan(problem.value(genome)) for genome in genomes]


@pytest.mark.parametrize("workers", [1, 2, 3, 6])
def test_workers_share_the_finish_and_agree(workers: int):
    problem = OneMax()
    solutions = simulate(
        workers, lambda member: replace(problem, communicator=member).finish(GENOMES)
    )
    assert len(solutions) == workers
    for solution in solutions:
        assert (solution.genome, solution.value) == ((3,) * 8, 1.0)
        assert solution.weights["genes"].tolist() == [3] * 8
        assert solution.details == {"values": [0.0, 1.0, 0.5, 0.875], "workers": workers}
        assert json.loads(json.dumps(solution.details)) == solution.details


def test_a_problem_can_be_sent_to_a_worker():
    problem = OneMax(failing=0.3, seconds_per_brood=0.0)
    copy = pickle.loads(pickle.dumps(problem))
    assert copy == problem
    assert repr(copy.evaluate(Brood(0, 0, GENOMES))) == repr(problem.evaluate(Brood(0, 0, GENOMES)))

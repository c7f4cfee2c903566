from dataclasses import replace

import numpy as np
import pytest
import torch

from brainray.fusion.keeping import BestEpoch
from brainray.fusion.network import FusionNetwork
from brainray.fusion.problem import FusionProblem
from brainray.search.interface import Genome
from brainray.training.communicator import simulate


@pytest.fixture(scope="module")
def genomes(problem: FusionProblem) -> tuple[Genome, ...]:
    generator = np.random.default_rng(3)
    return tuple(problem.space.sample(generator) for _ in range(2))


@pytest.mark.parametrize(
    ("values", "kept"),
    [([0.5, 0.4, 0.4], 0), ([0.5, 0.7, 0.6], 1), ([0.5, 0.7, 0.7], 1), ([0.5, 0.4, 0.6], 2)],
)
def test_the_first_of_the_best_is_kept(values: list[float], kept: int) -> None:
    network = FusionNetwork.__new__(FusionNetwork)
    torch.nn.Module.__init__(network)
    network.passed = torch.nn.Parameter(torch.zeros(()))
    best = BestEpoch(network, lambda passed: values[int(passed.passed)])
    for epoch in range(2):
        torch.nn.init.constant_(network.passed, epoch + 1)
        best(epoch)
    assert int(best.network.passed) == kept
    assert best.value == values[kept]


def test_the_best_epoch_is_at_least_as_good_on_validation_as_the_last(
    problem: FusionProblem, genomes: tuple[Genome, ...]
) -> None:
    for genome in genomes:
        last, best = (replace(problem, keep=keep).finish([genome]) for keep in ("last", "best"))
        assert last.value <= best.value
        for name, value in last.details["reheaded"].items():
            assert value <= best.details["reheaded"][name]


def test_training_that_only_harms_leaves_the_evidence(
    problem: FusionProblem, genomes: tuple[Genome, ...]
) -> None:
    wild = replace(problem.finalist, learning_rate=1e3)
    trained = replace(problem, finalist=wild)
    harmed, kept = (replace(trained, keep=keep).finish(genomes) for keep in ("last", "best"))
    assert kept.value > harmed.value
    assert not kept.weights["fused/classifier.weight"].any()  # as at the start


def test_all_workers_keep_the_same_epoch(
    problem: FusionProblem, genomes: tuple[Genome, ...]
) -> None:
    alone = replace(problem, keep="best").finish(genomes)
    for shared in simulate(
        2, lambda member: replace(problem, keep="best", communicator=member).finish(genomes)
    ):
        assert shared.details == alone.details
        for name, weight in alone.weights.items():
            torch.testing.assert_close(shared.weights[name], weight, rtol=1e-6, atol=1e-7)

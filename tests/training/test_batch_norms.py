import pytest
import torch
from torch import nn

from brainray.errors import TrainingError
from brainray.training.communicator import simulate
from brainray.training.loop import Recipe, fit


class Frozen(nn.Sequential):
    """A network whose batch norms keep their statistics."""

    def train(self, mode: bool = True):
        super().train(mode)
        self[1].eval()
        return self


def train(form: type[nn.Sequential], workers: int) -> None:
    def work(member) -> None:
        network = form(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))

        def loss(rows_B, epoch):
            return network(torch.ones(len(rows_B), 3)).square().mean()

        fit(network, loss, 16, Recipe(1, 8, "sgd", 0.1), seed=0, communicator=member)

    simulate(workers, work)


def test_batch_norms_are_refused_where_workers_would_learn_others():
    with pytest.raises(TrainingError, match=r"^1: a batch norm cannot be trained by several"):
        train(nn.Sequential, workers=2)


@pytest.mark.parametrize(("form", "workers"), [(nn.Sequential, 1), (Frozen, 2)])
def test_one_worker_and_frozen_statistics_are_no_problem(form, workers: int):
    train(form, workers)

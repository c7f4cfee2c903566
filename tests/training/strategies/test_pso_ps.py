import pytest
import torch
from torch import nn

from brainray.errors import TrainingError
from brainray.training.interface import Step
from brainray.training.mergers import LEAST
from brainray.training.replica import NetworkReplica
from brainray.training.strategies.pso_ps import PSOPS


def fly(own: list[float], losses: list[float], best: list[float], **options) -> list[list[float]]:
    """Return the positions of a worker that never moves by itself, with the swarm's best told."""
    parameter = nn.Parameter(torch.tensor(own))
    replica = NetworkReplica([parameter], torch.optim.SGD([parameter], lr=0.0), [0.0], 0, 2)
    rule = PSOPS(period=1, **options)
    list(rule.start(replica))
    found = []
    for loss in losses:
        exchange = rule.step(replica, Step(torch.zeros(2), 1, 2, loss, 0.0, False))
        next(exchange)
        with pytest.raises(StopIteration):
            exchange.send(torch.tensor([*best, 0.0]))
        found.append(parameter.tolist())
    return found


def test_a_particle_is_drawn_towards_the_best_of_all():
    positions = fly([1.0, 0.0], [1.0] * 20, [2.0, 1.0], cognitive=0.0)
    assert positions[-1] == pytest.approx([2.0, 1.0], abs=0.05)
    assert positions[0] != positions[-1]


def test_it_does_not_fly_further_than_its_reach():
    (position,) = fly([1.0, 0.0], [1.0], [1e6, 0.0], reach=0.25, social=4.0)
    assert position == pytest.approx([1.25, 0.0])


def test_without_pull_it_stays():
    assert fly([1.0, 0.0], [1.0] * 3, [9.0, 9.0], social=0.0, cognitive=0.0) == [[1.0, 0.0]] * 3


def test_the_least_loss_wins_and_nan_never_does():
    messages = [torch.tensor([1.0, float("nan")]), torch.tensor([2.0, 0.5]), torch.tensor([3, 0.7])]
    assert LEAST.merge(messages).tolist() == [2.0, 0.5]
    assert LEAST.merge(messages[:1])[0] == 1.0


@pytest.mark.parametrize("option", ["period", "memory", "inertia", "social", "reach", "result"])
def test_impossible_options_are_refused(option: str):
    with pytest.raises(TrainingError, match=f"^{option}: must be "):
        PSOPS(**{option: -1})

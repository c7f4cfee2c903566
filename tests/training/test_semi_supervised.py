import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from brainray.training.semi_supervised import (
    SemiSupervised,
    Views,
    consistency,
    pseudo_labels,
    risen,
    semi_supervised_loss,
)

SURE, UNSURE = [9.0, 0.0, 0.0], [0.2, 0.1, 0.0]


def test_rows_count_from_the_threshold_on() -> None:
    probability = torch.tensor([SURE, UNSURE, UNSURE[::-1]]).softmax(1).max(1).values
    logits_BC = torch.tensor([SURE, UNSURE, UNSURE[::-1]])
    label_B, sure_B = pseudo_labels(logits_BC, 0.95)
    assert label_B.tolist() == [0, 0, 2]
    assert sure_B.tolist() == [True, False, False]
    assert pseudo_labels(logits_BC, float(probability[1]))[1].tolist() == [True] * 3
    assert not pseudo_labels(logits_BC, 1.0)[1].any()


def test_the_mean_is_over_all_rows_and_only_sure_ones_are_in_it() -> None:
    weak_BC = torch.tensor([SURE, UNSURE, SURE[::-1]])
    strong_BC = torch.tensor([[0.5, 1.0, 0.0], [0.0, 3.0, 0.0], [1.0, 1.0, 1.0]])
    slow = -sum(float(strong_BC[row].softmax(0)[label].log()) for row, label in ((0, 0), (2, 2)))
    assert float(consistency(weak_BC, strong_BC, 0.95)) == pytest.approx(slow / 3)


def test_gradients_flow_into_sure_rows_of_the_strong_view_alone() -> None:
    weak_BC = torch.tensor([SURE, UNSURE], requires_grad=True)
    strong_BC = torch.zeros(2, 3, requires_grad=True)
    consistency(weak_BC, strong_BC, 0.95).backward()
    assert weak_BC.grad is None
    assert strong_BC.grad is not None
    assert (strong_BC.grad[0] != 0).all()
    assert (strong_BC.grad[1] == 0).all()


def test_the_weight_of_pseudo_labels_rises() -> None:
    assert [risen(part / 10) for part in (0, 2, 4, 6, 10)] == [0, 0, pytest.approx(0.5), 1, 1]


@pytest.fixture
def network() -> nn.Linear:
    network = nn.Linear(2, 3, bias=False).requires_grad_(False)
    network.weight.copy_(torch.tensor([[8.0, 0.0], [0.0, 8.0], [0.0, 0.0]]))
    return network


def labelled() -> Iterator[tuple[Tensor, Tensor]]:
    return itertools.repeat((torch.tensor([[0.1, 0.0]]), torch.tensor([2])))


OTHERS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])


def test_fixmatch_takes_targets_from_the_weak_view(network: nn.Linear) -> None:
    views = Views(weak=lambda samples: samples * 0.9, strong=lambda samples: samples.flip(1))
    loss = semi_supervised_loss(
        network, labelled(), OTHERS.__getitem__, SemiSupervised(weight=0.5), views, epochs=1
    )
    rows = torch.tensor([0, 1, 2])
    supervised = functional.cross_entropy(network(torch.tensor([[0.09, 0.0]])), torch.tensor([2]))
    wrong = functional.cross_entropy(network(OTHERS[:2].flip(1)), torch.tensor([0, 1]))
    assert float(loss(rows, 0)) == pytest.approx(float(supervised + 0.5 * wrong * 2 / 3))


def test_pseudo_labels_are_of_the_sample_itself_and_come_late(network: nn.Linear) -> None:
    loss = semi_supervised_loss(
        network, labelled(), OTHERS.__getitem__, SemiSupervised(), None, epochs=10
    )
    rows = torch.tensor([0, 2])
    samples, target_B = next(labelled())
    supervised = functional.cross_entropy(network(samples), target_B)
    own = functional.cross_entropy(network(OTHERS[:1]), torch.tensor([0])) / 2
    assert float(loss(rows, 0)) == pytest.approx(float(supervised))
    assert float(loss(rows, 9)) == pytest.approx(float(supervised + own))
    assert float(own) > 0

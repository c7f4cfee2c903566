import pytest
import torch

from brainray.training.metrics import accuracy


@pytest.mark.parametrize(
    ("target", "expected"), [([1, 0, 2], 1.0), ([1, 0, 0], 2 / 3), ([0, 1, 0], 0.0)]
)
def test_accuracy_is_the_fraction_of_rows_that_are_right(target: list[int], expected: float):
    logits_BC = torch.tensor([[0.1, 0.9, 0.2], [-1.0, -2.0, -3.0], [5.0, 6.0, 7.0]])
    assert accuracy(logits_BC, torch.tensor(target)) == expected

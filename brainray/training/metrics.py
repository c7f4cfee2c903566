"""Metrics of a trained network."""

from torch import Tensor


def accuracy(logits_BC: Tensor, target_B: Tensor) -> float:
    """Return the fraction of rows whose largest logit is the target's, in [0, 1]."""
    return accuracy_of(logits_BC.argmax(dim=1), target_B)


def accuracy_of(answer_B: Tensor, target_B: Tensor) -> float:
    """Return the fraction of rows whose answer, a class index, is the target's, in [0, 1]."""
    return float((answer_B == target_B).double().mean())

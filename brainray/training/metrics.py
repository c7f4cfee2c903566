"""Metrics of a trained network."""

from torch import Tensor


def accuracy(logits_BC: Tensor, target_B: Tensor) -> float:
    """Return the fraction of rows whose largest logit is the target's, in [0, 1]."""
    return float((logits_BC.argmax(dim=1) == target_B).double().mean())

"""Semi-supervised learning: what a network is sure of becomes a target.

FixMatch (Sohn et al., "FixMatch: Simplifying Semi-Supervised Learning with Consistency and
Confidence", NeurIPS 2020), equations 3 and 4: of B labelled rows x and mu B unlabelled rows u::

    q_b  = p(y | weak(u_b))                                          no gradient
    l_u  = 1 / (mu B) sum_b [max q_b >= tau] H(argmax q_b, p(y | strong(u_b)))
    loss = 1 / B sum_b H(y_b, p(y | weak(x_b))) + lambda_u l_u

Where there are no two views of a sample, they are *pseudo-labels* (Lee, "Pseudo-Label: The Simple
and Efficient Semi-Supervised Learning Method for Deep Neural Networks", ICML workshop 2013): the
same with the sample itself for both, and a weight that rises (equation 16). The threshold is
FixMatch's also there; Lee has none.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from brainray.training.loop import Loss

View: TypeAlias = Callable[[Tensor], Tensor]
"""From samples `(B, ...)` to a random view of each, of the same shape."""

RISE = (0.2, 0.6)
"""The shares of the training between which the weight of pseudo-labels rises from 0."""


@dataclass(frozen=True)
class SemiSupervised:
    """How a network learns from rows with and without a target.

    Attributes:
        ratio: mu, unlabelled rows a labelled one in a step, at least 1.
        threshold: tau, the probability from which the network counts as sure, in [0, 1].
        weight: lambda_u, of the loss of the unlabelled rows, at least 0.
    """

    ratio: int = 7
    threshold: float = 0.95
    weight: float = 1.0


@dataclass(frozen=True)
class Views:
    """Two views of a sample: ``weak`` leaves it nearly as it is, ``strong`` changes it much."""

    weak: View
    strong: View


def pseudo_labels(logits_BC: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """Return the class `(B,)` that a network names for each row, and whether it is sure, `(B,)`.

    No gradient flows back from either.
    """
    probability_B, label_B = logits_BC.detach().softmax(1).max(1)
    return label_B, probability_B >= threshold


def consistency(weak_BC: Tensor, strong_BC: Tensor, threshold: float) -> Tensor:
    """Return l_u of FixMatch: how far one view is from what the network is sure of in the other.

    Args:
        weak_BC: logits that the targets come from; no gradient flows into them.
        strong_BC: logits of the same rows that are to agree.
        threshold: probability from which a row counts. The mean is over all rows, also those
            that do not.
    """
    label_B, sure_B = pseudo_labels(weak_BC, threshold)
    return (functional.cross_entropy(strong_BC, label_B, reduction="none") * sure_B).mean()


def risen(progress: float, start: float = RISE[0], end: float = RISE[1]) -> float:
    """Return which part of its weight a loss has, from 0 to 1 (Lee 2013, equation 16).

    Args:
        progress: the share of the training that is over.
        start: until then it is 0.
        end: from then on it is 1.
    """
    return min(1.0, max(0.0, (progress - start) / (end - start)))


def semi_supervised_loss(
    network: nn.Module,
    labelled: Iterator[tuple[Tensor, Tensor]],
    unlabelled: Callable[[Tensor], Tensor],
    options: SemiSupervised,
    views: Views | None,
    epochs: int,
) -> Loss:
    """Return the loss of a step: FixMatch with views, pseudo-labels without.

    Args:
        network: from samples to logits.
        labelled: gives the samples and targets of each step.
        unlabelled: gives the samples of some row numbers, those that the loss is called with.
        options: of the learning.
        views: of a sample, None if it has none.
        epochs: of the training, at least 1.
    """

    def loss(rows: Tensor, epoch: int) -> Tensor:
        (samples, target_B), others = next(labelled), unlabelled(rows)
        weight = options.weight
        if views is None:
            weight *= risen(epoch / epochs)
            logits = network(torch.cat([samples, others]))
            strong_BC = weak_BC = logits[len(samples) :]
        else:
            with torch.no_grad():
                weak_BC = network(views.weak(others))
            logits = network(torch.cat([views.weak(samples), views.strong(others)]))
            strong_BC = logits[len(samples) :]
        supervised = functional.cross_entropy(logits[: len(samples)], target_B)
        return supervised + weight * consistency(weak_BC, strong_BC, options.threshold)

    return loss

"""Self-supervised learning: views of one sample shall be more alike than those of two.

SimCLR (Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML
2020). Its loss is NT-Xent, equation 1: of 2 B views, z_i and z_j of the same sample::

    l(i, j) = - log exp(sim(z_i, z_j) / t) / sum_(k != i) exp(sim(z_i, z_k) / t)

with the cosine as sim; the loss is the mean over all i. No target is used. Afterwards the network
gets a head, which is trained on the labelled rows, alone or with the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from brainray.training.loop import Loss
from brainray.training.semi_supervised import View

PROJECTION = 128
"""Width of what views are compared by, as in the paper."""


@dataclass(frozen=True)
class SelfSupervised:
    """How a network learns from samples alone, before it learns from targets.

    Attributes:
        epochs: passes over all samples, at least 1.
        batch_size: samples a step, at least 2: a view is told apart from those of the others.
        temperature: t, above 0; the lower, the more the most similar other samples count.
        tuned: what is trained on the labelled rows afterwards: the ``head`` alone, or ``all``.
    """

    epochs: int = 20
    batch_size: int = 128
    temperature: float = 0.5
    tuned: Literal["head", "all"] = "all"


def nt_xent(one_BD: Tensor, other_BD: Tensor, temperature: float) -> Tensor:
    """Return the mean NT-Xent loss of B pairs of views.

    Args:
        one_BD: of each sample one view's projection, of any length.
        other_BD: the other view's, in the same order.
        temperature: above 0.
    """
    views_ND = functional.normalize(torch.cat([one_BD, other_BD]), dim=1)
    similarity_NN = views_ND @ views_ND.T / temperature
    itself_NN = torch.eye(len(views_ND), dtype=torch.bool)
    pairs = len(one_BD)
    target_N = torch.arange(2 * pairs).roll(pairs)
    return functional.cross_entropy(similarity_NN.masked_fill(itself_NN, -torch.inf), target_N)


def with_projection(network: nn.Module) -> nn.Module:
    """Return a network of `PROJECTION` outputs with the second layer of SimCLR's projection head.

    The network's own last layer is the first one of the two (section 4.2 of the paper).
    """
    return nn.Sequential(network, nn.ReLU(), nn.Linear(PROJECTION, PROJECTION))


def contrastive_loss(
    projected: nn.Module, samples: Callable[[Tensor], Tensor], view: View, temperature: float
) -> Loss:
    """Return the loss of a step of SimCLR.

    Args:
        projected: from samples to what views are compared by.
        samples: gives the samples of some row numbers.
        view: a strong one, drawn twice.
        temperature: of `nt_xent`.
    """

    def loss(rows: Tensor, epoch: int) -> Tensor:
        own = samples(rows)
        one_BD, other_BD = projected(torch.cat([view(own), view(own)])).chunk(2)
        return nt_xent(one_BD, other_BD, temperature)

    return loss

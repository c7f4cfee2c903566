"""How features meet at a fusion level (paper 4.2.1): four operators of one shape.

At a level every part (each input's tap, and from the second level on the level below) is first
mapped to the level's width; an operator then joins the mapped parts, and a bias and a ReLU follow.
Letters: S levels that are computed at once, H width, B rows.

An input that is missing brings zeros. All operators start as plain or nearly plain sums, so that
the same initial weights suit all of them.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Operator(Protocol):
    """Joins the parts of a level."""

    def initial(self, parts: int, hidden: int) -> Tensor:
        """Return the initial values of the operator's own parameters, one tensor a level."""

    def __call__(self, parts: Sequence[Tensor], own: Tensor) -> Tensor:
        """Return the joined parts, `(S, H, B)`.

        Args:
            parts: each `(S, H, B)`.
            own: the operator's parameters for each level, `(S, *initial.shape)`.
        """


class Concat:
    """Concatenation: one linear map of all parts together, which is the sum of their maps.

    As in MFAS (Pérez-Rúa et al., CVPR 2019).
    """

    def initial(self, parts: int, hidden: int) -> Tensor:
        """Return nothing: there are no parameters beside the map."""
        return torch.zeros(0)

    def __call__(self, parts: Sequence[Tensor], own: Tensor) -> Tensor:
        """Return the sum."""
        return torch.stack(list(parts)).sum(dim=0)


class WeightedSum:
    """A sum of the parts with learned weights that add up to the number of parts."""

    def initial(self, parts: int, hidden: int) -> Tensor:
        """Return the logits of equal weights, `(parts,)`."""
        return torch.zeros(parts)

    def __call__(self, parts: Sequence[Tensor], own: Tensor) -> Tensor:
        """Return the weighted sum; ``own`` is `(S, parts)`."""
        weight_PS = len(parts) * own.softmax(dim=1).T
        return (torch.stack(list(parts)) * weight_PS[:, :, None, None]).sum(dim=0)


class Bilinear:
    """Low-rank bilinear pooling: the product of the parts, unit by unit.

    ``prod over parts of (c + tanh(part)) - prod over parts of c`` with learned c: Kim et al.
    (ICLR 2017), equation 10, with the constant that Zadeh et al. (EMNLP 2017) append to every
    input, so that besides the products of inputs each one's own terms are there too.
    """

    def initial(self, parts: int, hidden: int) -> Tensor:
        """Return the constants, `(parts, hidden)`."""
        return torch.ones(parts, hidden)

    def __call__(self, parts: Sequence[Tensor], own: Tensor) -> Tensor:
        """Return the product; ``own`` is `(S, parts, H)`."""
        product = alone = torch.ones_like(own[:, 0, :, None])
        for number, part in enumerate(parts):
            constant = own[:, number, :, None]
            product = product * (constant + part.tanh())
            alone = alone * constant
        return product - alone


class Attention:
    """Each row weighs the parts by itself: additive attention (Bahdanau et al., ICLR 2015).

    The score of a part is ``u . tanh(part)`` with a learned u for each; the softmax over the
    scores, times the number of parts, weighs the sum.
    """

    def initial(self, parts: int, hidden: int) -> Tensor:
        """Return the score vectors of equal weights, `(parts, hidden)`."""
        return torch.zeros(parts, hidden)

    def __call__(self, parts: Sequence[Tensor], own: Tensor) -> Tensor:
        """Return the weighted sum; ``own`` is `(S, parts, H)`."""
        stacked = torch.stack(list(parts))
        scores_PSB = (stacked.tanh() * own.transpose(0, 1)[..., None]).sum(dim=2)
        weights_PSB = len(parts) * scores_PSB.softmax(dim=0)
        return (stacked * weights_PSB[:, :, None, :]).sum(dim=0)


OPERATORS: dict[str, Operator] = {
    "concat": Concat(),
    "weighted_sum": WeightedSum(),
    "bilinear": Bilinear(),
    "attention": Attention(),
}
"""By the name that a scenario gives in ``search.operators``."""

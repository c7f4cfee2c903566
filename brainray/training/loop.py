"""The training loop of every network here, alone or with several workers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from brainray.seeding import torch_generator
from brainray.training.communicator import Alone
from brainray.training.interface import Communicator, Strategy
from brainray.training.strategies.all_reduce import AllReduce

ALONE = Alone()
ALL_REDUCE = AllReduce()


Optimizer: TypeAlias = Literal["adam", "sgd"]


class Loss(Protocol):
    """The mean loss of some rows of the training data, differentiable in the parameters."""

    def __call__(self, rows: Tensor, epoch: int) -> Tensor:
        """Return a scalar for the row numbers ``rows``, at least one, in this epoch."""


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        epochs: passes over the rows.
        batch_size: rows a step, of all workers together.
        optimizer: ``adam`` (Kingma and Ba 2015) or ``sgd`` (Nesterov momentum 0.9).
        learning_rate: at the start; it follows half a cosine down to 0.
        weight_decay: decoupled for Adam (Loshchilov and Hutter 2019), L2 for SGD.
    """

    epochs: int
    batch_size: int
    optimizer: Optimizer
    learning_rate: float
    weight_decay: float = 1e-4

    def build(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Return the optimizer for these parameters."""
        if self.optimizer == "adam":
            return torch.optim.AdamW(
                parameters, lr=self.learning_rate, weight_decay=self.weight_decay, fused=True
            )
        return torch.optim.SGD(
            parameters,
            lr=self.learning_rate,
            momentum=0.9,
            nesterov=True,
            weight_decay=self.weight_decay,
        )


def fit(
    network: nn.Module,
    loss: Loss,
    rows: int,
    recipe: Recipe,
    seed: int,
    strategy: Strategy = ALL_REDUCE,
    communicator: Communicator = ALONE,
    on_epoch: Callable[[int], None] = lambda epoch: None,
) -> None:
    """Train ``network`` in place.

    With several workers each calls this with its own copy of the same initial network; all end
    with the same weights. The order of rows depends on the seed alone.

    Args:
        network: whose parameters are trained.
        loss: of some rows.
        rows: number of training rows.
        recipe: how to train.
        seed: of the order of rows.
        strategy: synchronisation rule; all-reduce by default.
        communicator: the wire to the other workers; alone by default.
        on_epoch: called after each epoch with its number, from 0.
    """
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = recipe.build(parameters)
    steps = recipe.epochs * -(-rows // recipe.batch_size)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    network.train()
    for epoch in range(recipe.epochs):
        order = torch.randperm(rows, generator=torch_generator(seed, "order", epoch))
        for batch in torch.split(order, recipe.batch_size):
            share = strategy.share(batch, communicator.rank, communicator.size)
            optimizer.zero_grad(set_to_none=False)
            if len(share) > 0:  # a last batch may have fewer rows than there are workers
                loss(share, epoch).backward()  # type: ignore[no-untyped-call]
            gradients = _gradients(parameters)
            flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
            message = strategy.message(flat, len(share), len(batch))
            _write(communicator.merge(message, strategy), gradients)
            optimizer.step()
            cosine.step()
        on_epoch(epoch)
    network.eval()


def _gradients(parameters: list[nn.Parameter]) -> list[Tensor]:
    """Return the gradients, made of zeros where there is none yet."""
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _write(flat: Tensor, gradients: list[Tensor]) -> None:
    """Write one vector into all gradients."""
    sizes = [gradient.numel() for gradient in gradients]
    for gradient, part in zip(gradients, torch.split(flat, sizes), strict=True):
        gradient.copy_(part.view(gradient.shape))

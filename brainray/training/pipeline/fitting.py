"""The training loop of a network whose stages are on several workers.

It is `brainray.training.loop.fit` otherwise: the same order of rows, the same learning rates, and
at each step the same gradient, up to rounding. Where the network is cut, and by which schedule
microbatches go through it, does not change the result.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, distributed, nn

from brainray.seeding import torch_generator
from brainray.training.loop import Recipe
from brainray.training.pipeline.cutting import Chain, Cut, Flow, check_unsplit, cut
from brainray.training.pipeline.measuring import measure
from brainray.training.pipeline.schedule import MeanLoss, Pipeline, agreed
from brainray.training.replica import half_cosine

Batch = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From row numbers `(B,)` to inputs `(B, ...)` and targets `(B, ...)`."""


def fit_stages(
    layers: nn.Sequential,
    batch: Batch,
    loss: MeanLoss,
    rows: int,
    recipe: Recipe,
    seed: int,
    flow: Flow,
    limit_bytes: int | None = None,
) -> Cut:
    """Train a chain of layers in place; all processes of the default group call this alike.

    Args:
        layers: the same on all workers, at least as many as workers.
        batch: gives all workers the same rows.
        loss: the mean over rows.
        rows: of the training data.
        recipe: how to train.
        seed: of the order of rows.
        flow: of the microbatches of a batch.
        limit_bytes: what a worker has for a stage, see `brainray.training.pipeline.cutting.cut`.

    Returns:
        The layers of each worker.

    Raises:
        TrainingError: no cut fits the limit, or these layers cannot be cut.
    """
    layers.train()
    microbatch_rows = _microbatch_rows(recipe.batch_size, flow)
    example, _ = batch(torch.arange(min(rows, microbatch_rows)))
    costs = agreed(measure(layers, example, recipe.optimizer))
    parts = cut(Chain(tuple(costs), flow), distributed.get_world_size(), limit_bytes)
    pipeline = Pipeline(layers, parts, loss, microbatch_rows, flow.schedule)
    trained = [parameter for parameter in pipeline.stage.parameters() if parameter.requires_grad]
    optimizer = recipe.build(trained) if trained else None  # a stage may be a pooling alone
    rates = half_cosine(recipe.learning_rate, recipe.epochs * -(-rows // recipe.batch_size))
    steps = iter(rates)
    for epoch in range(recipe.epochs):
        order = torch.randperm(rows, generator=torch_generator(seed, "order", epoch))
        for chosen in torch.split(order, recipe.batch_size):
            rate = next(steps)
            if optimizer is not None:
                optimizer.param_groups[0]["lr"] = rate
                optimizer.zero_grad()
            pipeline.step(*batch(chosen))
            if optimizer is not None:
                optimizer.step()
    pipeline.share(layers)
    layers.eval()
    return parts


def refuse_too_large(
    layers: nn.Sequential, example: Tensor, recipe: Recipe, flow: Flow, limit_bytes: int
) -> None:
    """Refuse a network that one worker cannot train without a pipeline.

    Args:
        layers: of the network.
        example: the rows `(B, ...)` that one worker computes of a batch.
        recipe: how it would be trained.
        flow: of a pipeline that would do, for the advice.
        limit_bytes: what a worker has.

    Raises:
        TrainingError: it needs more; it says what it needs and how many stages would do.
    """
    flow = replace(flow, microbatches=min(flow.microbatches, len(example)))
    part = example[: _microbatch_rows(len(example), flow)]
    costs = measure(layers, part, recipe.optimizer, repeats=1)
    check_unsplit(Chain(tuple(costs), flow), limit_bytes)


def _microbatch_rows(batch_rows: int, flow: Flow) -> int:
    return -(-batch_rows // flow.microbatches)

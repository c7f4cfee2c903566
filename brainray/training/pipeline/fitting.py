"""The training loop of a network whose stages are on several workers.

It is `brainray.training.loop.fit` otherwise: the same order of rows, the same learning rates, and
at each step the same gradient, up to rounding. Where the network is cut, and by which schedule
microbatches go through it, does not change the result.
"""

from collections.abc import Callable

import torch
from torch import Tensor, distributed, nn

from brainray.seeding import torch_generator
from brainray.training.checkpoint import Checkpoint, Reached
from brainray.training.exchange import Effort
from brainray.training.loop import Recipe
from brainray.training.pipeline.checkpoint import StageCheckpoint
from brainray.training.pipeline.cutting import Chain, Cut, Flow, cut
from brainray.training.pipeline.measuring import measure
from brainray.training.pipeline.schedule import MeanLoss, Pipeline, agreed
from brainray.training.progress import Progress, Watch, unwatched
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
    checkpoint: Checkpoint | None = None,
    watch: Watch = unwatched,
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
        checkpoint: from which the training goes on, if there is one, and in which it is kept from
            time to time, at an epoch's end; there is nothing beside the network.
        watch: told by the first worker where the training begins.

    Returns:
        The layers of each worker.

    Raises:
        TrainingError: no cut fits the limit, these layers cannot be cut, or the checkpoint is of
            another network.
    """
    layers.train()
    microbatch_rows = flow.microbatch_rows(recipe.batch_size)
    example, _ = batch(torch.arange(min(rows, microbatch_rows)))
    costs = agreed(measure(layers, example, recipe.optimizer))
    parts = cut(Chain(tuple(costs), flow), distributed.get_world_size(), limit_bytes)
    pipeline = Pipeline(layers, parts, loss, microbatch_rows, flow.schedule)
    trained = [parameter for parameter in pipeline.stage.parameters() if parameter.requires_grad]
    optimizer = recipe.build(trained) if trained else None  # a stage may be a pooling alone
    an_epoch = -(-rows // recipe.batch_size)
    rates = half_cosine(recipe.learning_rate, recipe.epochs * an_epoch)
    kept, reached = None, Reached(0, Effort())
    if checkpoint is not None:
        kept = StageCheckpoint(checkpoint.checkpoints, checkpoint.name, pipeline.stage, optimizer)
        reached = kept.resume()
    first_epoch = reached.epochs
    if distributed.get_rank() == 0:
        place = (first_epoch, recipe.epochs, distributed.get_world_size())
        watch(Progress(*place, Effort(), begins=True, anew=reached.anew))
    steps = iter(rates[first_epoch * an_epoch :])
    for epoch in range(first_epoch, recipe.epochs):
        if kept is not None and epoch > first_epoch:
            kept.note(epoch)
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

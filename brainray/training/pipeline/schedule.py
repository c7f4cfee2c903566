"""Trains a chain of layers whose stages are on several workers, over torch.distributed.

The schedules are those of `torch.distributed.pipelining`. Gradients are summed over microbatches,
each weighted by its share of the batch's rows, so that a step's gradient equals the one of the
unsplit network on the whole batch, up to rounding.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import torch
from torch import Tensor, distributed, nn
from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleGPipe
from torch.distributed.pipelining.schedules import PipelineScheduleSingle

from brainray.errors import TrainingError
from brainray.training.options import one_of, whole
from brainray.training.pipeline.cutting import Cut, LayerCost, ScheduleName

MeanLoss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From outputs `(B, ...)` and targets `(B, ...)` to the mean loss of the rows, a scalar."""

SCHEDULES: dict[ScheduleName, type[PipelineScheduleSingle]] = {
    "1f1b": Schedule1F1B,
    "gpipe": ScheduleGPipe,
}
CPU = torch.device("cpu")


def agreed(
    costs: Sequence[LayerCost], group: distributed.ProcessGroup | None = None
) -> list[LayerCost]:
    """Return the first worker's seconds to all, so that all find the same cut.

    Every worker calls this with the costs that it has measured.
    """
    seconds_L = torch.tensor([cost.seconds for cost in costs], dtype=torch.float64)
    distributed.broadcast(seconds_L, group=group, group_src=0)
    return [
        replace(cost, seconds=seconds)
        for cost, seconds in zip(costs, seconds_L.tolist(), strict=True)
    ]


class Pipeline:
    """One worker's part of the training of a network that is cut into stages.

    All workers of the group build it with the same arguments, and call the same methods in the
    same order; stage i is the i-th worker's. Rows must not depend on each other in any layer.

    Attributes:
        stage: the layers of this worker, under the names that they have in the network. Their
            parameters are what its optimizer trains; there may be none.
    """

    def __init__(
        self,
        network: nn.Sequential,
        cut: Cut,
        loss: MeanLoss,
        microbatch_rows: int,
        schedule: ScheduleName = "1f1b",
        group: distributed.ProcessGroup | None = None,
    ) -> None:
        """Keep this worker's layers; the others may be freed.

        Args:
            network: the whole network, the same on all workers, on the CPU.
            cut: of `brainray.training.pipeline.cutting.cut`, a stage a worker.
            loss: the mean over rows.
            microbatch_rows: rows of a microbatch, at least 1.
            schedule: ``1f1b`` or ``gpipe``.
            group: of the workers; all processes by default.

        Raises:
            TrainingError: the cut is not one of this network and these workers, the network
                has a batch norm that learns, or two stages share a parameter.
        """
        one_of("schedule", schedule, *SCHEDULES)
        self._rows = whole("microbatch_rows", microbatch_rows, 1, 1 << 20)
        self._size = distributed.get_world_size(group)
        self._rank = distributed.get_rank(group)
        if len(cut) != self._size:
            raise TrainingError(f"cut: {len(cut)} stages need as many workers, not {self._size}")
        if [n for part in cut for n in part] != list(range(len(network))) or not all(cut):
            raise TrainingError(f"cut: must be of {len(network)} layers in order, not {cut}")
        _refuse_batch_norms(network)
        _refuse_shared(network, cut)
        self._cut, self._loss, self._group = cut, loss, group
        self._least = self._size if schedule == "1f1b" else 1
        self._kind = SCHEDULES[schedule]
        layers = list(network._modules.items())  # named_children() gives a layer used twice once
        own = cut[self._rank]
        self.stage = nn.Sequential(OrderedDict(layers[own.start : own.stop]))
        self._count = 0
        self._current: PipelineScheduleSingle
        self._target = torch.empty(0)

    def step(self, inputs: Tensor, target: Tensor) -> float:
        """Add the gradient of the batch's mean loss to this stage's parameters.

        All workers are given the same batch. The last microbatch is filled up with copies of
        the last row, whose outputs do not enter the loss; so any number of rows will do. `1f1b`
        needs as many microbatches as stages, and fills up whole ones for it.

        Args:
            inputs: shape `(B, ...)`, at least one row.
            target: shape `(B, ...)`.

        Returns:
            The mean loss, on every worker.

        Raises:
            TrainingError: there is no row, or not one target a row.
        """
        rows = len(inputs)
        if rows < 1 or len(target) != rows:
            raise TrainingError(f"batch: {rows} rows with {len(target)} targets; at least 1 each")
        count = max(-(-rows // self._rows), self._least)
        numbers_B = torch.arange(count * self._rows)
        losses: list[Tensor] = []
        self._target = target
        schedule = self._schedule(count)
        taken = (inputs[numbers_B.clamp(max=rows - 1)],) if self._rank == 0 else ()
        if self._rank == self._size - 1:
            schedule.step(*taken, target=numbers_B, losses=losses, return_outputs=False)
        else:
            schedule.step(*taken, return_outputs=False)
        mean = torch.zeros((), dtype=torch.float64)
        for part in losses:
            mean += part.detach()
        distributed.broadcast(mean, group=self._group, group_src=self._size - 1)
        return mean.item()

    def share(self, network: nn.Sequential) -> None:
        """Give the network on every worker the weights that the stages have.

        Args:
            network: the one that this was built with, or one of the same architecture.
        """
        layers = list(network)
        own = self._cut[self._rank]
        with torch.no_grad():
            for layer, trained in zip(layers[own.start : own.stop], self.stage, strict=True):
                layer.load_state_dict(trained.state_dict())
            for source, part in enumerate(self._cut):
                for number in part:
                    for tensor in layers[number].state_dict().values():
                        distributed.broadcast(tensor, group=self._group, group_src=source)

    def _schedule(self, count: int) -> PipelineScheduleSingle:
        """Return the schedule of so many microbatches.

        The last one alone is kept: each has places for what neighbours send. A new one sends
        a trial microbatch through all stages to learn their shapes.
        """
        if count != self._count:
            stage = PipelineStage(self.stage, self._rank, self._size, CPU, group=self._group)
            self._current = self._kind(stage, count, loss_fn=self._part_of_loss, scale_grads=False)
            self._count = count
        return self._current

    def _part_of_loss(self, outputs: Tensor, numbers_B: Tensor) -> Tensor:
        """Return what a microbatch, given by its row numbers, adds to the batch's mean loss."""
        rows = len(self._target)
        real_B = numbers_B[numbers_B < rows]  # what fills up comes last
        if len(real_B) == 0:
            return (outputs * 0).sum()
        mean = self._loss(outputs[: len(real_B)], self._target[real_B])
        return mean * (len(real_B) / rows)


def _refuse_batch_norms(network: nn.Module) -> None:
    for name, module in network.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.training:
            raise TrainingError(
                f"{name}: a batch norm cannot be trained in a pipeline, for it would learn the "
                "statistics of microbatches instead of the batch's; use a group norm, keep it in "
                "eval mode, or train without a pipeline"
            )


def _refuse_shared(network: nn.Sequential, cut: Cut) -> None:
    """Raise `TrainingError` if stages share a parameter, whose copies would drift apart."""
    stage_of: dict[nn.Parameter, int] = {}
    layers = list(network)
    for stage, part in enumerate(cut):
        for number in part:
            for name, parameter in layers[number].named_parameters():
                if stage_of.setdefault(parameter, stage) != stage:
                    raise TrainingError(
                        f"layer {number}: shares its parameter {name} with stage "
                        f"{stage_of[parameter]}; layers that share one belong into one stage"
                    )

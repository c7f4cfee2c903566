"""Whether workers may keep what the training of a network keeps."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from brainray.errors import TrainingError
from brainray.networks.blocks import ConvChain
from brainray.networks.interface import NetworkSpec, TappedNetwork, build_network, build_preparation
from brainray.networks.sequence import as_sequential
from brainray.pipeline.learning import Learning
from brainray.pipeline.models import start_from
from brainray.scenario.steps import PIPELINE, PipelineOptions
from brainray.seeding import torch_random
from brainray.training.loop import Recipe
from brainray.training.pipeline.cutting import Chain, Flow, LayerCost, cut, fewest_stages
from brainray.training.pipeline.measuring import measure
from brainray.training.self_supervised import PROJECTION, SelfSupervised, with_projection
from brainray.training.semi_supervised import SemiSupervised

MEASURED_ROWS = 32
"""At most, to measure what many rows need would need it."""


@dataclass(frozen=True)
class _Step:
    """What a step trains, and of how many rows it keeps the activations.

    Attributes:
        layers: that are trained.
        rows: of a step.
        least_rows: of the smallest step that a scenario can ask for.
        keys: of the scenario, which make it smaller.
        beside_bytes: of what is kept beside the layers.
    """

    layers: nn.Sequential
    rows: int
    least_rows: int
    keys: str
    beside_bytes: int = 0


@dataclass(frozen=True)
class Demand:
    """How a network is trained, for what that keeps.

    Attributes:
        spec: of the network, which is not frozen.
        classes: that it tells apart.
        recipe: of its training.
        learning: how it learns; None is supervised.
        workers: that train it together.
        flow: through its stages, one a worker; None if it is not cut.
        cuttable: whether the run could cut it, if it is a chain of layers.
    """

    spec: NetworkSpec
    classes: int
    recipe: Recipe
    learning: Learning | None
    workers: int
    flow: Flow | None
    cuttable: bool

    def check(self, limit: int, labelled: int, everything: int) -> None:
        """Refuse a training that keeps more than a worker may. Nothing is trained for it.

        Args:
            limit: of a worker, in bytes, at least 1.
            labelled: samples that have a target, at least 1.
            everything: these and the unlabelled ones that the learning sees.

        Raises:
            TrainingError: it needs more; it names limit and need, and what would do.
        """
        with torch_random(0):
            network = build_network(self.spec, self.classes)
        try:
            if self.flow is not None:
                rows = min(labelled, self.flow.microbatch_rows(self.recipe.batch_size))
                costs = self._measured(_layers(network), rows).of(rows)
                cut(Chain(costs, self.flow), self.workers, limit)
                return
            for step in self._steps(network, labelled, everything):
                self._check_step(step, limit, labelled)
        except TrainingError as error:
            raise TrainingError(f"pretraining.memory_limit: {self.spec.name}: {error}") from error

    def _steps(self, network: TappedNetwork, labelled: int, everything: int) -> Iterator[_Step]:
        """Yield one step of each part of the training; see `brainray.pipeline.learning`."""
        batch = self.recipe.batch_size
        if isinstance(self.learning, SemiSupervised):
            # Of the weak views of unlabelled rows nothing is kept.
            rows = batch + self.learning.ratio * min(batch, everything)
            keys = "pretraining.batch_size or pretraining.semi_supervised.ratio"
            yield _Step(_layers(network), rows, 2, keys)
            return
        if isinstance(self.learning, SelfSupervised):
            with torch_random(0):
                student = build_network(self.spec, PROJECTION)
                _, *projection = with_projection(student).children()
            yield _Step(
                nn.Sequential(*_layers(student), *projection),
                2 * min(self.learning.batch_size, everything),  # two views of each
                4,
                "pretraining.self_supervised.batch_size",
                sum(part.numel() * part.element_size() for part in network.state_dict().values()),
            )
            learned = start_from(
                network, self.spec, self.classes, student.state_dict(), same_classes=False
            )
            if self.learning.tuned == "head":
                for name, parameter in network.named_parameters():
                    parameter.requires_grad_(name not in learned)
        rows = min(-(-batch // self.workers), labelled)
        yield _Step(_layers(network), rows, 1, "pretraining.batch_size")

    def _check_step(self, step: _Step, limit: int, labelled: int) -> None:
        measured = self._measured(step.layers, step.rows)
        needed = step.beside_bytes + measured.needed(step.rows)
        if needed <= limit:
            return
        message = f"needs {needed:,} bytes on one worker for {step.rows:,} rows at a time, "
        message += f"allowed are {limit:,}; "
        if self.cuttable and self.learning is None and len(step.layers) > 1:
            flow = Flow(**PipelineOptions().model_dump())
            rows = min(labelled, flow.microbatch_rows(self.recipe.batch_size))
            chain = Chain(measured.of(rows), flow)
            most = min(len(step.layers), self.recipe.batch_size)
            stages = fewest_stages(chain, range(2, most + 1), limit)
            if stages is not None:
                raise TrainingError(
                    f"{message}{stages} stages fit: pretraining.strategy: {PIPELINE}, "
                    f"pretraining.workers: {stages}"
                )
            message += "no number of stages fits; "
        least = step.beside_bytes + measured.needed(step.least_rows)
        if least > limit:
            raise TrainingError(
                f"{message}{step.least_rows} at a time need {least:,}: take a higher limit"
            )
        raise TrainingError(f"{message}take a smaller {step.keys}, or a higher limit")

    def _measured(self, layers: nn.Sequential, rows: int) -> "_Measured":
        preparation = build_preparation(self.spec.preparation)
        few = min(rows, MEASURED_ROWS)
        example = torch.from_numpy(np.zeros((few, *preparation.shape), preparation.dtype))
        return _Measured(measure(layers.train(), example, self.recipe.optimizer, repeats=1), few)


@dataclass(frozen=True)
class _Measured:
    """What layers keep for some rows, and so for any number: rows do not depend on each other."""

    costs: list[LayerCost]
    rows: int

    def of(self, rows: int) -> tuple[LayerCost, ...]:
        """Return what each layer keeps for so many rows."""
        return tuple(
            replace(
                cost,
                activation_bytes=-(-cost.activation_bytes * rows // self.rows),
                output_bytes=-(-cost.output_bytes * rows // self.rows),
            )
            for cost in self.costs
        )

    def needed(self, rows: int) -> int:
        """Return the bytes that one worker needs which has all layers."""
        return Chain(self.of(rows), Flow(1)).stage_bytes(range(len(self.costs)), 0, 1)


def _layers(network: TappedNetwork) -> nn.Sequential:
    """Return a network's layers; one that is no chain counts as one, which cannot be cut."""
    return as_sequential(network) if isinstance(network, ConvChain) else nn.Sequential(network)

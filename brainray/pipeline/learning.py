"""How a network of a sub-region learns: from labelled rows alone, or from unlabelled ones, too.

Supervised learning sees labelled rows. Semi-supervised learning takes labelled and unlabelled ones
in each step (`brainray.training.semi_supervised`). Self-supervised learning first sees all rows
without their targets (`brainray.training.self_supervised`), then the labelled ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from brainray.errors import ScenarioError
from brainray.networks.blocks import ConvChain
from brainray.networks.interface import (
    AugmentingPreparation,
    NetworkSpec,
    Preparation,
    TappedNetwork,
    ViewingPreparation,
    build_network,
    build_preparation,
)
from brainray.networks.sequence import as_sequential
from brainray.pipeline.models import quicken, start_from
from brainray.scenario.steps import Pretraining
from brainray.seeding import torch_generator, torch_random
from brainray.shapes import Array
from brainray.training.checkpoint import Checkpoint
from brainray.training.interface import Communicator, Strategy
from brainray.training.loop import ALL_REDUCE, ALONE, Recipe, fit
from brainray.training.pipeline.cutting import Flow
from brainray.training.progress import Watch, unwatched
from brainray.training.self_supervised import (
    PROJECTION,
    SelfSupervised,
    contrastive_loss,
    with_projection,
)
from brainray.training.semi_supervised import SemiSupervised, Views, semi_supervised_loss

Learning: TypeAlias = SemiSupervised | SelfSupervised
"""How a network learns that does not learn from labelled rows alone."""

Parts: TypeAlias = Sequence[tuple[Array, Array]]
"""Prepared samples `(N, ...)`, memory-mapped, and those of their rows that are used, ascending."""


def rule_of(learning: Learning | None, spec: NetworkSpec) -> str:
    """Return the name of the algorithm by which a network learns."""
    if learning is None:
        return "supervised"
    if isinstance(learning, SelfSupervised):
        return "SimCLR"
    return "FixMatch" if has_views(spec) else "pseudo-labels"


def has_views(spec: NetworkSpec) -> bool:
    """Say whether a network's preparation has weak and strong views."""
    return isinstance(build_preparation(spec.preparation), ViewingPreparation)


def learning_of(
    settings: Pretraining, unlabelled: int, name: str, spec: NetworkSpec
) -> Learning | None:
    """Return how a network learns, None for supervised.

    Args:
        settings: of the scenario.
        unlabelled: number of rows without a target.
        name: of the network's input.
        spec: of the network, which is not frozen.

    Raises:
        ScenarioError: there is nothing to learn so from.
    """
    if settings.learning == "semi_supervised":
        if not unlabelled:
            raise ScenarioError(
                "pretraining.learning: semi_supervised needs rows without a target, and the data "
                "have none; data.labelled makes some"
            )
        return SemiSupervised(**settings.semi_supervised.model_dump())
    if settings.learning == "self_supervised":
        if not has_views(spec):
            raise ScenarioError(
                "pretraining.learning: self_supervised needs views of a sample, which the "
                f"preparation {spec.preparation['name']} of {spec.name} does not have; name other "
                f"networks in inputs.{name}.networks"
            )
        return SelfSupervised(**settings.self_supervised.model_dump())
    return None


@dataclass(frozen=True)
class Lesson:
    """One training of a network.

    Attributes:
        spec: of the network.
        classes: that it is to tell apart.
        labelled: the samples that have a target.
        target_N: their classes.
        everything: these samples and the unlabelled ones.
        recipe: of the training.
        learning: how the network learns; None is supervised.
        augmentation: of the labelled samples, see `AugmentingPreparation`.
        seed: of all that is drawn.
        strategy: of supervised learning by several workers.
        communicator: of this worker with the others.
        flow: through a network that is cut into stages, one a worker; None if it is not.
        memory_limit: bytes that a worker has for its stage.
        checkpoint: of a supervised training that draws nothing, and so can go on from one.
        watch: told how a training with a checkpoint goes on.
    """

    spec: NetworkSpec
    classes: int
    labelled: Parts
    target_N: Tensor
    everything: Parts
    recipe: Recipe
    learning: Learning | None
    augmentation: float
    seed: int
    strategy: Strategy = ALL_REDUCE
    communicator: Communicator = ALONE
    flow: Flow | None = None
    memory_limit: int | None = None
    checkpoint: Checkpoint | None = None
    watch: Watch = unwatched

    @cached_property
    def preparation(self) -> Preparation:
        """The network's: looked up once, not in every step."""
        return build_preparation(self.spec.preparation)

    def teach(self, network: TappedNetwork) -> None:
        """Train a network in place."""
        if isinstance(self.learning, SemiSupervised):
            self._semi_supervised(network, self.learning)
            return
        if self.flow is not None:
            self._in_stages(network, self.flow)
            return
        if isinstance(self.learning, SelfSupervised):
            self._self_supervised(network, self.learning)
        generator = torch_generator(self.seed, "augmentation")

        def loss(rows: Tensor, epoch: int) -> Tensor:
            samples = self._varied(taken(self.labelled, rows), generator)
            return functional.cross_entropy(network(samples), self.target_N[rows])

        fit(
            network,
            loss,
            len(self.target_N),
            self.recipe,
            self.seed,
            self.strategy,
            self.communicator,
            checkpoint=None
            if self.augmentation > 0 or self.learning is not None
            else self.checkpoint,
            watch=self.watch,
        )
        network.requires_grad_(True)

    def _in_stages(self, network: TappedNetwork, flow: Flow) -> None:
        """Train a chain of layers of which each worker has some."""
        # It draws in torch.distributed.pipelining, which takes as long as torch itself.
        from brainray.training.pipeline.fitting import fit_stages

        assert isinstance(network, ConvChain)  # `brainray.pipeline.candidates` refuses others

        def batch(rows: Tensor) -> tuple[Tensor, Tensor]:
            return taken(self.labelled, rows), self.target_N[rows]

        network.train()
        fit_stages(
            as_sequential(network),
            batch,
            functional.cross_entropy,
            len(self.target_N),
            self.recipe,
            self.seed,
            flow,
            self.memory_limit,
            self.checkpoint,
            self.watch,
        )
        network.eval()

    def _semi_supervised(self, network: TappedNetwork, learning: SemiSupervised) -> None:
        """An epoch has as many steps as if all rows were labelled; each row comes mu times."""
        batch_size, rows = self.recipe.batch_size, count(self.everything)
        epochs = self.recipe.epochs

        def labelled() -> Iterator[tuple[Tensor, Tensor]]:
            generator = torch_generator(self.seed, "augmentation")
            for chosen in endless(len(self.target_N), batch_size, self.seed):
                samples = self._varied(taken(self.labelled, chosen), generator)
                yield samples, self.target_N[chosen]

        def unlabelled(chosen: Tensor) -> Tensor:
            return taken(self.everything, chosen % rows)

        fit(
            network,
            semi_supervised_loss(network, labelled(), unlabelled, learning, self._views(), epochs),
            rows=rows * learning.ratio,
            recipe=replace(self.recipe, batch_size=batch_size * learning.ratio),
            seed=self.seed,
        )

    def _self_supervised(self, network: TappedNetwork, learning: SelfSupervised) -> None:
        """Train all but the head without targets; what is not tuned afterwards is frozen."""
        views = self._views()
        assert views is not None  # `brainray.pipeline.candidates` refuses such networks
        with torch_random(self.seed, "projection"):
            student = build_network(self.spec, PROJECTION)
            projected = with_projection(student)
        start_from(student, self.spec, PROJECTION, network.state_dict(), same_classes=False)
        quicken(student)
        fit(
            projected,
            contrastive_loss(
                projected, partial(taken, self.everything), views.strong, learning.temperature
            ),
            rows=count(self.everything),
            recipe=replace(self.recipe, epochs=learning.epochs, batch_size=learning.batch_size),
            seed=self.seed,
        )
        learned = start_from(
            network, self.spec, self.classes, student.state_dict(), same_classes=False
        )
        if learning.tuned == "head":
            for name, parameter in network.named_parameters():
                parameter.requires_grad_(name not in learned)

    def _views(self) -> Views | None:
        """Return the views of the network's preparation, which draw one after the other."""
        preparation = self.preparation
        if not isinstance(preparation, ViewingPreparation):
            return None
        generator = torch_generator(self.seed, "views")
        return Views(
            partial(preparation.weak_view, generator=generator),
            partial(preparation.strong_view, generator=generator),
        )

    def _varied(self, samples: Tensor, generator: torch.Generator) -> Tensor:
        if self.augmentation > 0 and isinstance(self.preparation, AugmentingPreparation):
            return self.preparation.augment(samples, self.augmentation, generator)
        return samples


def count(parts: Parts) -> int:
    """Return how many samples there are in all parts."""
    return sum(len(rows_N) for _, rows_N in parts)


def taken(parts: Parts, chosen: Tensor) -> Tensor:
    """Return some samples `(B, ...)`, counted through all parts."""
    chosen_B = chosen.numpy()
    if len(parts) == 1:
        ((inputs, rows_N),) = parts
        return torch.from_numpy(inputs[rows_N[chosen_B]])
    first = parts[0][0]
    samples = np.empty((len(chosen_B), *first.shape[1:]), first.dtype)
    begin = 0
    for inputs, rows_N in parts:
        own_B = (chosen_B >= begin) & (chosen_B < begin + len(rows_N))
        samples[own_B] = inputs[rows_N[chosen_B[own_B] - begin]]
        begin += len(rows_N)
    return torch.from_numpy(samples)


def endless(rows: int, batch_size: int, seed: int) -> Iterator[Tensor]:
    """Yield batches of row numbers for ever: all rows in a new order again and again."""
    generator = torch_generator(seed, "labelled")
    left = torch.zeros(0, dtype=torch.int64)
    while True:
        while len(left) < batch_size:
            left = torch.cat([left, torch.randperm(rows, generator=generator)])
        yield left[:batch_size]
        left = left[batch_size:]

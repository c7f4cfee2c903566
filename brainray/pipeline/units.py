"""The independent units of a run's work: pretrain a network, build a bank; see also `columns`.

Each is a small picklable description and a function of it. The functions can run anywhere that
reaches the store; their writes are idempotent, so that a unit may run again.
"""

import math
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from brainray import plugins
from brainray.catalog.values import recipe_of
from brainray.catalog.weights import StoredWeights, load_weights, store_weights
from brainray.datasets.dataset import UNLABELLED
from brainray.errors import TrainingError
from brainray.fusion.bank import BATCH, FeatureBank, bank_key, build_bank, save_bank
from brainray.networks.interface import (
    AugmentingPreparation,
    NetworkSpec,
    TappedNetwork,
    build_network,
    build_preparation,
)
from brainray.networks.onnx import OnnxNetwork
from brainray.pipeline.columns import ColumnUnit, prepared, present, target_of
from brainray.pipeline.frozen import StoredGraph, train_head, with_head
from brainray.pipeline.learning import Learning, Lesson, count, rule_of
from brainray.pipeline.memory import Demand
from brainray.pipeline.models import load_network, quicken, start_from
from brainray.pipeline.versions import recipe_versions
from brainray.scenario.steps import PIPELINE, PipelineOptions
from brainray.seeding import derive, numpy_generator, one_thread, torch_generator, torch_random
from brainray.training.checkpoint import Checkpoint, Checkpoints
from brainray.training.interface import Communicator, Strategy
from brainray.training.loop import ALL_REDUCE, ALONE, Optimizer, Recipe
from brainray.training.memory import keep_freed_memory
from brainray.training.metrics import accuracy
from brainray.training.pipeline.cutting import Flow
from brainray.training.progress import Progress, Watch, unwatched
from brainray.training.self_supervised import SelfSupervised

LEARNING_RATES: dict[Optimizer, float] = {"adam": 3e-3, "sgd": 5e-2}
"""Of the pretraining, at the start of its cosine; chosen on audio-visual digits."""


@dataclass(frozen=True)
class Parent:
    """A stored model of the same network, whose weights another one starts from.

    Attributes:
        key: of its weights in the store.
        sha256: of its weights.
        same_classes: whether it tells the same classes apart; if not, the layers whose shape
            depends on the number of classes start from random weights.
    """

    key: str
    sha256: str
    same_classes: bool


@dataclass(frozen=True)
class Together:
    """How several workers train one network.

    Attributes:
        strategy: by which they synchronise.
        options: of the strategy, beside its defaults.
        workers: how many.
    """

    strategy: str
    options: dict[str, Any]
    workers: int

    @property
    def flow(self) -> Flow | None:
        """How microbatches go through stages; None if all workers have the whole network."""
        if self.strategy != PIPELINE:
            return None
        return Flow(**PipelineOptions.model_validate(self.options).model_dump())

    def build(self) -> Strategy:
        """Return one worker's strategy, which is no pipeline."""
        strategy: Strategy = plugins.build("strategies", self.strategy, self.options)
        return strategy


@dataclass(frozen=True)
class PretrainUnit:
    """One network to train alone on one input.

    Attributes:
        columns: the input's prepared splits: train, validation and test, and unlabelled if there
            are such rows and ``learning`` sees them.
        spec: the network.
        sub_region: where the model will live.
        classes: number of classes.
        recipe: how to train.
        seed: of the run.
        parent: the model to start from instead of from random weights.
        graph: of a frozen network, of which only a head is trained.
        augmentation: how strongly the preparation varies the samples, see
            `brainray.networks.interface.AugmentingPreparation`; 0 if it cannot.
        learning: how the network learns; None is supervised, as the head of a frozen one does.
        together: by which several workers train it together; None if one does.
        memory_limit: bytes that a worker has for it; None if it does not matter.
        cuttable: whether the scenario could have it cut into stages, if it is a chain of layers.
        checkpoints: from which an interrupted training goes on, where one can: a supervised one
            without augmentation. None: from none.
    """

    columns: dict[str, ColumnUnit]
    spec: NetworkSpec
    sub_region: str
    classes: int
    recipe: Recipe
    seed: int
    parent: Parent | None = None
    graph: StoredGraph | None = None
    augmentation: float = 0.0
    learning: Learning | None = None
    together: Together | None = None
    memory_limit: int | None = None
    cuttable: bool = True
    checkpoints: Checkpoints | None = None

    @property
    def region(self) -> str:
        """The region that the model will belong to."""
        return self.sub_region.partition(".")[0]

    @property
    def learned(self) -> dict[str, Any]:
        """How the network learns: ``rule``, the algorithm, and its options; JSON values."""
        options = {} if self.learning is None else vars(self.learning)
        return {"rule": rule_of(self.learning, self.spec), **options}

    @property
    def cost(self) -> float:
        """About how long it takes beside other units of a run, to begin with the longest.

        A convolution uses each weight at every position of its input: epochs x size of a sample x
        weights. The number of samples is the same for all.
        """
        positions = math.prod(build_preparation(self.spec.preparation).shape)
        if self.graph is not None:
            return positions * self.graph.parameters  # it runs once over each sample
        with torch.device("meta"):
            network = build_network(self.spec, self.classes)
        weights = sum(parameter.numel() for parameter in network.parameters())
        return self.recipe.epochs * positions * weights

    @property
    def model_recipe(self) -> str:
        """What would make the same model again, as a sha256; not where it lives: it may move."""
        train = self.columns["train"]
        start: dict[str, Any] = {}
        if self.parent is not None:
            start = {"parent": self.parent.sha256, "same_classes": self.parent.same_classes}
        if self.graph is not None:
            start = {"graph": self.graph.identity}
        if self.augmentation > 0:
            start["augmentation"] = self.augmentation
        if self.learning is not None:
            start["learning"] = self.learned
        if self.together is not None and self.graph is None:
            start["together"] = asdict(self.together)
        return recipe_of(
            {
                **start,
                "network": self.spec.name,
                "architecture": self.spec.architecture,
                "preparation": self.spec.preparation,
                "data": train.data_sha256,
                "column": train.column,
                "classes": self.classes,
                "recipe": vars(self.recipe),
                "seed": self.seed,
                "versions": recipe_versions(self.spec.architecture),
            }
        )

    def check_memory(self, labelled: int, everything: int) -> None:
        """Refuse a training that keeps more than ``memory_limit``; see `Demand.check`.

        Raises:
            TrainingError: it does.
        """
        if self.memory_limit is None or self.graph is not None:
            return
        together = self.together
        Demand(
            self.spec,
            self.classes,
            self.recipe,
            self.learning,
            1 if together is None else together.workers,
            None if together is None else together.flow,
            self.cuttable,
        ).check(self.memory_limit, labelled, everything)


@dataclass(frozen=True)
class Pretrained:
    """What pretraining made.

    Attributes:
        weights: in the store.
        validation: the accuracy, in [0, 1].
        anew: whether training began anew because its checkpoint was damaged.
    """

    weights: StoredWeights
    validation: float
    anew: bool = False


@dataclass(frozen=True)
class BankUnit:
    """One pretrained model to run over one split.

    Attributes:
        column: of the split.
        spec: of the network.
        classes: that it tells apart.
        weights_key: in the store.
        weights_sha256: of the file.
        graph: that of a frozen network.
        augmentation: how strongly the samples are varied first, see `AugmentingPreparation`.
        seed: of that.
    """

    column: ColumnUnit
    spec: NetworkSpec
    classes: int
    weights_key: str
    weights_sha256: str
    graph: StoredGraph | None = None
    augmentation: float = 0.0
    seed: int = 0

    @property
    def key(self) -> str:
        """Where the bank lies in the store."""
        varied = f" {self.augmentation} {self.seed}" if self.augmentation > 0 else ""
        return bank_key(self.weights_sha256, f"{self.column.path.name}{varied}")

    def vary(self, samples: Tensor, generator: torch.Generator) -> Tensor:
        """Return prepared samples `(B, ...)` as the network is to see them."""
        preparation = build_preparation(self.spec.preparation)
        if self.augmentation > 0 and isinstance(preparation, AugmentingPreparation):
            return preparation.augment(samples, self.augmentation, generator)
        return samples


def pretrain(unit: PretrainUnit, communicator: Communicator = ALONE) -> Pretrained:
    """Train a network alone on the samples that have its input, and store its weights.

    Args:
        unit: what to train, and how.
        communicator: to the other workers that train it ``together`` with this one; all of them
            store the same.

    Raises:
        TrainingError: the network cannot be trained by several workers, or not within the unit's
            memory limit; or training diverged.
        DataError: see `prepare`.
        NetworkError: the weights to start from are not those of this network.
        CatalogError: they are not in the store.
    """
    keep_freed_memory()
    with one_thread():
        if unit.graph is not None:
            return _pretrain_head(unit, unit.graph)
        told: list[Progress] = []
        network = train_alone(unit, communicator=communicator, watch=told.append)
        _check_finite(network, unit)
        stored = store_weights(unit.columns["train"].store, unit.sub_region, network.state_dict())
        validation = accuracy_alone(network, unit.columns["validation"])
        return Pretrained(stored, validation, any(progress.anew for progress in told))


def train_alone(
    unit: PretrainUnit,
    most: int | None = None,
    communicator: Communicator = ALONE,
    watch: Watch = unwatched,
) -> TappedNetwork:
    """Train the network of a unit, which is not frozen, and return it; nothing is stored.

    Args:
        unit: what to train, and how.
        most: training samples that are used at most, drawn at random; None is all.
        communicator: see `pretrain`.
        watch: see `Lesson`.

    Raises:
        DataError: see `prepare`.
        NetworkError: the weights to start from are not those of this network.
        CatalogError: they are not in the store.
        TrainingError: see `pretrain`.
    """
    labelled = present(unit.columns["train"])
    rows_N = labelled[1]
    if most is not None and most < len(rows_N):
        # The same ones for every network: what is compared has seen the same.
        rows_N = np.sort(numpy_generator(unit.seed, "rows").permutation(rows_N)[:most])
        labelled = (labelled[0], rows_N)
    others = unit.columns.get(UNLABELLED)
    everything = [labelled] if others is None else [labelled, present(others)]
    unit.check_memory(len(rows_N), count(everything))
    seed = derive(unit.seed, "pretrain", unit.spec.name, unit.recipe.optimizer)
    with torch_random(seed):
        network = build_network(unit.spec, unit.classes)
    if unit.parent is not None:
        weights = load_weights(unit.columns["train"].store, unit.parent.key)
        start_from(network, unit.spec, unit.classes, weights, unit.parent.same_classes)
    flow = None if unit.together is None else unit.together.flow
    if flow is None:
        quicken(network)  # stages send each other maps in the usual layout
    Lesson(
        spec=unit.spec,
        classes=unit.classes,
        labelled=[labelled],
        target_N=target_of(unit.columns["train"])[rows_N],
        everything=everything,
        recipe=unit.recipe,
        learning=unit.learning,
        augmentation=unit.augmentation,
        seed=seed,
        strategy=ALL_REDUCE if unit.together is None or flow is not None else unit.together.build(),
        communicator=communicator,
        flow=flow,
        memory_limit=unit.memory_limit,
        checkpoint=None
        if unit.checkpoints is None
        else Checkpoint(unit.checkpoints, f"pretraining-{unit.model_recipe}"),
        watch=watch,
    ).teach(network)
    return network


def _check_finite(network: nn.Module, unit: PretrainUnit) -> None:
    """Refuse a network whose training has diverged.

    Raises:
        TrainingError: it has weights that are no finite numbers.
    """
    if all(bool(value.isfinite().all()) for value in network.state_dict().values()):
        return
    what = f"{unit.spec.name}: its pretraining with {unit.recipe.optimizer} diverged; "
    if unit.graph is not None:
        raise TrainingError(
            f"{what}its head learns from features that are too large; use another network"
        )
    temperature = (
        ", a larger pretraining.self_supervised.temperature"
        if isinstance(unit.learning, SelfSupervised)
        else ""
    )
    raise TrainingError(
        f"{what}try other pretraining.optimizers{temperature} or a larger pretraining.batch_size"
    )


def _pretrain_head(unit: PretrainUnit, graph: StoredGraph) -> Pretrained:
    """Train the head of a frozen network; see `pretrain`."""
    columns = unit.columns
    store = columns["train"].store
    network = OnnxNetwork(graph.open(store), unit.classes)
    seed = derive(unit.seed, "pretrain", unit.spec.name, unit.recipe.optimizer)
    train_head(network, _features(columns["train"], graph), target_of(columns["train"]), seed)
    _check_finite(network, unit)
    stored = store_weights(store, unit.sub_region, network.state_dict())
    validation = with_head(network, _features(columns["validation"], graph))
    right = target_of(columns["validation"])[validation.present]
    return Pretrained(stored, accuracy(validation.logits[validation.present], right))


def _features(column: ColumnUnit, graph: StoredGraph) -> FeatureBank:
    return graph.features(column.store, column.path.name, *prepared(column))


def bank(unit: BankUnit) -> str:
    """Build a bank unless the store has it undamaged; return its key."""
    store = unit.column.store
    if not store.holds(unit.key):
        keep_freed_memory()
        with one_thread():
            weights = load_weights(store, unit.weights_key)
            if unit.graph is not None:
                frozen = OnnxNetwork(unit.graph.open(store), unit.classes)
                frozen.load_state_dict(weights)
                made = with_head(frozen, _features(unit.column, unit.graph))
            else:
                network = quicken(load_network(unit.spec, unit.classes, weights))
                generator = torch_generator(unit.seed, "bank", unit.column.column)
                vary = partial(unit.vary, generator=generator)
                made = build_bank(network, *prepared(unit.column), vary)
            save_bank(store, unit.key, made)
    return unit.key


def accuracy_alone(network: TappedNetwork, column: ColumnUnit) -> float:
    """Return a network's accuracy on the samples of a split that are present, in [0, 1]."""
    inputs, mask = prepared(column)
    rows = np.flatnonzero(mask)
    with torch.inference_mode():
        logits = [
            network(torch.from_numpy(inputs[rows[start : start + BATCH]]))
            for start in range(0, len(rows), BATCH)
        ]
    return accuracy(torch.cat(logits), target_of(column)[rows])

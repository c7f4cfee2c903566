"""The independent units of a run's work: prepare a column, pretrain a network, build a bank.

Each is a small picklable description and a function of it. The functions can run anywhere that
reaches the store; their writes are idempotent, so that a unit may run again.
"""

import hashlib
import json
import math
import os
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brainray import plugins
from brainray.catalog.store import Store
from brainray.catalog.values import recipe_of
from brainray.catalog.weights import StoredWeights, load_weights, store_weights
from brainray.datasets.dataset import UNLABELLED, open_dataset
from brainray.errors import DataError, NetworkError
from brainray.fusion.bank import BATCH, FeatureBank, bank_key, build_bank, save_bank
from brainray.networks.interface import (
    AugmentingPreparation,
    NetworkSpec,
    TappedNetwork,
    build_network,
    build_preparation,
)
from brainray.networks.onnx import OnnxNetwork
from brainray.pipeline.frozen import StoredGraph, train_head, with_head
from brainray.pipeline.learning import Learning, Lesson, rule_of, taken
from brainray.pipeline.memory import check_memory
from brainray.pipeline.models import load_network, quicken, start_from
from brainray.pipeline.versions import recipe_versions
from brainray.scenario.steps import PIPELINE, PipelineOptions
from brainray.seeding import derive, numpy_generator, one_thread, torch_generator, torch_random
from brainray.shapes import Array
from brainray.training.checkpoint import Checkpoint, Checkpoints
from brainray.training.interface import Communicator, Strategy
from brainray.training.loop import ALL_REDUCE, ALONE, Optimizer, Recipe
from brainray.training.memory import keep_freed_memory
from brainray.training.metrics import accuracy
from brainray.training.pipeline.cutting import Flow

LEARNING_RATES: dict[Optimizer, float] = {"adam": 3e-3, "sgd": 5e-2}
"""Of the pretraining, at the start of its cosine; chosen on audio-visual digits."""


@dataclass(frozen=True)
class ColumnUnit:
    """One input of one split, prepared for one kind of network.

    Attributes:
        store: where the data set is.
        data_sha256: of the data set.
        column: the input's name.
        split: train, validation, test or unlabelled.
        preparation: as a network declares it.
    """

    store: Store
    data_sha256: str
    column: str
    split: str
    preparation: dict[str, Any]

    @property
    def path(self) -> Path:
        """Where the prepared samples are cached on this node, without an ending."""
        parts = [
            self.data_sha256,
            self.column,
            self.split,
            self.preparation,
            recipe_versions(),
        ]
        name = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return self.store.cache / "prepared" / name


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
        checkpoints: from which an interrupted training goes on, where one can: a supervised one
            without augmentation and stages. None: from none.
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


@dataclass(frozen=True)
class Pretrained:
    """What pretraining made: weights in the store, and the validation accuracy in [0, 1]."""

    weights: StoredWeights
    validation: float


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


def prepare(unit: ColumnUnit) -> int:
    """Prepare a column and cache it on this node; return the number of samples that have it.

    Raises:
        DataError: a sample cannot be prepared, the message names its row; or none has this input,
            where some must.
    """
    _, mask = prepared(unit)
    if unit.split != UNLABELLED and not mask.any():
        raise DataError(f"inputs.{unit.column}: no sample of the split {unit.split} has it")
    return int(mask.sum())


def prepared(unit: ColumnUnit) -> tuple[Array, Array]:
    """Return the prepared samples `(N, ...)`, memory-mapped, and which are present `(N,)`.

    Raises:
        DataError: see `prepare`.
    """
    inputs, mask = unit.path.with_suffix(".inputs.npy"), unit.path.with_suffix(".mask.npy")
    if not mask.exists():
        _prepare(unit, inputs, mask)
    return np.load(inputs, mmap_mode="r"), np.load(mask)


def _prepare(unit: ColumnUnit, inputs: Path, mask: Path) -> None:
    """Write both files atomically, the mask last: it says that the inputs are complete."""
    dataset = open_dataset(unit.store.local_path(f"datasets/{unit.data_sha256}.parquet"))
    preparation = build_preparation(unit.preparation)
    raws = dataset.column(unit.split, unit.column)
    partial, partial_mask = (path.with_suffix(f".{os.getpid()}.partial") for path in (inputs, mask))
    try:
        inputs.parent.mkdir(parents=True, exist_ok=True)
        written = np.lib.format.open_memmap(
            partial, "w+", dtype=preparation.dtype, shape=(len(raws), *preparation.shape)
        )
        with partial.open("r+b") as file:
            # A full disk would else end the process when a page of the map is written.
            os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)
        for number, raw in enumerate(raws):
            if raw is not None:
                try:
                    written[number] = preparation.prepare(raw)
                except NetworkError as error:
                    row = dataset.row_numbers(unit.split)[number]
                    raise DataError(
                        f"{dataset.name}: row {row}, column {unit.column}: {error}"
                    ) from error
        written.flush()
        partial.replace(inputs)
        with partial_mask.open("wb") as file:
            np.save(file, np.array([raw is not None for raw in raws]))
        partial_mask.replace(mask)
    except OSError as error:
        raise DataError(f"{inputs}: cannot be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
        partial_mask.unlink(missing_ok=True)


def pretrain(unit: PretrainUnit, communicator: Communicator = ALONE) -> Pretrained:
    """Train a network alone on the samples that have its input, and store its weights.

    Args:
        unit: what to train, and how.
        communicator: to the other workers that train it ``together`` with this one; all of them
            store the same.

    Raises:
        TrainingError: the network cannot be trained by several workers, or not within the unit's
            memory limit.
        DataError: see `prepare`.
        NetworkError: the weights to start from are not those of this network.
        CatalogError: they are not in the store, or training made NaN.
    """
    keep_freed_memory()
    with one_thread():
        if unit.graph is not None:
            return _pretrain_head(unit, unit.graph)
        network = train_alone(unit, communicator=communicator)
        stored = store_weights(unit.columns["train"].store, unit.sub_region, network.state_dict())
        return Pretrained(stored, accuracy_alone(network, unit.columns["validation"]))


def train_alone(
    unit: PretrainUnit, most: int | None = None, communicator: Communicator = ALONE
) -> TappedNetwork:
    """Train the network of a unit, which is not frozen, and return it; nothing is stored.

    Args:
        unit: what to train, and how.
        most: training samples that are used at most, drawn at random; None is all.
        communicator: see `pretrain`.

    Raises:
        DataError: see `prepare`.
        NetworkError: the weights to start from are not those of this network.
        CatalogError: they are not in the store.
    """
    labelled = _present(unit.columns["train"])
    rows_N = labelled[1]
    if most is not None and most < len(rows_N):
        # The same ones for every network: what is compared has seen the same.
        rows_N = np.sort(numpy_generator(unit.seed, "rows").permutation(rows_N)[:most])
        labelled = (labelled[0], rows_N)
    seed = derive(unit.seed, "pretrain", unit.spec.name, unit.recipe.optimizer)
    with torch_random(seed):
        network = build_network(unit.spec, unit.classes)
    if unit.parent is not None:
        weights = load_weights(unit.columns["train"].store, unit.parent.key)
        start_from(network, unit.spec, unit.classes, weights, unit.parent.same_classes)
    flow = None if unit.together is None else unit.together.flow
    if flow is None:
        quicken(network)  # stages send each other maps in the usual layout
        if unit.memory_limit is not None:
            workers = 1 if unit.together is None else unit.together.workers
            own = min(-(-unit.recipe.batch_size // workers), len(rows_N))
            samples = taken([labelled], torch.arange(own))
            check_memory(unit.spec.name, network, samples, unit.recipe, unit.memory_limit)
    others = unit.columns.get(UNLABELLED)
    Lesson(
        spec=unit.spec,
        classes=unit.classes,
        labelled=[labelled],
        target_N=_target(unit.columns["train"])[rows_N],
        everything=[labelled] if others is None else [labelled, _present(others)],
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
    ).teach(network)
    return network


def _present(column: ColumnUnit) -> tuple[Array, Array]:
    """Return the prepared samples of a column, and those of their rows that have it."""
    inputs, mask = prepared(column)
    return inputs, np.flatnonzero(mask)


def _pretrain_head(unit: PretrainUnit, graph: StoredGraph) -> Pretrained:
    """Train the head of a frozen network; see `pretrain`."""
    columns = unit.columns
    store = columns["train"].store
    network = OnnxNetwork(graph.open(store), unit.classes)
    seed = derive(unit.seed, "pretrain", unit.spec.name, unit.recipe.optimizer)
    train_head(network, _features(columns["train"], graph), _target(columns["train"]), seed)
    stored = store_weights(store, unit.sub_region, network.state_dict())
    validation = with_head(network, _features(columns["validation"], graph))
    right = _target(columns["validation"])[validation.present]
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
    return accuracy(torch.cat(logits), _target(column)[rows])


def _target(column: ColumnUnit) -> Tensor:
    dataset = open_dataset(column.store.local_path(f"datasets/{column.data_sha256}.parquet"))
    return torch.from_numpy(dataset.target(column.split))

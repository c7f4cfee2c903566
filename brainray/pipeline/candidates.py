"""From the networks that regions offer to pretrained candidates with feature banks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from brainray.catalog.library import Library
from brainray.catalog.values import Model, NewModel
from brainray.datasets.dataset import SPLITS, UNLABELLED, Dataset
from brainray.errors import ScenarioError
from brainray.fusion.genome import Candidate
from brainray.networks.blocks import ConvChain
from brainray.networks.declared import ONNX
from brainray.networks.interface import (
    AugmentingPreparation,
    NetworkSpec,
    build_network,
    build_preparation,
    tap_names,
)
from brainray.networks.sequence import as_sequential
from brainray.pipeline.checkpoints import StoredCheckpoints
from brainray.pipeline.columns import ColumnUnit, prepare
from brainray.pipeline.frozen import HEAD, StoredGraph
from brainray.pipeline.learning import learning_of
from brainray.pipeline.record import Record
from brainray.pipeline.runner import Runner
from brainray.pipeline.selection import Selection, parents
from brainray.pipeline.units import (
    LEARNING_RATES,
    BankUnit,
    Parent,
    Pretrained,
    PretrainUnit,
    Together,
    bank,
)
from brainray.pipeline.versions import platform
from brainray.scenario import Scenario
from brainray.scenario.steps import NO_STRATEGY
from brainray.training.checkpoint import Checkpoints
from brainray.training.loop import Recipe


@dataclass(frozen=True)
class Offer:
    """A pretrained model that an input may use, with its banks.

    Attributes:
        model: as the catalog has it.
        spec: its network.
        banks: the key of its feature bank by split.
        columns: its prepared input by split.
        graph: below it, if it is frozen.
    """

    model: Model
    spec: NetworkSpec
    banks: dict[str, str]
    columns: dict[str, ColumnUnit]
    graph: StoredGraph | None

    def candidate(self, classes: int) -> Candidate:
        """Return what the genome needs to know of it."""
        graph = self.graph
        return Candidate(
            model=self.model.id,
            optimizer=self.model.optimizer,
            structure=self.spec.category,
            parameters=self.model.parameters + (graph.parameters if graph else 0),
            taps=graph.tap_names if graph else tap_names(self.spec, classes),
        )


def candidates(offers: Sequence[Offer], classes: int) -> tuple[Candidate, ...]:
    """Return the candidates of one input, each with a gene of its own.

    Optimizer, category and size tell the built-in networks apart. Networks that users add may
    have all three in common; then the structure is the category with the model's id.
    """
    found = [offer.candidate(classes) for offer in offers]
    genes = Counter((one.optimizer, one.structure, one.size) for one in found)
    return tuple(
        one
        if genes[one.optimizer, one.structure, one.size] == 1
        else replace(one, structure=f"{one.structure} {one.model}")
        for one in found
    )


@dataclass(frozen=True)
class Pretraining:
    """Makes the candidates of a run: prepared columns, pretrained models, feature banks.

    Attributes:
        scenario: of the run.
        seed: of the run.
        dataset: of the run, already in the store.
        library: the catalog.
        runner: where the work is done.
        record: of the run.
    """

    scenario: Scenario
    seed: int
    dataset: Dataset
    library: Library
    runner: Runner
    record: Record

    def offers(self, selection: Selection) -> dict[str, list[Offer]]:
        """Return the pretrained candidates of each input; those in the catalog are not trained.

        Args:
            selection: what each input may use.

        Raises:
            ScenarioError: see `parents`.
        """
        start = parents(self.scenario.pretraining.start, selection.networks, self.library)
        units = [
            (name, unit)
            for name, specs in selection.networks.items()
            for spec in specs
            for unit in self.units(name, spec, selection, start.get(spec.name))
        ]
        rows = self._prepare([unit for _, unit in units])
        models = self._pretrain(units, start, rows)
        return self._bank(units, models)

    def units(
        self, name: str, spec: NetworkSpec, selection: Selection, start: Model | None = None
    ) -> list[PretrainUnit]:
        """Return one unit an optimizer, or one an uploaded graph, of a network for an input.

        Raises:
            ScenarioError: see `learning_of`; or the network is to be cut into stages and cannot be.
        """
        settings = self.scenario.pretraining
        parent = None if start is None else self._parent(start)
        together = None
        if settings.strategy != NO_STRATEGY:
            assert settings.workers is not None  # or the scenario would have been refused
            together = Together(settings.strategy, settings.options, settings.workers)
        first = PretrainUnit(
            columns={
                split: ColumnUnit(
                    self.library.store, self.dataset.sha256, name, split, spec.preparation
                )
                for split in SPLITS
            },
            spec=spec,
            sub_region=selection.home(spec),
            classes=len(self.dataset.classes),
            recipe=HEAD,
            seed=self.seed,
            parent=parent,
            together=together,
            memory_limit=settings.memory_limit,
            cuttable=settings.learning == "supervised"
            and settings.augmentation == 0
            and not self.scenario.grow.enabled,
            checkpoints=self._checkpoints(),
        )
        if spec.architecture == ONNX:
            return [replace(first, graph=graph) for graph in selection.graphs[spec.name]]
        if together is not None and together.flow is not None:
            _check_stages(name, spec, first.classes, together.workers)
        learning = learning_of(settings, self.dataset.rows(UNLABELLED), name, spec)
        columns = first.columns
        if learning is not None and self.dataset.rows(UNLABELLED):
            train = columns["train"]
            columns = columns | {UNLABELLED: replace(train, split=UNLABELLED)}
        return [
            replace(
                first,
                columns=columns,
                learning=learning,
                recipe=Recipe(
                    settings.epochs, settings.batch_size, optimizer, LEARNING_RATES[optimizer]
                ),
                augmentation=settings.augmentation if augments(spec) else 0.0,
            )
            for optimizer in settings.optimizers
        ]

    def _checkpoints(self) -> Checkpoints | None:
        seconds = self.scenario.training.checkpoint_seconds
        if seconds is None:
            return None
        place = StoredCheckpoints(self.library.store, self.record.folder.name)
        return Checkpoints(place, seconds)

    def _parent(self, model: Model) -> Parent:
        same_classes = model.spec.get("labels") == list(self.dataset.classes)
        return Parent(model.key, model.sha256, same_classes)

    def _prepare(self, units: list[PretrainUnit]) -> dict[Path, int]:
        """Prepare all columns; return by its path how many samples of each have the input."""
        columns = {column.path: column for unit in units for column in unit.columns.values()}
        done: list[int] = []

        def on_done(number: int, rows: int) -> None:
            done.append(number)
            self.record.progress("prepare", len(done), len(columns))

        return dict(
            zip(columns, self.runner.map(prepare, list(columns.values()), on_done), strict=True)
        )

    def _pretrain(
        self,
        units: list[tuple[str, PretrainUnit]],
        start: Mapping[str, Model],
        rows: Mapping[Path, int],
    ) -> list[Model]:
        """Return the model of each unit, in order; each is registered as soon as it is trained.

        Raises:
            CatalogError: a model's weights are lost, and training it again gave others.
            TrainingError: a training would keep more than ``pretraining.memory_limit``; none has
                begun then.
        """
        found = [self._known(unit) for _, unit in units]
        missing = [number for number, model in enumerate(found) if model is None]
        for unit in (units[number][1] for number in missing):
            counts = {split: rows[column.path] for split, column in unit.columns.items()}
            unit.check_memory(counts["train"], counts["train"] + counts.get(UNLABELLED, 0))
        done = len(units) - len(missing)
        self.record.progress("pretrain", done, len(units))

        def on_done(position: int, result: Pretrained) -> None:
            number = missing[position]
            name, unit = units[number]
            model = self.library.register(self._new_model(name, unit, result, start))
            found[number] = model
            self.record.append(
                "pretrained",
                model=model.id,
                input=name,
                validation=result.validation,
                anew=result.anew,
            )
            self.record.progress("pretrain", sum(model is not None for model in found), len(units))

        self.runner.pretrain(
            [units[number][1] for number in missing], self.scenario.pretraining.workers, on_done
        )
        return [model for model in found if model is not None]

    def _known(self, unit: PretrainUnit) -> Model | None:
        """Return the model of a unit; one whose weights are lost is trained again, to the same."""
        model = self.library.find(unit.model_recipe)
        return model if model is not None and self.library.store.holds(model.key) else None

    def _new_model(
        self, name: str, unit: PretrainUnit, result: Pretrained, start: Mapping[str, Model]
    ) -> NewModel:
        spec = {
            "classes": unit.classes,
            "labels": list(self.dataset.classes),
            "input": name,
            "learning": unit.learned,
        }
        parent = None if unit.parent is None else start[unit.spec.name].id
        if unit.graph is not None:
            parent = unit.graph.model
        parts = [self.scenario.name, unit.spec.name, unit.recipe.optimizer]
        if unit.learning is not None:
            parts.append(self.scenario.pretraining.learning)
        return NewModel(
            name=".".join(parts),
            kind="unimodal",
            network=unit.spec.name,
            sub_region=unit.sub_region,
            modality=unit.spec.modality,
            data_set=self.dataset.sha256,
            optimizer=unit.recipe.optimizer,
            platform=platform(),
            preparation=unit.spec.preparation,
            recipe=unit.model_recipe,
            weights=result.weights,
            metrics={"validation": result.validation},
            spec=spec,
            run_id=self.record.folder.name,
            parent=parent,
        )

    def _bank(
        self, units: list[tuple[str, PretrainUnit]], models: list[Model]
    ) -> dict[str, list[Offer]]:
        strength = self.scenario.training.augmentation
        banks = [
            BankUnit(
                unit.columns[split],
                unit.spec,
                unit.classes,
                model.key,
                model.sha256,
                unit.graph,
                strength if split == "train" and augments(unit.spec) else 0.0,
                self.seed,
            )
            for (_, unit), model in zip(units, models, strict=True)
            for split in SPLITS
        ]
        done: list[int] = []

        def on_done(number: int, key: str) -> None:
            done.append(number)
            self.record.progress("bank", len(done), len(banks))

        keys = iter(self.runner.map(bank, banks, on_done))
        offers: dict[str, list[Offer]] = {}
        for (name, unit), model in zip(units, models, strict=True):
            own = {split: next(keys) for split in SPLITS}
            offers.setdefault(name, []).append(
                Offer(model, unit.spec, own, unit.columns, unit.graph)
            )
        return offers


def _check_stages(name: str, spec: NetworkSpec, classes: int, stages: int) -> None:
    """Refuse a network of an input that cannot be cut into so many stages.

    Raises:
        ScenarioError: it is no chain of layers, or has fewer.
    """
    with torch.device("meta"):
        network = build_network(spec, classes)
    if not isinstance(network, ConvChain):
        raise ScenarioError(
            "pretraining.strategy: pipeline needs networks that are chains of layers, which "
            f"{spec.name} is not; name other networks in inputs.{name}.networks"
        )
    layers = len(as_sequential(network))
    if stages > layers:
        raise ScenarioError(
            f"pretraining.workers: is {stages}, but {spec.name} has {layers} layers, and a "
            f"pipeline one layer a worker at least; allowed are 2 to {layers}"
        )


def augments(spec: NetworkSpec) -> bool:
    """Say whether a network's preparation can vary its samples; see `AugmentingPreparation`."""
    preparation = build_preparation(spec.preparation)
    return spec.architecture != ONNX and isinstance(preparation, AugmentingPreparation)

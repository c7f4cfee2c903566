"""A stored model that answers: raw inputs in, class probabilities out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from brainray.catalog.library import Library
from brainray.catalog.values import Model
from brainray.catalog.weights import load_weights
from brainray.datasets.samples import sixteen_bits
from brainray.errors import CatalogError, DataError
from brainray.fusion.forms import restore
from brainray.fusion.genome import Wiring
from brainray.fusion.network import FusionNetwork
from brainray.networks.interface import LOGITS, Preparation, TappedNetwork, build_preparation
from brainray.pipeline.fine_tuning import BACKBONES, backbone_weights
from brainray.pipeline.frozen import StoredGraph, graph_of
from brainray.pipeline.models import load_network
from brainray.shapes import Modality, Raw, Recording


@dataclass(frozen=True)
class Answer:
    """What a model says of one sample.

    Attributes:
        label: the most probable class.
        probabilities: of every class, in [0, 1]; they sum to 1.
        inputs: the inputs that were used.
        model: id of the model.
    """

    label: str
    probabilities: dict[str, float]
    inputs: tuple[str, ...]
    model: str


@dataclass(frozen=True)
class Backbone:
    """A pretrained network with the preparation of its input, and the graph of a frozen one."""

    network: TappedNetwork
    preparation: Preparation
    graph: StoredGraph | None = None

    def prepare(self, raw: Raw) -> Tensor:
        """Return the network's input of one sample, shape `preparation.shape`."""
        # Networks have seen sounds of 16 bits only.
        raw = sixteen_bits(raw) if isinstance(raw, Recording) else raw
        return torch.from_numpy(self.preparation.prepare(raw))


class Backbones:
    """Loaded backbones that several models share, each as long as one of them is in use.

    Args:
        library: the catalog.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._loaded: WeakValueDictionary[str, Backbone] = WeakValueDictionary()

    def load(self, model: Model) -> Backbone:
        """Return the network of a unimodal model, memory-mapped, perhaps loaded before.

        Raises:
            CatalogError: the model is fused, or its file is missing or damaged.
        """
        backbone = self._loaded.get(model.id)
        if backbone is None:
            backbone = self._loaded[model.id] = self._build(model)
        return backbone

    def fine_tuned(self, model: Model, weights: Mapping[str, Tensor]) -> Backbone:
        """Return the network of a unimodal model with weights that one fused model has of it."""
        return self._build(model, weights)

    def _build(self, model: Model, tuned: Mapping[str, Tensor] | None = None) -> Backbone:
        if model.kind == "fused":
            raise CatalogError(f"model {model.id}: is fused, a unimodal one is needed")
        spec = self._library.network(model.network)
        graph = graph_of(self._library, model)
        taps = None if graph is None else graph.open(self._library.store)
        weights = tuned or load_weights(self._library.store, model.key)
        network = load_network(spec, len(model.spec["labels"]), weights, taps)
        return Backbone(network, build_preparation(model.preparation), graph)


class Predictor:
    """A stored model, loaded; made by `load_model`.

    Args:
        model: as the catalog has it.
        backbones: by input.
        fusion: the fusion network; None for a unimodal model.
        labels: the classes in order.
    """

    def __init__(
        self,
        model: Model,
        backbones: Mapping[str, Backbone],
        fusion: FusionNetwork | None,
        labels: tuple[str, ...],
    ) -> None:
        self.model = model
        self.labels = labels
        self.backbones = dict(backbones)
        self.fusion = fusion

    @property
    def inputs(self) -> dict[str, Modality]:
        """The inputs that the model takes, and the modality of each."""
        return {name: backbone.preparation.modality for name, backbone in self.backbones.items()}

    def __call__(self, inputs: Mapping[str, Raw]) -> Answer:
        """Answer for one sample, from any subset of the inputs.

        Args:
            inputs: raw samples by input name: an image, a Recording, a text.

        Raises:
            DataError: no input is given, or one that the model does not take.
            NetworkError: an input is of the wrong kind.
        """
        return self.answer([self.prepare(inputs)])[0]

    def prepare(self, inputs: Mapping[str, Raw]) -> dict[str, Tensor]:
        """Return the networks' inputs of one sample, in the model's order of inputs.

        Args:
            inputs: raw samples by input name.

        Raises:
            DataError: no input is given, or one that the model does not take.
            NetworkError: an input is of the wrong kind.
        """
        for name in inputs:
            if name not in self.backbones:
                raise DataError(f"input {name!r}: allowed are {', '.join(self.backbones)}")
        if not inputs:
            raise DataError(f"inputs: give at least one of {', '.join(self.backbones)}")
        return {
            name: backbone.prepare(inputs[name])
            for name, backbone in self.backbones.items()
            if name in inputs
        }

    def answer(self, samples: Sequence[Mapping[str, Tensor]]) -> list[Answer]:
        """Answer for several samples, whose inputs may differ; those that agree go together.

        Args:
            samples: as `prepare` returns them.
        """
        alike: dict[tuple[str, ...], list[int]] = {}
        for number, sample in enumerate(samples):
            alike.setdefault(tuple(sample), []).append(number)
        answers: dict[int, Answer] = {}
        for names, numbers in alike.items():
            batch = {name: torch.stack([samples[n][name] for n in numbers]) for name in names}
            answers |= zip(numbers, self._answers(batch), strict=True)
        return [answers[number] for number in range(len(samples))]

    def _answers(self, batch: Mapping[str, Tensor]) -> list[Answer]:
        with torch.inference_mode():
            logits_BC = self.logits(batch)
            rows = logits_BC.softmax(dim=1).tolist()
            best = logits_BC.argmax(dim=1).tolist()
        return [
            Answer(
                label=self.labels[index],
                probabilities=dict(zip(self.labels, row, strict=True)),
                inputs=tuple(batch),
                model=self.model.id,
            )
            for index, row in zip(best, rows, strict=True)
        ]

    def logits(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the logits of samples that have the same inputs, shape `(B, C)`.

        Args:
            batch: the networks' inputs, each `(B, *preparation.shape)`; at least one.
        """
        taps = {
            name: self.backbones[name].network.tap_features(inputs)
            for name, inputs in batch.items()
        }
        if self.fusion is None:
            return next(iter(taps.values()))[LOGITS]
        fused: Tensor = self.fusion(taps)
        return fused


def load_model(library: Library, what: str, backbones: Backbones | None = None) -> Predictor:
    """Load a stored model with all that it needs, memory-mapped.

    Args:
        library: the catalog.
        what: a model's id, the id's beginning, or its name (the newest version).
        backbones: of models that are loaded already; it shares what it has in common with them.

    Raises:
        CatalogError: there is no such model, or a file of it is missing or damaged.
    """
    model = library.model(what)
    backbones = backbones or Backbones(library)
    labels = tuple(model.spec["labels"])
    if model.kind == "unimodal":
        return Predictor(model, {model.spec["input"]: backbones.load(model)}, None, labels)
    wiring = Wiring.from_json(model.spec["wiring"])
    weights = load_weights(library.store, model.key)
    head = {key: value for key, value in weights.items() if not key.startswith(f"{BACKBONES}/")}
    parts = {}
    for name, part in wiring.models.items():
        tuned = backbone_weights(weights, name)
        base = library.model(part)
        parts[name] = backbones.fine_tuned(base, tuned) if tuned else backbones.load(base)
    return Predictor(model, parts, restore(wiring, model.spec["temperatures"], head), labels)

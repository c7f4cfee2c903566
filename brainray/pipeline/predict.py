"""A stored model that answers: raw inputs in, class probabilities out."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from brainray.catalog.library import Library
from brainray.catalog.values import Model
from brainray.catalog.weights import load_weights
from brainray.errors import CatalogError, DataError
from brainray.fusion.forms import restore
from brainray.fusion.genome import Wiring
from brainray.fusion.network import FusionNetwork
from brainray.networks.interface import LOGITS, Preparation, TappedNetwork, build_preparation
from brainray.pipeline.fine_tuning import BACKBONES, backbone_weights
from brainray.pipeline.frozen import graph_of
from brainray.pipeline.models import load_network
from brainray.shapes import Raw


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
    """A pretrained network with the preparation of its input."""

    network: TappedNetwork
    preparation: Preparation

    def taps(self, raw: Raw) -> dict[str, Tensor]:
        """Return the tap features of one sample, each `(1, D)`."""
        prepared = torch.from_numpy(self.preparation.prepare(raw))
        return self.network.tap_features(prepared[None])


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
        self._backbones = dict(backbones)
        self._fusion = fusion

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs that the model takes."""
        return tuple(self._backbones)

    def __call__(self, inputs: Mapping[str, Raw]) -> Answer:
        """Answer for one sample, from any subset of the inputs.

        Args:
            inputs: raw samples by input name: an image, a Recording, a text.

        Raises:
            DataError: no input is given, or one that the model does not take.
            NetworkError: an input is of the wrong kind.
        """
        for name in inputs:
            if name not in self._backbones:
                raise DataError(f"input {name!r}: allowed are {', '.join(self._backbones)}")
        if not inputs:
            raise DataError(f"inputs: give at least one of {', '.join(self._backbones)}")
        with torch.inference_mode():
            logits_C = self._logits(inputs)[0]
        probabilities = logits_C.softmax(dim=0).tolist()
        return Answer(
            label=self.labels[int(logits_C.argmax())],
            probabilities=dict(zip(self.labels, probabilities, strict=True)),
            inputs=tuple(name for name in self._backbones if name in inputs),
            model=self.model.id,
        )

    def _logits(self, inputs: Mapping[str, Raw]) -> Tensor:
        given = {name: self._backbones[name].taps(raw) for name, raw in inputs.items()}
        if self._fusion is None:
            return next(iter(given.values()))[LOGITS]
        fused: Tensor = self._fusion(given)
        return fused


def load_model(library: Library, what: str) -> Predictor:
    """Load a stored model with all that it needs, memory-mapped.

    Args:
        library: the catalog.
        what: a model's id, the id's beginning, or its name (the newest version).

    Raises:
        CatalogError: there is no such model, or a file of it is missing or damaged.
    """
    model = library.model(what)
    if model.kind == "unimodal":
        name = model.spec["input"]
        backbones = {name: _backbone(library, model)}
        return Predictor(model, backbones, None, tuple(model.spec["labels"]))
    wiring = Wiring.from_json(model.spec["wiring"])
    weights = load_weights(library.store, model.key)
    head = {key: value for key, value in weights.items() if not key.startswith(f"{BACKBONES}/")}
    return Predictor(
        model,
        {
            name: _backbone(library, library.model(part), backbone_weights(weights, name))
            for name, part in wiring.models.items()
        },
        restore(wiring, model.spec["temperatures"], head),
        tuple(model.spec["labels"]),
    )


def _backbone(
    library: Library, model: Model, fine_tuned: Mapping[str, Tensor] | None = None
) -> Backbone:
    """Load a unimodal model, with fine-tuned weights in place of its own if there are any."""
    if model.kind == "fused":
        raise CatalogError(f"model {model.id}: is fused, a unimodal one is needed")
    spec = library.network(model.network)
    graph = graph_of(library, model)
    weights = fine_tuned or load_weights(library.store, model.key)
    taps = None if graph is None else graph.open(library.store)
    network = load_network(spec, len(model.spec["labels"]), weights, taps)
    return Backbone(network, build_preparation(model.preparation))

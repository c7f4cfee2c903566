"""Frozen networks in a run: an uploaded ONNX graph below a head trained for the scenario.

The graph is not trained and not copied. What a run trains is the head, on the graph's features of
the training split; it is stored as a pretrained model whose parent is the uploaded one.
"""

import json
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from brainray.catalog.library import Library
from brainray.catalog.store import Store
from brainray.catalog.values import Model
from brainray.catalog.weights import weights_path
from brainray.errors import CatalogError
from brainray.fusion.bank import FeatureBank, bank_key, build_bank, load_bank, save_bank
from brainray.networks.declared import LOGITS, ONNX
from brainray.networks.onnx import OnnxNetwork, OnnxTaps, tap_labels
from brainray.networks.onnx_graph import Tap, open_graph
from brainray.shapes import Array
from brainray.training.loop import Recipe, fit

HEAD = Recipe(epochs=30, batch_size=32, optimizer="adam", learning_rate=3e-3, weight_decay=1e-2)
"""How a head is trained: an epoch on features costs next to nothing."""


@dataclass(frozen=True)
class StoredGraph:
    """An uploaded graph, as a unit of work carries it.

    Attributes:
        model: id of the uploaded model.
        key: of its file in the store.
        sha256: of its file.
        parameters: of its weights.
        taps: that it is fused by.
        fill: numbers for its other inputs.
    """

    model: str
    key: str
    sha256: str
    parameters: int
    taps: tuple[Tap, ...]
    fill: dict[str, float]

    @staticmethod
    def of(model: Model) -> "StoredGraph":
        """Return the graph of an uploaded model."""
        return StoredGraph(
            model=model.id,
            key=model.key,
            sha256=model.sha256,
            parameters=model.parameters,
            taps=tuple(Tap.from_json(tap) for tap in model.spec["taps"]),
            fill=dict(model.spec["fill"]),
        )

    @property
    def tap_names(self) -> tuple[str, ...]:
        """The names of the taps of a network on it, the logits last."""
        return tap_labels(self.taps)

    @property
    def identity(self) -> dict[str, Any]:
        """What its features depend on, beside the samples; JSON values."""
        return {
            "sha256": self.sha256,
            "taps": [tap.to_json() for tap in self.taps],
            "fill": self.fill,
            "onnxruntime": version("onnxruntime"),
        }

    def open(self, store: Store) -> OnnxTaps:
        """Open the file.

        Raises:
            CatalogError: it is missing or damaged.
            NetworkError: ONNX Runtime cannot open it.
        """
        return OnnxTaps(open_graph(weights_path(store, self.key), self.taps, self.fill), self.taps)

    def features(self, store: Store, samples: str, inputs: Array, present: Array) -> FeatureBank:
        """Return the taps of prepared samples, without logits; they are computed once.

        Args:
            store: of the graph and of the features.
            samples: what names the prepared samples.
            inputs: the samples, `(N, ...)`.
            present: whether each has this input, `(N,)`.
        """
        name = json.dumps(self.identity, sort_keys=True)
        key = bank_key(self.sha256, f"{name} {samples}")
        if not store.holds(key):
            save_bank(store, key, build_bank(self.open(store), inputs, present))
        return load_bank(store, key)


def uploaded(library: Library, network: str) -> list[StoredGraph]:
    """Return the graphs that were uploaded for a network, by id."""
    models = library.models(kind="unimodal", network=network)
    return [StoredGraph.of(model) for model in models if model.parent is None]


def graph_of(library: Library, model: Model) -> StoredGraph | None:
    """Return the graph below a pretrained model, None for one that is all its own.

    Raises:
        CatalogError: the model is an uploaded graph itself.
    """
    if library.network(model.network).architecture != ONNX:
        return None
    if model.parent is None:
        raise CatalogError(
            f"model {model.id}: is an uploaded graph without the classes of a scenario; name a "
            "model that a run has made of it"
        )
    return StoredGraph.of(library.model(model.parent))


def train_head(network: OnnxNetwork, features: FeatureBank, target_N: Tensor, seed: int) -> None:
    """Train the head of a network in place, on the rows that have its input.

    Args:
        network: with a new head.
        features: of the training split, as `StoredGraph.features` returned them.
        target_N: classes of all rows.
        seed: of the order of rows.
    """
    rows = features.present
    features_ND = torch.cat([tap[rows] for tap in features.taps.values()], 1)
    target_N = target_N[rows]
    network.head.measure(features_ND)

    def loss(rows: Tensor, epoch: int) -> Tensor:
        return functional.cross_entropy(network.head(features_ND[rows]), target_N[rows])

    fit(network.head, loss, rows=len(target_N), recipe=HEAD, seed=seed)


def with_head(network: OnnxNetwork, features: FeatureBank) -> FeatureBank:
    """Return features with the logits of a trained head, zeros where the input is missing."""
    with torch.inference_mode():
        taps = network.with_logits(features.taps)
        taps[LOGITS] = taps[LOGITS] * features.present[:, None]
    return FeatureBank(taps, features.present)

"""A functional region of the brain: it knows its networks and holds its loaded models.

A plain class; `actors.region` makes the long-lived actor of it. Its calls are short: it hands out
what is to be pretrained, but training, banks and searches are done elsewhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from brainray.catalog.library import Library
from brainray.catalog.weights import load_weights
from brainray.errors import CatalogError, RunError
from brainray.networks.declared import ONNX
from brainray.networks.interface import NetworkSpec, Preparation, TappedNetwork, build_preparation
from brainray.pipeline.assignment import Assignment, Outcome
from brainray.pipeline.frozen import graph_of, uploaded
from brainray.pipeline.models import load_network
from brainray.pipeline.units import PretrainUnit
from brainray.settings import Settings
from brainray.shapes import Array, Modality, Raw


class Region:
    """One region, e.g. vision.

    What it has loaded is rebuilt from the catalog and the store at any time, and what it hands out
    is assigned again by the run; every method may be called again.

    Args:
        name: of the region.
        settings: where catalog and store are.

    Raises:
        CatalogError: there is no such region.
    """

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self._library = Library.open(settings, new=False)
        self._loaded: dict[str, tuple[TappedNetwork, Preparation]] = {}
        self._assignments: dict[str, Assignment] = {}
        if not any(self._owns(sub_region) for sub_region in self._library.sub_regions()):
            raise CatalogError(f"region {name!r}: is not in the catalog")

    def candidates(self, sub_regions: Sequence[str], modality: Modality) -> list[NetworkSpec]:
        """Return the networks of these sub-regions, as far as they are the region's own.

        A frozen network is there as soon as a graph has been uploaded for it.
        """
        own = [sub_region for sub_region in sub_regions if self._owns(sub_region)]
        return [
            spec
            for spec in (self._library.networks(own, modality) if own else [])
            if spec.architecture != ONNX or uploaded(self._library, spec.name)
        ]

    def load(self, model_id: str) -> None:
        """Load a pretrained model of this region, memory-mapped; nothing if it is loaded.

        Raises:
            CatalogError: there is no such model, or it lives in another region.
        """
        if model_id in self._loaded:
            return
        model = self._library.model(model_id)
        if not self._owns(model.sub_region):
            raise CatalogError(f"model {model_id}: lives in {model.sub_region}, not in {self.name}")
        if model.kind == "fused":
            raise CatalogError(f"model {model_id}: is a fused model, regions hold unimodal ones")
        spec = self._library.network(model.network)
        classes = int(model.spec["classes"])
        store, graph = self._library.store, graph_of(self._library, model)
        taps = None if graph is None else graph.open(store)
        network = load_network(spec, classes, load_weights(store, model.key), taps)
        self._loaded[model_id] = (network, build_preparation(model.preparation))

    def unload(self, model_id: str) -> None:
        """Forget a model; nothing if it is not loaded."""
        self._loaded.pop(model_id, None)

    def features(self, model_id: str, raws: Sequence[Raw]) -> dict[str, Array]:
        """Return the tap features of a few raw samples, each `(len(raws), D)`.

        Raises:
            CatalogError: see `load`.
        """
        self.load(model_id)
        network, preparation = self._loaded[model_id]
        inputs = torch.stack([torch.from_numpy(preparation.prepare(raw)) for raw in raws])
        with torch.inference_mode():
            return {name: tap.numpy() for name, tap in network.tap_features(inputs).items()}

    def assign(self, run_id: str, units: Mapping[int, PretrainUnit]) -> dict[int, Outcome]:
        """Take charge of units of a run that are not done yet; return the outcomes so far.

        A run calls this again and again: to see what is done, and because a region that was
        restarted knows nothing of it.
        """
        return self._assignments.setdefault(run_id, Assignment()).add(units)

    def next_unit(self, run_id: str, worker: int) -> tuple[int, PretrainUnit] | None:
        """Return the number and the unit that a worker is to train, None if there is none for it.

        Raises:
            RunError: nothing of this run is assigned, or not since the last restart.
        """
        return self._assignment(run_id).next(worker)

    def finish_unit(self, run_id: str, number: int, outcome: Outcome) -> None:
        """Take what a worker made of a unit.

        Raises:
            RunError: see `next_unit`.
        """
        self._assignment(run_id).finish(number, outcome)

    def forget(self, run_id: str) -> None:
        """Forget what was assigned by a run; nothing if there is nothing."""
        self._assignments.pop(run_id, None)

    def status(self) -> dict[str, Any]:
        """Return what is loaded."""
        parameters = sum(
            parameter.numel()
            for network, _ in self._loaded.values()
            for parameter in network.parameters()
        )
        return {"region": self.name, "models": sorted(self._loaded), "parameters": parameters}

    def _assignment(self, run_id: str) -> Assignment:
        if run_id not in self._assignments:
            raise RunError(f"run {run_id}: has assigned nothing to the region {self.name}")
        return self._assignments[run_id]

    def _owns(self, sub_region: str) -> bool:
        return sub_region.partition(".")[0] == self.name

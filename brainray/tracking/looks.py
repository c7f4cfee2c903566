"""The network that sees what boxes look like: an ONNX file, or one of the catalog."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brainray.catalog import Library
from brainray.catalog.weights import weights_path
from brainray.errors import CatalogError
from brainray.networks.appearance import Appearance
from brainray.networks.declared import ONNX, build_preparation
from brainray.networks.onnx_graph import Tap, open_graph


@dataclass(frozen=True)
class Looks:
    """A file that sees how boxes look, and how it is read.

    Attributes:
        path: of an ONNX file.
        reading: ``tap``, ``fill`` and ``preparation`` of a model of the catalog, JSON values; empty
            for a file by itself, which takes what networks of ImageNet do.
    """

    path: Path
    reading: Mapping[str, Any] = field(default_factory=dict)

    def open(self) -> Appearance:
        """Open the network.

        Raises:
            NetworkError: the file cannot be used.
        """
        if not self.reading:
            return Appearance.of_file(self.path)
        tap = Tap.from_json(self.reading["tap"])
        graph = open_graph(self.path, [tap], self.reading["fill"])
        return Appearance(graph, tap, build_preparation(dict(self.reading["preparation"])))


def looks_of(what: str, library: Callable[[], Library]) -> Looks:
    """Find what sees how boxes look.

    Args:
        what: an ONNX file, or a model of the catalog that is one: its id, the id's beginning or its
            name.
        library: opens the catalog, if it is needed.

    Raises:
        CatalogError: there is no such model, or it is no ONNX graph of pictures.
    """
    path = Path(what)
    if path.suffix.lower() == ".onnx":
        return Looks(path)
    catalog = library()
    model = catalog.model(what)
    network = catalog.network(model.network)
    if network.architecture != ONNX or network.modality != "image":
        raise CatalogError(
            f"appearance: model {model.id} is {network.architecture} for {network.modality}, "
            "allowed are ONNX graphs that see images"
        )
    graph = model if model.parent is None else catalog.model(model.parent)
    reading = {
        "tap": dict(graph.spec["taps"][-1]),
        "fill": dict(graph.spec["fill"]),
        "preparation": dict(network.preparation),
    }
    return Looks(weights_path(catalog.store, graph.key), reading)


def appearance_of(what: str, library: Callable[[], Library]) -> Appearance:
    """Open what sees how boxes look; see `looks_of` and `Looks.open`."""
    return looks_of(what, library).open()

"""The network that sees what boxes look like: an ONNX file, or one of the catalog."""

from collections.abc import Callable
from pathlib import Path

from brainray.catalog import Library
from brainray.catalog.archive import ONNX
from brainray.catalog.weights import weights_path
from brainray.errors import CatalogError
from brainray.networks.appearance import Appearance
from brainray.networks.interface import build_preparation
from brainray.networks.onnx_graph import open_graph
from brainray.pipeline.frozen import StoredGraph


def appearance_of(what: str, library: Callable[[], Library]) -> Appearance:
    """Open what sees how boxes look.

    Args:
        what: an ONNX file, or a model of the catalog that is one: its id, the id's beginning or its
            name.
        library: opens the catalog, if it is needed.

    Raises:
        CatalogError: there is no such model, or it is no ONNX graph of pictures.
        NetworkError: the file cannot be used.
    """
    path = Path(what)
    if path.suffix.lower() == ".onnx":
        return Appearance.of_file(path)
    catalog = library()
    model = catalog.model(what)
    network = catalog.network(model.network)
    if network.architecture != ONNX or network.modality != "image":
        raise CatalogError(
            f"appearance: model {model.id} is {network.architecture} for {network.modality}, "
            "allowed are ONNX graphs that see images"
        )
    graph = StoredGraph.of(model if model.parent is None else catalog.model(model.parent))
    opened = open_graph(weights_path(catalog.store, graph.key), graph.taps, graph.fill)
    return Appearance(opened, graph.taps[-1], build_preparation(dict(network.preparation)))

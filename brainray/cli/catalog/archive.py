"""``brainray catalog``: own networks and weights, through the archive gate."""

from pathlib import Path
from typing import Annotated, Any

from rich.table import Table
from rich.text import Text
from typer import Argument, Option

from brainray.catalog import Library, Model
from brainray.catalog.cards import ModelCard, NetworkCard, read_card
from brainray.cli.catalog.common import open_library
from brainray.cli.catalog.models import model_json
from brainray.cli.output import Json, show

CardFile = Annotated[Path, Argument(metavar="CARD.yaml", help="See docs/catalog.md.")]


def add_network(card: CardFile, json_to: Json = None) -> None:
    """Add a network of your own: an ONNX graph, or an architecture of a package or a zoo."""
    spec = open_library().add_network(read_card(card, NetworkCard))
    document = {"network": spec.name, "architecture": spec.architecture}
    show(_rows(f"network {spec.name}", document), document, json_to)


def add_data_set(
    name: Annotated[str, Argument(help="E.g. ImageNet.")],
    source: Annotated[str, Option(help="Where it is from, e.g. a URL.")] = "",
) -> None:
    """Name a data set that models were trained on elsewhere; it has no file."""
    open_library().add_named_data_set(name, source)


def add_model(
    card: CardFile,
    weights: Annotated[Path | None, Option(help="Its file; without it, it is a draft.")] = None,
    json_to: Json = None,
) -> None:
    """Declare a pretrained model of a network; its weights make it one."""
    library = open_library()
    draft = library.declare_card(read_card(card, ModelCard))
    if weights is None:
        show(_rows(f"draft {draft}", {"waits for": "its weights"}), {"draft": draft}, json_to)
    else:
        _uploaded(library, draft, weights, json_to)


def upload(
    draft: Annotated[str, Argument(help="Its id, the id's beginning, or its name.")],
    file: Annotated[Path, Argument(help="Its weights: safetensors or ONNX.")],
    json_to: Json = None,
) -> None:
    """Bring the weights of a declared model, through the archive gate."""
    _uploaded(open_library(), draft, file, json_to)


def _uploaded(library: Library, draft: str, file: Path, json_to: str | None) -> None:
    model: Model = library.upload(draft, file)
    document = {
        "parameters": f"{model.parameters:,}",
        "bytes": f"{model.size_bytes:,}",
        "sha256": model.sha256,
        "taps": ", ".join(
            f"{tap['name']} {tuple(tap['shape'])}" for tap in model.spec.get("taps", [])
        ),
    }
    show(
        _rows(model.id, {key: value for key, value in document.items() if value}),
        model_json(model),
        json_to,
    )


def _rows(title: str, document: dict[str, Any]) -> Table:
    table = Table(title=Text(title), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in document.items():
        table.add_row(key, Text(str(value)))
    return table

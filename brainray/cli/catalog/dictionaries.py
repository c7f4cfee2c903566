"""``brainray catalog``: the dictionaries, listed, shown, added to and taken from."""

import json
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from brainray.cli.catalog.common import open_library
from brainray.cli.output import Json, show

Name = Annotated[str, typer.Argument(help="E.g. vision.shape, adam or CIFAR10.")]
Description = Annotated[str, typer.Option(help="What it is, in a few words.")]

SHOWN = (
    *("name", "region", "sub_region", "sub_regions", "functions", "category", "format"),
    *("description", "definition", "source"),
)
"""Columns of the lists; everything else is long, and shown for one row."""


def list_entries(what: str, json_to: str | None) -> None:
    """List a dictionary's rows."""
    rows = open_library().entries(what)
    table = Table(title=f"{len(rows)} {what}")
    known = rows[0] if rows else {"name"}
    columns = [key for key in SHOWN if key in known]
    for column in columns:
        table.add_column(column.replace("_", "-"), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row[column])) for column in columns))
    show(table, rows, json_to)


def show_entry(what: str, name: str, json_to: str | None) -> None:
    """Show all that is known about one row of a dictionary."""
    document = open_library().entry(what, name)
    table = Table(title=Text(str(document["name"])), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in document.items():
        table.add_row(key, Text(_cell(value)))
    show(table, document, json_to)


def add_region(name: Name, description: Description = "", json_to: Json = None) -> None:
    """Add a region, e.g. smell, or a sub-region of any depth, e.g. smell.odor."""
    open_library().add_region(name, description)
    show_entry("sub-regions" if "." in name else "regions", name, json_to)


def add_function(
    name: Name,
    sub_region: Annotated[
        str | None, typer.Option(help="That does it; a task of networks has none.")
    ] = None,
    definition: Description = "",
    synonym: Annotated[list[str] | None, typer.Option(help="Again for each.")] = None,
    json_to: Json = None,
) -> None:
    """Add a function of a sub-region, or a task of networks."""
    open_library().add_function(name, sub_region, definition, synonym or ())
    show_entry("functions", name, json_to)


def add_platform(
    name: Name,
    file_format: Annotated[
        str, typer.Option("--format", help="Of its files: safetensors or onnx.")
    ],
    json_to: Json = None,
) -> None:
    """Let models of a platform in."""
    open_library().add_platform(name, file_format)
    show_entry("platforms", name, json_to)


def add_optimizer(name: Name, description: Description = "", json_to: Json = None) -> None:
    """Let models of an optimizer in."""
    open_library().add_optimizer(name, description)
    show_entry("optimizers", name, json_to)


def _cell(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

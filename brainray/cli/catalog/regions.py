"""``brainray catalog``: regions and sub-regions, moved, merged and split."""

from typing import Annotated

import typer

from brainray.catalog.regions import Part
from brainray.cli.catalog.common import open_library
from brainray.cli.catalog.dictionaries import list_entries
from brainray.cli.output import Json
from brainray.errors import CatalogError

Name = Annotated[str, typer.Argument(help="A region, vision, or a sub-region, vision.shape.")]
Given = Annotated[
    list[str] | None, typer.Option(metavar="PART=NAME", help="Goes to a part; again for each.")
]


def move(
    name: Name,
    new: Annotated[str, typer.Argument(help="The new name; another parent moves it there.")],
    json_to: Json = None,
) -> None:
    """Rename a region or sub-region, or move it, with all that lives in it."""
    open_library().rename_region(name, new)
    list_entries(_kind(new), json_to)


def merge(
    names: Annotated[list[str], typer.Argument(help="What is merged.")],
    into: Annotated[str, typer.Option(help="One of them, another one, or a new name.")],
    json_to: Json = None,
) -> None:
    """Make one region or sub-region of several, with all that lives in them."""
    open_library().merge_regions(names, into)
    list_entries(_kind(into), json_to)


def split(
    name: Annotated[str, typer.Argument(help="A sub-region, e.g. vision.shape.")],
    function: Given = None,
    network: Given = None,
    model: Given = None,
    json_to: Json = None,
) -> None:
    """Give parts of a sub-region to others; what is not named stays.

    A network takes its models along; a model that is named goes alone.
    """
    given = {
        "function": _pairs("function", function),
        "network": _pairs("network", network),
        "model": _pairs("model", model),
    }
    parts = dict.fromkeys(part for pairs in given.values() for part, _ in pairs)
    open_library().split_region(
        name,
        {
            part: Part(
                functions=tuple(one for to, one in given["function"] if to == part),
                networks=tuple(one for to, one in given["network"] if to == part),
                models=tuple(one for to, one in given["model"] if to == part),
            )
            for part in parts
        },
    )
    list_entries("sub-regions", json_to)


def _kind(name: str) -> str:
    return "sub-regions" if "." in name else "regions"


def _pairs(option: str, values: list[str] | None) -> list[tuple[str, str]]:
    pairs = []
    for value in values or ():
        part, found, name = value.partition("=")
        if not (part and found and name):
            raise CatalogError(f"--{option} {value!r}: must be PART=NAME, e.g. vision.face=faces")
        pairs.append((part, name))
    return pairs

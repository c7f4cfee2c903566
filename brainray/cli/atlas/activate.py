"""``brainray atlas activate``: what a scenario, functions or observed ROIs excite."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from brainray.cli.atlas.given import (
    Activated,
    AtlasName,
    BrainMap,
    Complete,
    Functions,
    Rois,
    activate_given,
)
from brainray.cli.catalog.common import open_library
from brainray.cli.output import Json, show
from brainray.scenario import load_scenario

LISTED = 12
"""Connections and ROIs that are shown; the JSON holds all."""


def activate(
    scenario: Annotated[
        str | None, typer.Argument(help="A built-in scenario's name, a folder, or a file.")
    ] = None,
    functions: Functions = None,
    rois: Rois = None,
    brain_map: BrainMap = None,
    complete: Complete = False,
    atlas: AtlasName = None,
    json_to: Json = None,
) -> None:
    """Show which sub-regions are excited, and how they are connected."""
    wanted = None if scenario is None else load_scenario(scenario)
    found = activate_given(open_library(), wanted, functions, rois, brain_map, complete, atlas)
    activation = found.activation
    document = {
        "atlas": found.mechanism.atlas.name,
        "functions": {name: list(given) for name, given in found.functions.items()},
        "pathway": activation.pathway.to_json(),
        "inputs": {name: list(reached) for name, reached in activation.inputs.items()},
        "rois": activation.rois,
    }
    show(Group(_sub_regions(found), _connections(found), _rois(found)), document, json_to)


def _sub_regions(found: Activated) -> Table:
    activation, atlas = found.activation, found.mechanism.atlas
    asked = {atlas.sub_regions[f] for given in found.functions.values() for f in given}
    reached: dict[str, list[str]] = {name: [] for name in activation.pathway.sub_regions}
    for key, names in activation.inputs.items():
        for name in names:
            reached[name].append(key)
    rows = [
        (
            name,
            f"{weight:.2f}",
            ", ".join(reached[name]),
            "asked for" if name in asked else "reached" if reached[name] else "connects",
            f"{activation.pathway.integration[name]:.2f}",
        )
        for name, weight in activation.pathway.sub_regions.items()
    ]
    return _table(
        f"{len(rows)} sub-regions of atlas {atlas.name}",
        ("sub-region", "weight", "inputs", "", "integration"),
        rows,
    )


def _connections(found: Activated) -> Table:
    links = found.activation.pathway.connections
    strongest = sorted(links, key=lambda link: (-link[2], link[0], link[1]))[:LISTED]
    rows = [(a, b, f"{weight:.2f}") for a, b, weight in strongest]
    return _table(_count(len(rows), len(links), "connections"), ("from", "to", "weight"), rows)


def _rois(found: Activated) -> Table:
    places = {roi.name: roi for roi in found.mechanism.atlas.rois}
    active = found.activation.rois
    rows = []
    for name, strength in list(active.items())[:LISTED]:
        roi = places[name]
        rows.append((name, roi.label, f"{roi.x:.0f} {roi.y:.0f} {roi.z:.0f}", f"{strength:.2f}"))
    return _table(
        _count(len(rows), len(active), "active ROIs"), ("ROI", "label", "MNI, mm", "strength"), rows
    )


def _count(shown: int, there: int, what: str) -> str:
    return f"{there} {what}" if shown == there else f"{there} {what}, the strongest {shown}"


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=Text(title))
    for heading in headings:
        table.add_column(heading, justify="right" if heading in RIGHT else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


RIGHT = ("weight", "integration", "strength")

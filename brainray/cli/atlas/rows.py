"""``brainray atlas``: atlases imported, listed, shown and removed."""

from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from brainray import plugins
from brainray.atlas.importers.interface import importer
from brainray.catalog import Library
from brainray.catalog.atlases import AtlasSummary
from brainray.catalog.brain import RELATION_KINDS, AtlasRows
from brainray.cli.output import Json, new_console, show
from brainray.settings import load_settings

AtlasName = Annotated[str, typer.Argument(metavar="ATLAS", help="E.g. brainray.")]


def import_atlas(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(plugins.names('atlases'))}.")],
    path: Annotated[Path, typer.Argument(help="A file or a folder, as the kind has it.")],
    name: Annotated[
        str | None, typer.Option(help="In the catalog; default: that of the file or folder.")
    ] = None,
    json_to: Json = None,
) -> None:
    """Import an atlas of somebody's files, all or nothing; what cannot be is named by its row."""
    place = path.resolve()
    default = place.name if place.is_dir() else place.stem
    rows = importer(kind)(path, default if name is None else name)
    library = open_library()
    warnings = library.add_atlas(rows)
    warn(rows.name, warnings)
    (summary,) = (one for one in library.atlases() if one.name == rows.name)
    document = vars(summary) | {"warnings": list(warnings)}
    show(_table([summary]), document, json_to, below=summary.description)


def list_atlases(json_to: Json = None) -> None:
    """List the atlases, and how much each says."""
    summaries = open_library().atlases()
    show(_table(summaries), [vars(summary) for summary in summaries], json_to)


def show_atlas(name: AtlasName, json_to: Json = None) -> None:
    """Show the ROIs of an atlas and what excites them; the JSON has all its rows."""
    atlas = open_library().atlas(name)
    excited = _functions(atlas)
    table = Table(title=Text(f"{atlas.name}: {len(atlas.rois)} ROIs"))
    for heading in ("name", "label"):
        table.add_column(heading, overflow="fold")
    table.add_column("side")
    table.add_column("x, y, z (mm)", justify="right")
    for heading in ("structure", "parent", "network", "functions"):
        table.add_column(heading, overflow="fold")
    for roi in atlas.rois:
        place = ", ".join(f"{value:g}" for value in (roi.x, roi.y, roi.z))
        words = (roi.name, roi.label, roi.hemisphere, place, roi.structure, roi.parent, roi.network)
        table.add_row(*map(Text, (*words, ", ".join(excited.get(roi.name, ())))))
    show(table, _document(atlas), json_to, below=atlas.description)


def remove_atlas(name: AtlasName) -> None:
    """Remove an atlas with all that it says."""
    open_library().remove_atlas(name)
    new_console(stderr=True).print(f"The atlas {name} is removed.", markup=False, highlight=False)


def open_library() -> Library:
    """Open the catalog of the settings."""
    return Library.open(load_settings())


def warn(atlas: str, warnings: tuple[str, ...]) -> None:
    """Print warnings of an atlas."""
    for warning in warnings:
        new_console(stderr=True, soft_wrap=True).print(
            f"brainray: warning: atlas {atlas!r}: {warning}", markup=False, highlight=False
        )


def _document(atlas: AtlasRows) -> dict[str, Any]:
    parts = ("rois", "associations", "relations")
    rows = {part: [vars(row) for row in getattr(atlas, part)] for part in parts}
    return {"name": atlas.name, "description": atlas.description} | rows


def _functions(atlas: AtlasRows) -> dict[str, list[str]]:
    """Return the functions of each ROI, the strongest first."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in sorted(atlas.associations, key=lambda one: (-one.degree, one.function)):
        found[one.roi].append(one.function)
    return found


def _table(summaries: list[AtlasSummary]) -> Table:
    table = Table(title="1 atlas" if len(summaries) == 1 else f"{len(summaries)} atlases")
    table.add_column("name", no_wrap=True)
    for heading in ("ROIs", "functions", "associations", *RELATION_KINDS):
        table.add_column(heading, justify="right")
    for one in summaries:
        counts = (one.rois, one.functions, one.associations, *one.relations.values())
        table.add_row(Text(one.name), *map(str, counts))
    return table

"""``brainray atlas add``: single rows of an atlas, checked as all are."""

from typing import Annotated, cast

import typer
from rich.table import Table
from rich.text import Text

from brainray.atlas.importers.files import side
from brainray.catalog.brain import (
    HEMISPHERES,
    RELATION_KINDS,
    STRUCTURES,
    Association,
    Hemisphere,
    Relation,
    RelationKind,
    Roi,
    Structure,
)
from brainray.cli.atlas.rows import AtlasName, open_library, warn
from brainray.cli.output import Json, show

Source = Annotated[str, typer.Option(help="The publication or file that says so.")]
Place = Annotated[float, typer.Option(help="MNI coordinate in mm.")]
RoiName = Annotated[str, typer.Argument(metavar="ROI", help="A name of the atlas.")]


def add_roi(
    atlas: AtlasName,
    name: Annotated[str, typer.Argument(help="Unique in the atlas, e.g. hMT_L.")],
    x: Place,
    y: Place,
    z: Place,
    label: Annotated[str, typer.Option(help="What people call it; default: the name.")] = "",
    hemisphere: Annotated[
        str | None, typer.Option(help=f"{', '.join(HEMISPHERES)}; default: by the sign of x.")
    ] = None,
    structure: Annotated[str, typer.Option(help=f"{', '.join(STRUCTURES)}.")] = STRUCTURES[0],
    parent: Annotated[str, typer.Option(help="The next larger anatomical unit.")] = "",
    network: Annotated[str, typer.Option(help="The large-scale network of it.")] = "",
    source: Source = "",
    json_to: Json = None,
) -> None:
    """Add an ROI to an atlas."""
    roi = Roi(
        name,
        label or name,
        cast(Hemisphere, hemisphere or side(x)),
        x,
        y,
        z,
        cast(Structure, structure),
        parent,
        network,
        source,
    )
    warn(atlas, open_library().add_roi(atlas, roi))
    _show(roi, json_to)


def add_association(
    atlas: AtlasName,
    function: Annotated[str, typer.Argument(help="Of the catalog, or a synonym of one.")],
    roi: RoiName,
    degree: Annotated[float, typer.Option(help="At least 0, in the unit of the source.")] = 1.0,
    source: Source = "",
    json_to: Json = None,
) -> None:
    """Let a function excite an ROI."""
    given = Association(function, roi, degree, source)
    _show(open_library().add_association(atlas, given), json_to)


def add_relation(
    atlas: AtlasName,
    kind: Annotated[str, typer.Argument(help=f"{', '.join(RELATION_KINDS)}.")],
    a: RoiName,
    b: RoiName,
    weight: Annotated[
        float, typer.Option(help="In the unit of the source; only functional may be negative.")
    ],
    directed: Annotated[
        bool, typer.Option("--directed", help="It says nothing of the way back.")
    ] = False,
    length_mm: Annotated[float | None, typer.Option(help="Of the tract, in mm.")] = None,
    source: Source = "",
    json_to: Json = None,
) -> None:
    """Relate two ROIs by fibres, by activity or by anatomy."""
    relation = Relation(cast(RelationKind, kind), a, b, weight, directed, length_mm, source)
    open_library().add_relation(atlas, relation)
    _show(relation, json_to)


def _show(row: Roi | Association | Relation, json_to: str | None) -> None:
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for field, value in vars(row).items():
        table.add_row(field, Text("" if value is None else str(value)))
    show(table, vars(row), json_to)

"""``brainray atlas picture``: a pathway as glass brain and connectome."""

from typing import Annotated

import typer

from brainray.atlas.arrays import load_atlas
from brainray.atlas.drawing import Drawing, drawing_of
from brainray.catalog import Library
from brainray.catalog.values import Run
from brainray.cli.atlas.given import (
    AtlasName,
    BrainMap,
    Complete,
    Functions,
    Rois,
    activate_given,
    scenario_or_run,
)
from brainray.cli.catalog.common import open_library
from brainray.cli.output import write_bytes, write_text
from brainray.errors import RunError, SettingsError


def picture(
    what: Annotated[
        str | None, typer.Argument(metavar="[SCENARIO|RUN]", help="A scenario, or a run's id.")
    ] = None,
    functions: Functions = None,
    rois: Rois = None,
    brain_map: BrainMap = None,
    complete: Complete = False,
    atlas: AtlasName = None,
    png: Annotated[
        str | None, typer.Option("--png", metavar="FILE", help="Write the picture to FILE.")
    ] = None,
    html: Annotated[
        str | None,
        typer.Option("--html", metavar="FILE", help="Write a page that can be turned to FILE."),
    ] = None,
) -> None:
    """Draw which ROIs are excited and how they are connected; needs brainray[brain]."""
    if png is None and html is None:
        raise SettingsError("nowhere to draw: give --png FILE, --html FILE or both")
    # matplotlib takes a second, for which the other commands need not wait.
    from brainray.atlas.pictures import page_of, picture_of

    library = open_library()
    found = None if what is None else scenario_or_run(library, what)
    if isinstance(found, Run):
        if functions or rois or brain_map:
            raise RunError(
                f"run {found.id}: has its own activation; give no --function, --roi or --map"
            )
        drawing = _of_run(library, found)
    else:
        given = activate_given(library, found, functions, rois, brain_map, complete, atlas)
        asked = [function for names in given.functions.values() for function in names]
        activation = given.activation
        drawing = drawing_of(
            given.mechanism.atlas, activation.pathway, activation.rois, asked, given.name
        )
    drawn = picture_of(drawing)
    if png is not None:
        write_bytes(png, drawn, "--png")
    if html is not None:
        write_text(html, page_of(drawing, drawn), "--html")


def _of_run(library: Library, run: Run) -> Drawing:
    from brainray.pipeline.publication import drawing_of_report
    from brainray.pipeline.status import finished_report

    report = finished_report(run)
    if not report.pathway.atlas:
        raise RunError(f"run {run.id}: is older than brain atlases, its report names no ROI")
    return drawing_of_report(report, load_atlas(library, report.pathway.atlas))

"""What a finished run of tracking leaves to be read in its folder."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from brainray.atlas.interface import Atlas
from brainray.atlas.pictures import can_draw, page_of, picture_of
from brainray.files import write_atomically
from brainray.pipeline.publication import (
    JSON_FILE,
    MARKDOWN_FILE,
    PATHWAY,
    PATHWAY_PAGE,
    drawing_of_report,
)
from brainray.pipeline.tracking.pictures import can_film, draw_sheet, film
from brainray.pipeline.tracking.tables import tracking_markdown
from brainray.scenario import TrackingReport
from brainray.tracking.interface import FrameError
from brainray.tracking.rows import Rows
from brainray.tracking.sequences import LabelledSequence

SHEET = "tracks.png"


def publish_tracking(
    report: TrackingReport,
    folder: Path,
    atlas: Atlas | None = None,
) -> None:
    """Write a run's report as JSON and Markdown, and the pathway, each file atomically.

    Args:
        report: of a finished run.
        folder: of the run; it is there, with what `draw_tracks` has drawn.
        atlas: that was activated; without it the pathway is not drawn.
    """
    if atlas is not None and set(report.pathway.rois) <= set(atlas.names) and can_draw():
        drawing = drawing_of_report(report, atlas)
        png = picture_of(drawing)
        write_atomically(folder / PATHWAY, png)
        write_atomically(folder / PATHWAY_PAGE, page_of(drawing, png).encode())
    there = {title: Path(path).name for title, path in drawn(report, folder).items()}
    write_atomically(folder / MARKDOWN_FILE, tracking_markdown(report, there).encode())
    document = json.dumps(report.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / JSON_FILE, document.encode())


def draw_tracks(
    stretches: Sequence[LabelledSequence], tracks: Mapping[str, Rows], folder: Path
) -> list[str]:
    """Draw the tracks of a run, each file atomically, and return what one should know of it.

    Where boxes were recorded nothing but this looks at the pictures: one that cannot be read, or is
    not there, costs the drawing, not the run.

    Args:
        stretches: what is reported on.
        tracks: of each.
        folder: of the run; it is there.
    """
    notes = notes_on_pictures(stretches)
    try:
        undrawn = draw_sheet(stretches, tracks, folder / SHEET)
        if undrawn:
            what = "there are no pictures of the frames that it would show"
            notes.append(f"{SHEET} is without {', '.join(undrawn)}: {what}.")
        if can_film():
            for one in stretches:
                film(one, tracks[one.name], folder / video_of(one.name))
    except FrameError as error:
        notes.append(f"Tracks are not drawn on all frames: {error}.")
    return notes


def notes_on_pictures(sequences: Sequence[LabelledSequence]) -> list[str]:
    """Return what one should know of the pictures that `draw_tracks` makes."""
    notes = []
    without = [one.name for one in sequences if one.frames is None]
    if without:
        notes.append(f"No frames of {', '.join(without)}: tracks are drawn on an empty canvas.")
    if not can_film():
        notes.append("No video: that needs PyAV (brainray[vision]).")
    return notes


def video_of(sequence: str) -> str:
    """Return the file name of a sequence's video."""
    return f"tracks-{sequence}.mp4"


def drawn(report: TrackingReport, folder: Path) -> dict[str, str]:
    """Return where each picture is that was drawn for a run, by its title.

    Args:
        report: of the run.
        folder: of the run.
    """
    names = {"Tracks": SHEET} | {f"Tracks of {name}": video_of(name) for name in report.results}
    names |= {"Pathway": PATHWAY, "The pathway in three dimensions": PATHWAY_PAGE}
    paths = {title: folder.resolve() / name for title, name in names.items()}
    return {title: str(path) for title, path in paths.items() if path.is_file()}

"""What a finished run leaves to be read in its folder: the report, its tables, its pictures."""

import json
from pathlib import Path

from brainray.atlas.drawing import Drawing, drawing_of
from brainray.atlas.interface import Atlas, Pathway
from brainray.atlas.pictures import can_draw, page_of, picture_of
from brainray.files import write_atomically
from brainray.pipeline.pictures.confusion import draw_confusion
from brainray.pipeline.pictures.overview import draw_overview
from brainray.pipeline.pictures.strata import draw_accuracy_over
from brainray.pipeline.tables import report_markdown
from brainray.scenario import AnyReport, Report

JSON_FILE, MARKDOWN_FILE = "report.json", "report.md"
OVERVIEW, CONFUSION = "report.png", "confusion.png"
PATHWAY, PATHWAY_PAGE = "pathway.png", "pathway.html"


def publish(report: Report, folder: Path, atlas: Atlas | None = None) -> None:
    """Write a run's report as JSON and Markdown, and its pictures, each file atomically.

    The pathway is drawn where nilearn is installed and the atlas still has all ROIs that were
    active; where not, the page says so.

    Args:
        report: of a finished run.
        folder: of the run; it is there.
        atlas: that was activated; without it the pathway is not drawn.
    """
    draw_overview(report, folder / OVERVIEW)
    if report.confusion is not None:
        title = f"{report.scenario}, {report.made}: {100 * report.best.test:.1f} % right"
        draw_confusion(report.confusion, title, folder / CONFUSION)
    for stratum in _drawn_strata(report):
        draw_accuracy_over(report, stratum, folder / _over(stratum))
    if atlas is not None and _drawable(report, atlas):
        drawing = drawing_of_report(report, atlas)
        png = picture_of(drawing)
        write_atomically(folder / PATHWAY, png)
        write_atomically(folder / PATHWAY_PAGE, page_of(drawing, png).encode())
    there = {title: name for title, name in pictures_of(report).items() if (folder / name).exists()}
    write_atomically(folder / MARKDOWN_FILE, report_markdown(report, there).encode())
    document = json.dumps(report.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / JSON_FILE, document.encode())


def drawing_of_report(report: AnyReport, atlas: Atlas) -> Drawing:
    """Return how the pathway of a report is drawn.

    Args:
        report: of a run.
        atlas: that was activated.

    Raises:
        AtlasError: the report is older than active ROIs, or the atlas is another one.
    """
    part = report.pathway
    functions = [function for given in part.functions.values() for function in given]
    pathway = Pathway(part.sub_regions, tuple(part.connections), part.integration)
    return drawing_of(atlas, pathway, part.rois, functions, report.scenario)


def pictures_of(report: Report) -> dict[str, str]:
    """Return the file name of each picture that `publish` may draw, by its title."""
    pictures = {"Overview": OVERVIEW}
    if report.confusion is not None:
        pictures["Confusion matrix"] = CONFUSION
    pictures |= {f"Accuracy over {s}": _over(s) for s in _drawn_strata(report)}
    if report.pathway.rois:
        pictures |= {"Pathway": PATHWAY, "The pathway in three dimensions": PATHWAY_PAGE}
    return pictures


def drawn(report: Report, folder: Path) -> dict[str, str]:
    """Return where each picture is that was drawn for a run, by its title.

    Args:
        report: of the run.
        folder: of the run.
    """
    paths = {title: folder.resolve() / name for title, name in pictures_of(report).items()}
    return {title: str(path) for title, path in paths.items() if path.is_file()}


def _drawable(report: Report, atlas: Atlas) -> bool:
    active = set(report.pathway.rois)
    return bool(active) and active <= set(atlas.names) and can_draw()


def _drawn_strata(report: Report) -> list[str]:
    """Return the strata of which any test row has a value."""
    return [stratum for stratum, bins in report.strata.items() if bins]


def _over(stratum: str) -> str:
    return f"accuracy_over_{stratum}.png"

"""What a finished run leaves to be read in its folder: the report, its tables, its pictures."""

import json
from pathlib import Path

from brainray.files import write_atomically
from brainray.pipeline.pictures.confusion import draw_confusion
from brainray.pipeline.pictures.overview import draw_overview
from brainray.pipeline.pictures.strata import draw_accuracy_over
from brainray.pipeline.tables import report_markdown
from brainray.scenario import Report

JSON_FILE, MARKDOWN_FILE = "report.json", "report.md"
OVERVIEW, CONFUSION = "report.png", "confusion.png"


def publish(report: Report, folder: Path) -> None:
    """Write a run's report as JSON and Markdown, and its pictures, each file atomically.

    Args:
        report: of a finished run.
        folder: of the run; it is there.
    """
    draw_overview(report, folder / OVERVIEW)
    if report.confusion is not None:
        title = f"{report.scenario}, fused: {100 * report.best.test:.1f} % right"
        draw_confusion(report.confusion, title, folder / CONFUSION)
    for stratum in _drawn_strata(report):
        draw_accuracy_over(report, stratum, folder / _over(stratum))
    page = report_markdown(report, pictures_of(report))
    write_atomically(folder / MARKDOWN_FILE, page.encode())
    document = json.dumps(report.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / JSON_FILE, document.encode())


def pictures_of(report: Report) -> dict[str, str]:
    """Return the file name of each picture that `publish` draws, by its title."""
    pictures = {"Overview": OVERVIEW}
    if report.confusion is not None:
        pictures["Confusion matrix"] = CONFUSION
    return pictures | {f"Accuracy over {s}": _over(s) for s in _drawn_strata(report)}


def drawn(report: Report, folder: Path) -> dict[str, str]:
    """Return where each picture is that was drawn for a run, by its title.

    Args:
        report: of the run.
        folder: of the run.
    """
    paths = {title: folder.resolve() / name for title, name in pictures_of(report).items()}
    return {title: str(path) for title, path in paths.items() if path.is_file()}


def _drawn_strata(report: Report) -> list[str]:
    """Return the strata of which any test row has a value."""
    return [stratum for stratum, bins in report.strata.items() if bins]


def _over(stratum: str) -> str:
    return f"accuracy_over_{stratum}.png"

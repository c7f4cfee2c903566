"""``brainray runs``: what was run, and with which result."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from brainray.catalog import Library
from brainray.catalog.values import Run
from brainray.cli.output import Json, new_console, show, write_text
from brainray.cli.report import report_summary, report_table
from brainray.errors import RunError, SettingsError
from brainray.pipeline.status import finished_report, status_of, stop
from brainray.scenario import AnyReport, TrackingReport
from brainray.settings import load_settings

app = typer.Typer(help="What was run, and with which result.", no_args_is_help=True)


@app.command("list")
def list_runs(
    scenario: Annotated[str | None, typer.Option(help="Only runs of this scenario.")] = None,
    json_to: Json = None,
) -> None:
    """List runs, the newest first."""
    found = Library.open(load_settings()).runs(scenario)
    table = Table(title=f"{len(found)} runs")
    table.add_column("id", overflow="fold")
    for heading in ("scenario", "seed", "status", "created (UTC)", "test, %"):
        table.add_column(heading)
    table.add_column("model", overflow="fold")
    documents = []
    for run in found:
        status = _status(run)
        documents.append(_json(run) | {"status": status})
        test = run.summary.get("test")
        cells = (
            run.id,
            run.scenario,
            str(run.seed),
            status,
            f"{run.created:%Y-%m-%d %H:%M}",
            "" if test is None else f"{100 * test:.2f}",
            run.model_id or "",
        )
        table.add_row(*map(Text, cells))
    show(table, documents, json_to)


@app.command("show")
def show_run(
    run: Annotated[str, typer.Argument(help="Its id, or the id's beginning.")],
    markdown_to: Annotated[
        str | None,
        typer.Option("--markdown", metavar="FILE", help="Write Markdown to FILE, or - for stdout."),
    ] = None,
    json_to: Json = None,
) -> None:
    """Show the report of a finished run."""
    if markdown_to == "-" and json_to is not None:
        raise SettingsError("--markdown -: stands alone on stdout, give --json in another call")
    row = Library.open(load_settings()).run(run)
    report = finished_report(row)
    if markdown_to is not None:
        page = _page(report, Path(row.record).parent)
        if markdown_to == "-":
            sys.stdout.write(page)
            return
        write_text(markdown_to, page, "--markdown")
    document = report.model_dump(mode="json")
    show(report_table(report), document, json_to, report_summary(report))


def _page(report: AnyReport, folder: Path) -> str:
    # These draw in matplotlib, for the page's pictures.
    from brainray.pipeline.publication import drawn
    from brainray.pipeline.tables import report_markdown
    from brainray.pipeline.tracking.publication import drawn as tracking_pictures
    from brainray.pipeline.tracking.tables import tracking_markdown

    if isinstance(report, TrackingReport):
        return tracking_markdown(report, tracking_pictures(report, folder))
    return report_markdown(report, drawn(report, folder))


@app.command("stop")
def stop_run(
    run: Annotated[str, typer.Argument(help="Its id, or the id's beginning.")],
) -> None:
    """Stop a run of this machine; it can be resumed."""
    row = Library.open(load_settings()).run(run)
    status = stop(row)
    again = "" if status == "finished" else f"; go on with: brainray run --resume {row.id}"
    new_console(stderr=True).print(
        f"run {row.id}: is {status}{again}", markup=False, highlight=False, soft_wrap=True
    )


def _status(run: Run) -> str:
    """Return how a run stands, also where its record is damaged: that is no matter of the list."""
    try:
        return status_of(run)
    except RunError:
        return "damaged"


def _json(run: Run) -> dict[str, object]:
    finished = None if run.finished is None else run.finished.isoformat()
    return asdict(run) | {"created": run.created.isoformat(), "finished": finished}

"""A report of tracking as a table like the paper's Tables 3 to 5."""

from rich import box
from rich.table import Table
from rich.text import Text

from brainray.pipeline.tracking.tables import (
    HEADINGS,
    OVERALL,
    cells_of,
    choice_of,
    objective_text,
)
from brainray.scenario import TrackingReport
from brainray.wording import counted


def tracking_table(report: TrackingReport) -> Table:
    """Return the scores of each sequence and of all together."""
    table = Table(
        title=Text(report.scenario),
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("sequence", overflow="fold")
    table.add_column("detector", overflow="fold")
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    for name, scores in report.results.items():
        choice = choice_of(report, name)
        table.add_row(Text(name), Text(f"{choice.code} {choice.detector}"), *cells_of(scores))
    table.add_section()
    table.add_row(OVERALL, "", *cells_of(report.overall), style="bold")
    return table


def tracking_summary(report: TrackingReport) -> str:
    """Return what was chosen, what that lost, and how it was searched, a line each."""
    search = report.search
    lines = [
        f"{name}: {one.detector}, scores from {one.min_score:g}, {one.tracker}; "
        f"regret {one.regret.objective:.4f} against {one.regret.best}"
        for name, one in report.choices.items()
    ]
    lines.append(
        f"{counted(search.evaluated, 'candidate')} by {search.algorithm} in "
        f"{search.seconds:.0f} s, chosen by {objective_text(report)}. Run {report.run_id}."
    )
    lines += report.notes
    return "\n".join(lines)

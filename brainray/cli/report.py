"""A run's report as a table: unimodal, re-headed and fused or grown results, or tracks."""

from rich import box
from rich.table import Table
from rich.text import Text

from brainray.cli.tracking_report import tracking_summary, tracking_table
from brainray.pipeline.markdown import brackets, percent
from brainray.scenario import AnyReport, TrackingReport
from brainray.scenario.report import Fused, Gain, Reheaded, Unimodal
from brainray.wording import counted


def report_table(report: AnyReport) -> Table:
    """Return the results of a run, accuracies in percent, test ones with their 95 % interval."""
    if isinstance(report, TrackingReport):
        return tracking_table(report)
    # As narrow as can be: a model's id shall not be broken on a terminal of 80 columns.
    table = Table(
        title=Text(f"{report.scenario}: accuracy, %"),
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("network")
    table.add_column("models", overflow="fold")
    table.add_column("validation", justify="right")
    table.add_column("test", justify="right", no_wrap=True)
    for name, unimodal in report.unimodal.items():
        _add(table, f"{name} alone", [unimodal.model], unimodal)
    for name, reheaded in report.reheaded.items():
        _add(table, f"{name}, re-headed", [report.best.models[name]], reheaded)
    best = report.best
    _add(table, report.title, list(best.models.values()), best, style="bold")
    return table


def _add(
    table: Table,
    network: str,
    models: list[str],
    part: Unimodal | Reheaded | Fused,
    style: str = "",
) -> None:
    tested = f"{percent(part.test)} {brackets(part.interval, decimals=1)}".rstrip()
    cells = (network, "\n".join(models), percent(part.validation), tested)
    table.add_row(*map(Text, cells), style=style)


def report_summary(report: AnyReport) -> str:
    """Return what fusion or growing gains, what was searched and what is returned, a line each."""
    if isinstance(report, TrackingReport):
        return tracking_summary(report)
    search, gate = report.search, report.gate
    searched = (
        f"{counted(search.evaluated, 'candidate')} by {search.algorithm} in "
        f"{search.seconds:.0f} s. Returned: the {gate.chosen} network "
        f"(margin {100 * gate.margin:+.2f} on validation), "
        f"model {report.model.id} version {report.model.version}, "
        f"{report.model.parameters:,} parameters. Run {report.run_id}."
    )
    if report.gain is None:
        return searched
    gains = [_gain(report.gain.unimodal, "alone")]
    if report.gain.reheaded is not None:
        gains.append(_gain(report.gain.reheaded, "re-headed"))
    return f"Gain {', '.join(gains)}\n{searched}"


def _gain(gain: Gain, what: str) -> str:
    ends = brackets(gain.interval, decimals=1)
    return " ".join(filter(None, [f"{100 * gain.value:+.1f}", ends, f"over {gain.over} {what}"]))

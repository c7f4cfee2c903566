"""A run's report as a table: unimodal, re-headed and fused results."""

from rich.table import Table
from rich.text import Text

from brainray.scenario import Report


def report_table(report: Report) -> Table:
    """Return the results of a run, accuracies in percent."""
    table = Table(title=Text(f"{report.scenario}: accuracy, %"))
    table.add_column("network")
    table.add_column("models", overflow="fold")
    table.add_column("validation", justify="right")
    table.add_column("test", justify="right")
    for name, unimodal in report.unimodal.items():
        _add(table, f"{name} alone", [unimodal.model], unimodal.validation, unimodal.test)
    for name, reheaded in report.reheaded.items():
        model = report.best.models[name]
        _add(table, f"{name}, re-headed", [model], reheaded.validation, reheaded.test)
    best = report.best
    models = list(best.models.values())
    _add(table, f"fused, depth {best.depth}", models, best.validation, best.test, style="bold")
    return table


def _add(
    table: Table, network: str, models: list[str], validation: float, test: float, style: str = ""
) -> None:
    cells = (network, "\n".join(models), f"{100 * validation:.2f}", f"{100 * test:.2f}")
    table.add_row(*map(Text, cells), style=style)


def report_summary(report: Report) -> str:
    """Return, in one line, what was searched and what is returned."""
    search, gate = report.search, report.gate
    verdict = "the fused network" if gate.chosen == "fused" else "the unimodal network"
    return (
        f"{search.evaluated} candidates by {search.algorithm} in {search.seconds:.0f} s. "
        f"Returned: {verdict} (margin {100 * gate.margin:+.2f} on validation), "
        f"model {report.model.id} version {report.model.version}, "
        f"{report.model.parameters:,} parameters. Run {report.run_id}."
    )

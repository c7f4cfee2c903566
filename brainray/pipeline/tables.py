"""A run's report as Markdown."""

import re
from collections.abc import Iterator, Mapping, Sequence

from brainray.scenario import Report
from brainray.scenario.report import Gain, Interval

NUMBER = re.compile(r"[-+]?[0-9.,]+( %)?")


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table in Markdown, aligned so that it can be read as text too.

    Columns that hold nothing but numbers and empty cells are aligned to the right.

    Args:
        headings: of the columns.
        rows: cells, as many in a row as there are headings; ``str`` makes text of them.

    Raises:
        ValueError: a row has another number of cells.
    """
    lines = [[_cell(heading) for heading in headings]]
    lines += [[_cell(value) for value in row] for row in rows]
    columns = list(zip(*lines, strict=True))
    widths = [max(3, *map(len, column)) for column in columns]
    right = [
        any(column[1:]) and all(NUMBER.fullmatch(cell) for cell in column[1:] if cell)
        for column in columns
    ]
    rule = [
        "-" * (width - 1) + ":" if r else "-" * width
        for width, r in zip(widths, right, strict=True)
    ]
    padded = [
        [
            cell.rjust(width) if r else cell.ljust(width)
            for cell, width, r in zip(line, widths, right, strict=True)
        ]
        for line in [lines[0], rule, *lines[1:]]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def percent(fraction: float) -> str:
    """Return a fraction in percent with two decimals, e.g. ``94.25``."""
    return f"{100 * fraction:.2f}"


def brackets(interval: Interval | None, decimals: int = 2) -> str:
    """Return an interval in percent, e.g. ``[92.10, 95.60]``; nothing if there is none."""
    if interval is None:
        return ""
    return f"[{100 * interval[0]:.{decimals}f}, {100 * interval[1]:.{decimals}f}]"


def report_markdown(report: Report, pictures: Mapping[str, str]) -> str:
    """Return a report as a Markdown page.

    Args:
        report: of a finished run.
        pictures: the file of each picture, as the page links it, by its title.
    """
    parts = [
        f"# {report.scenario}",
        _summary(report),
        "## Accuracy",
        _accuracies(report),
        _units(report),
        *_gains(report),
        *_robustness(report),
        *_strata(report),
        "## The best fused network",
        _wiring(report),
        "## Pathway",
        _pathway(report),
        "## Search and training",
        _effort(report),
        "## Data and versions",
        _provenance(report),
    ]
    if pictures:
        parts.append("## Pictures")
        parts += [f"![{title}](<{file}>)" for title, file in pictures.items()]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").split())


def _summary(report: Report) -> str:
    returned = "fused" if report.gate.chosen == "fused" else "unimodal"
    return (
        f"Run `{report.run_id}`, seed {report.seed}. Returned is the {returned} network "
        f"`{report.model.id}`, version {report.model.version}, with "
        f"{report.model.parameters:,} parameters; on the validation split the fused network leads "
        f"the best unimodal one by {100 * report.gate.margin:+.2f} points."
    )


def _accuracies(report: Report) -> str:
    rows: list[Sequence[object]] = []
    for name, alone in report.unimodal.items():
        cells = (percent(alone.validation), percent(alone.test), brackets(alone.interval))
        rows.append((f"{name} alone", alone.model, *cells))
    for name, head in report.reheaded.items():
        cells = (percent(head.validation), percent(head.test), brackets(head.interval))
        rows.append((f"{name}, re-headed", report.best.models[name], *cells))
    best = report.best
    rows.append(
        (
            f"fused, depth {best.depth}",
            ", ".join(best.models.values()),
            percent(best.validation),
            percent(best.test),
            brackets(best.interval),
        )
    )
    return markdown_table(("network", "models", "validation, %", "test, %", "95 % interval"), rows)


def _units(report: Report) -> str:
    if report.units is None:
        return ""
    what = "groups of rows" if report.units.by == "group" else "rows"
    return (
        f"Intervals are of the test accuracy, by a bootstrap over {report.units.count} {what} "
        "of the test split."
    )


def _gains(report: Report) -> Iterator[str]:
    if report.gain is None:
        return

    def row(gain: Gain, what: str) -> Sequence[object]:
        points = f"{100 * gain.value:+.2f}"
        return f"{gain.over}{what}", points, brackets(gain.interval)

    yield "## Gain of fusion"
    yield "The fused network's test accuracy minus that of the better other one, paired by row."
    rows = [row(report.gain.unimodal, " alone"), row(report.gain.reheaded, ", re-headed")]
    yield markdown_table(("over", "points", "95 % interval"), rows)


def _robustness(report: Report) -> Iterator[str]:
    if not report.robustness:
        return
    yield "## When an input fails"
    yield "The fused network's test accuracy where an input is missing, or is another row's."
    rows = []
    for name, part in report.robustness.items():
        others = ", ".join(f"{other} {percent(value)}" for other, value in part.others.items())
        rows.append(
            (
                name,
                percent(part.missing.test),
                brackets(part.missing.interval),
                percent(part.shuffled.test),
                brackets(part.shuffled.interval),
                others,
            )
        )
    yield markdown_table(
        ("input", "missing, %", "95 % interval", "shuffled, %", "95 % interval", "others alone, %"),
        rows,
    )


def _strata(report: Report) -> Iterator[str]:
    for stratum, bins in report.strata.items():
        yield f"## Accuracy over {stratum}"
        if not bins:
            yield "No row of the test split has a value."
            continue
        headings = ["from", "to", "rows", "fused, %", "95 % interval"]
        headings += [f"{name} alone, %" for name in report.unimodal]
        rows = [
            (
                f"{part.low:.4g}",
                f"{part.high:.4g}",
                part.rows,
                percent(part.fused),
                brackets(part.interval),
                *(percent(part.unimodal[name]) for name in report.unimodal),
            )
            for part in bins
        ]
        yield markdown_table(headings, rows)


def _wiring(report: Report) -> str:
    best = report.best
    rows = [
        (number, operator, *(taps.get(name, "none") for name in best.models))
        for number, (taps, operator) in enumerate(
            zip(best.taps, best.operators, strict=True), start=1
        )
    ]
    headings = ("level", "operator", *(f"tap of {name}" for name in best.models))
    feedback = "with feedback" if best.feedback else "without feedback"
    return (
        f"{markdown_table(headings, rows)}\n\nA {best.representation} representation, {feedback}; "
        f"genome `{' '.join(map(str, best.genome))}`."
    )


def _pathway(report: Report) -> str:
    pathway = report.pathway
    weights = [(name, f"{weight:.2f}") for name, weight in pathway.sub_regions.items()]
    links = [(a, b, f"{weight:.2f}") for a, b, weight in pathway.connections]
    tables = [markdown_table(("sub-region", "weight"), weights)]
    if links:
        tables.append(markdown_table(("from", "to", "weight"), links))
    return "\n\n".join(tables)


def _effort(report: Report) -> str:
    search, training = report.search, report.training
    rows = [(step, f"{seconds:.1f}") for step, seconds in report.seconds.items()]
    return (
        f"{search.evaluated} candidates by {search.algorithm}, {search.failed} of them failed; "
        f"finalists by {training.workers} workers with {training.strategy}.\n\n"
        f"{markdown_table(('step', 'seconds'), rows)}"
    )


def _provenance(report: Report) -> str:
    data = report.data
    lines = [f"`{data.get('name')}` ({data.get('source')}), sha256 `{data.get('sha256')}`."]
    if rows := data.get("rows"):
        lines.append(markdown_table(("split", "rows"), list(rows.items())))
    if sources := data.get("sources"):
        files = [(file, f"`{sha256}`") for file, sha256 in sources.items()]
        lines.append(markdown_table(("source", "sha256"), files))
    lines.append(markdown_table(("package", "version"), list(report.versions.items())))
    return "\n\n".join(lines)

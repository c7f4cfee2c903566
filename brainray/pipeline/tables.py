"""A run's report as Markdown."""

from collections.abc import Iterator, Mapping, Sequence

from brainray.datasets.dataset import UNLABELLED
from brainray.pipeline.brain_tables import pathway_tables, reasons
from brainray.pipeline.markdown import brackets, markdown_table, percent
from brainray.scenario import Report
from brainray.scenario.report import Gain, Grown, TrainingPart
from brainray.wording import counted


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
        f"## The best {report.made} network",
        _wiring(report) if report.grown is None else _layers(report, report.grown),
        "## Pathway",
        pathway_tables(report.pathway),
        *reasons(report),
        "## Search and training",
        _effort(report),
        "## Data and versions",
        _provenance(report),
    ]
    if pictures:
        parts.append("## Pictures")
        parts += [
            f"{'!' * file.endswith('.png')}[{title}](<{file}>)" for title, file in pictures.items()
        ]
    if report.pathway.rois and "Pathway" not in pictures:
        parts.append(
            "The pathway is not drawn here: that needs `brainray[brain]`, and the atlas as it was. "
            f"Once it is there: `brainray atlas picture {report.run_id} --png pathway.png`."
        )
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(report: Report) -> str:
    return (
        f"Run `{report.run_id}`, seed {report.seed}. Returned is the {report.gate.chosen} network "
        f"`{report.model.id}`, version {report.model.version}, with "
        f"{report.model.parameters:,} parameters; on validation the {report.made} network "
        f"leads the best unimodal one by {100 * report.gate.margin:+.2f} points."
    )


def _accuracies(report: Report) -> str:
    rows: list[Sequence[object]] = []
    for name, alone in report.unimodal.items():
        cells = (percent(alone.validation), percent(alone.test), brackets(alone.interval))
        how = "" if alone.learning == "supervised" else f", {alone.learning}"
        rows.append((f"{name} alone{how}", alone.model, *cells))
    for name, head in report.reheaded.items():
        cells = (percent(head.validation), percent(head.test), brackets(head.interval))
        rows.append((f"{name}, re-headed", report.best.models[name], *cells))
    best = report.best
    rows.append(
        (
            report.title,
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

    yield "## Gain of fusion" if report.grown is None else "## Gain of growing"
    yield (
        f"The {report.made} network's test accuracy minus that of the better other one, paired by "
        "row."
    )
    rows = [row(report.gain.unimodal, " alone")]
    if report.gain.reheaded is not None:
        rows.append(row(report.gain.reheaded, ", re-headed"))
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
        headings = ["from", "to", "rows", f"{report.made}, %", "95 % interval"]
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


def _layers(report: Report, grown: Grown) -> str:
    headings = ("layer", "filters", "height", "width", "stride down", "stride right")
    rows = [
        (number, *layer.model_dump().values()) for number, layer in enumerate(grown.layers, start=1)
    ]
    return (
        f"{markdown_table(headings, rows)}\n\nNetwork `{grown.network}` of {grown.sub_region}, "
        f"{grown.parameters:,} parameters, trained by {grown.optimizer}; architecture "
        f"`{grown.architecture}`, genome `{' '.join(map(str, report.best.genome))}`. Later runs "
        "use it only where `inputs.*.networks` names it."
    )


def _effort(report: Report) -> str:
    search, training = report.search, report.training
    rows = [(step, f"{seconds:.1f}") for step, seconds in report.seconds.items()]
    diagnostics = "".join(
        f"{name.replace('_', ' ').capitalize()} of the search: {value:.3g}.\n\n"
        for name, value in search.diagnostics.items()
    )
    return (
        f"{counted(search.evaluated, 'candidate')} by {search.algorithm}, "
        f"{search.failed} of them failed; finalists by "
        f"{counted(training.workers, 'worker')} with {training.strategy}{_waiting(training)}."
        f"\n\n{diagnostics}"
        f"{markdown_table(('step', 'seconds'), rows)}"
    )


def _waiting(training: TrainingPart) -> str:
    if training.samples_per_second is None:
        return ""
    return (
        f": {training.samples_per_second:,.0f} samples/s, {training.seconds_waited:.1f} s waited, "
        f"{(training.bytes_sent or 0) / 1e6:,.1f} MB sent by the first one"
    )


def _provenance(report: Report) -> str:
    data = report.data
    lines = [f"`{data.get('name')}` ({data.get('source')}), sha256 `{data.get('sha256')}`."]
    if rows := data.get("rows"):
        names = {"train": "train, labelled", UNLABELLED: "train, unlabelled"}
        counts = [
            (names.get(part, part) if UNLABELLED in rows else part, count)
            for part, count in rows.items()
        ]
        lines.append(markdown_table(("split", "rows"), counts))
    if sources := data.get("sources"):
        files = [(file, f"`{sha256}`") for file, sha256 in sources.items()]
        lines.append(markdown_table(("source", "sha256"), files))
    lines.append(markdown_table(("package", "version"), list(report.versions.items())))
    return "\n\n".join(lines)

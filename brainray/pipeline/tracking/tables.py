"""A report of tracking as Markdown."""

from collections.abc import Mapping
from shlex import quote

from brainray.pipeline.brain_tables import pathway_tables
from brainray.pipeline.markdown import markdown_table
from brainray.scenario import TrackingReport
from brainray.scenario.tracking_report import Choice, Regret, TrackingScores
from brainray.wording import counted

OVERALL = "OVERALL"
HEADINGS = ("idf1", "switches", "mota", "motp distance", "motp overlap", "HOTA")


def cells_of(scores: TrackingScores) -> tuple[str, ...]:
    """Return scores as the cells of a table, in the order of `HEADINGS`."""
    return (
        f"{scores.idf1:.3f}",
        str(scores.switches),
        f"{scores.mota:.3f}",
        f"{scores.motp_distance:.3f}",
        f"{scores.motp_overlap:.3f}",
        f"{scores.hota:.3f}",
    )


def choice_of(report: TrackingReport, sequence: str) -> Choice:
    """Return the choice that is for a sequence."""
    return next(one for one in report.choices.values() if sequence in one.sequences)


def objective_text(report: TrackingReport) -> str:
    """Return the objective in words, e.g. ``idf1`` or ``0.5 idf1 + 1 mota``."""
    if list(report.objective.values()) == [1.0]:
        return next(iter(report.objective))
    return " + ".join(f"{weight:g} {name}" for name, weight in report.objective.items())


def command_of(choice: Choice) -> str:
    """Return how `brainray track` does what was chosen."""
    options = " ".join(
        f"--set {quote(f'{name}={str(value).lower() if isinstance(value, bool) else value}')}"
        for name, value in choice.options.items()
    )
    least = f"--min-score {choice.min_score:g} " if choice.min_score else ""
    looks = "--appearance … " if choice.looks else ""
    return f"brainray track … {least}{looks}--tracker {choice.tracker} {options}".rstrip()


def tracking_markdown(report: TrackingReport, pictures: Mapping[str, str]) -> str:
    """Return a report as a Markdown page.

    Args:
        report: of a finished run.
        pictures: the file of each picture, as the page links it, by its title.
    """
    parts = [
        f"# {report.scenario}",
        f"Run `{report.run_id}`, seed {report.seed}. Chosen by {objective_text(report)} on the "
        "frames for choosing, reported on the others.",
        "## Results",
        _results(report),
        "motp distance is 1 - IoU of matched boxes (lower is better), motp overlap their IoU.",
        "\n".join(f"- {note}" for note in report.notes),
        "## What was chosen",
        _choices(report),
        "\n".join(f"- {name}: `{command_of(one)}`" for name, one in report.choices.items()),
        "## Detectors",
        "The best setting that the search has seen of each detector: "
        f"{objective_text(report)} on the frames for choosing, and scores on the others.",
        _sources(report),
        "## Regret",
        "What the detector that was best after the fact has more than the chosen one, on the "
        "frames that are reported on.",
        _regrets(report),
        "## Pathway",
        pathway_tables(report.pathway),
        "## Search",
        f"{counted(report.search.evaluated, 'candidate')} by {report.search.algorithm} in "
        f"{report.search.seconds:.0f} s, {report.search.failed} failed.",
        markdown_table(("step", "seconds"), list(report.seconds.items())),
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
            "The pathway is not drawn here: that needs `brainray[brain]`. Once it is there: "
            f"`brainray atlas picture {report.run_id} --png pathway.png`."
        )
    return "\n\n".join(part for part in parts if part) + "\n"


def _results(report: TrackingReport) -> str:
    rows = [
        (name, choice_of(report, name).detector, *cells_of(scores))
        for name, scores in report.results.items()
    ]
    rows.append((OVERALL, "", *cells_of(report.overall)))
    return markdown_table(("sequence", "detector", *HEADINGS), rows)


def _choices(report: TrackingReport) -> str:
    rows = [
        (
            name,
            f"{one.code} {one.detector}",
            one.sub_region,
            f"{one.min_score:g}",
            one.tracker,
            ", ".join(f"{key} {value}" for key, value in one.options.items()),
            f"{one.tuned:.4f}",
            f"{one.reported:.4f}",
            f"{one.gate.chosen} ({one.gate.margin:+.4f})",
            f"{one.milliseconds:.2f}",
        )
        for name, one in report.choices.items()
    ]
    headings = (
        "for",
        "detector",
        "sub-region",
        "scores from",
        "tracker",
        "options",
        "tuned",
        "reported",
        "gate",
        "ms a frame",
    )
    return markdown_table(headings, rows)


def _sources(report: TrackingReport) -> str:
    rows = [
        (
            name,
            f"{source.code} {detector}",
            source.stage or "",
            f"{source.tuned:.4f}",
            *cells_of(source.scores),
        )
        for name, one in report.choices.items()
        for detector, source in one.sources.items()
    ]
    return markdown_table(("for", "detector", "stage", "tuned", *HEADINGS), rows)


def _regrets(report: TrackingReport) -> str:
    rows = [
        row
        for name, one in report.choices.items()
        for row in (
            _regret(name, "all", one.regret),
            *([_regret(name, f"without {one.detector}", one.without)] if one.without else []),
        )
    ]
    headings = ("for", "among", "chosen", "best after the fact", "objective", "idf1", "mota")
    return markdown_table(headings, rows)


def _regret(name: str, among: str, regret: Regret) -> tuple[str, ...]:
    return (
        name,
        among,
        regret.chosen,
        regret.best,
        f"{regret.objective:.4f}",
        f"{regret.idf1:.4f}",
        f"{regret.mota:.4f}",
    )


def _provenance(report: TrackingReport) -> str:
    data = report.data
    frames = [
        (part, name, f"{first} to {last}")
        for part in ("tuned", "reported")
        for name, (first, last) in data[part].items()
    ]
    return "\n\n".join(
        [
            f"Source: {data['source']}, sha256 `{data['sha256']}`.",
            markdown_table(("part", "sequence", "frames"), frames),
            markdown_table(("package", "version"), list(report.versions.items())),
        ]
    )

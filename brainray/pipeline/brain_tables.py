"""The parts of a run's page that speak of the brain: the pathway, and why these networks."""

from collections.abc import Iterable, Iterator

from brainray.pipeline.markdown import markdown_table
from brainray.scenario import Report
from brainray.scenario.brain import Explanation, Link, PathwayPart

LISTED = 3
"""Functions and ROIs that the table of reasons names; the JSON holds all."""


def pathway_tables(pathway: PathwayPart) -> str:
    """Return the sub-regions and the connections as tables.

    What an older report does not hold has no column.
    """
    names = list(pathway.sub_regions)
    columns: dict[str, list[str]] = {
        "sub-region": names,
        "weight": [f"{weight:.2f}" for weight in pathway.sub_regions.values()],
    }
    if pathway.integration:
        columns["integration"] = [f"{pathway.integration.get(name, 0.0):.2f}" for name in names]
    if pathway.inputs:
        columns["reached by"] = [
            ", ".join(key for key, reached in pathway.inputs.items() if name in reached)
            for name in names
        ]
    tables = [markdown_table(list(columns), list(zip(*columns.values(), strict=True)))]
    if pathway.connections:
        links = [(a, b, f"{weight:.2f}") for a, b, weight in pathway.connections]
        tables.append(markdown_table(("from", "to", "weight"), links))
    if pathway.atlas:
        prior = f", prior {pathway.prior}" if pathway.prior else ""
        tables.append(f"By the brain atlas `{pathway.atlas}`{prior}.")
    return "\n\n".join(tables)


def reasons(report: Report) -> Iterator[str]:
    """Yield the section that says why the best fused network uses these networks."""
    if not report.explanation:
        return
    yield "## Why these networks"
    yield (
        "What excites the sub-region in which each network lives: the share of each function in "
        "its activation, its most active ROIs, and the strongest ways to the other networks."
    )
    rows = [
        (
            name,
            part.model,
            part.sub_region,
            f"{part.weight:.2f}",
            ", ".join(part.shares()[:LISTED]),
            ", ".join(f"{roi.name} {roi.strength:.2f}" for roi in part.rois[:LISTED]),
            ", ".join(map(str, _to_the_others(part, report.explanation.values()))),
        )
        for name, part in report.explanation.items()
    ]
    yield markdown_table(
        ("input", "model", "sub-region", "weight", "functions", "ROIs", "connected with"), rows
    )
    yield "\n".join(f"- {name}: {part.reason}" for name, part in report.explanation.items())


def _to_the_others(part: Explanation, parts: Iterable[Explanation]) -> list[Link]:
    """Return the connections with the sub-regions of the other networks."""
    others = {other.sub_region for other in parts}
    return [link for link in part.connections if link.to in others]

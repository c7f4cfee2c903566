"""``brainray atlas explain``: why these networks, for a scenario or of a finished run."""

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from brainray.atlas.explanation import Explainer
from brainray.catalog import Library
from brainray.catalog.values import Run
from brainray.cli.atlas.given import (
    Activated,
    AtlasName,
    activate_scenario,
    scenario_or_run,
)
from brainray.cli.catalog.common import open_library
from brainray.cli.output import Json, show
from brainray.errors import RunError
from brainray.scenario import AnyScenario, Report
from brainray.scenario.brain import Explanation

LISTED = 5
"""Functions, ROIs and connections that are shown of a sub-region; the JSON holds all."""

WIDTH = 88
"""Of what is said, in letters."""

Explanations = dict[str, list[Explanation]]
"""By input."""


def explain(
    what: Annotated[str, typer.Argument(metavar="SCENARIO|RUN", help="A scenario, or a run's id.")],
    atlas: AtlasName = None,
    json_to: Json = None,
) -> None:
    """Say why networks are offered to a scenario's inputs, or were chosen by a run."""
    library = open_library()
    found = scenario_or_run(library, what)
    if isinstance(found, Run):
        name, explained = found.id, _of_run(found)
    else:
        name = found.name
        explained = _offered(library, found, activate_scenario(library, found, atlas))
    document = {
        key: [part.model_dump(mode="json") for part in parts] for key, parts in explained.items()
    }
    blocks = [block for key, parts in explained.items() for block in _blocks(key, parts)]
    show(Group(*blocks), {"name": name, "explanation": document}, json_to)


def _of_run(run: Run) -> Explanations:
    from brainray.pipeline.status import finished_report

    report = finished_report(run)
    if not isinstance(report, Report):
        raise RunError(f"run {run.id}: {report.task} chooses no networks that could be explained")
    explanation = report.explanation
    if not explanation:
        raise RunError(f"run {run.id}: is older than explanations, its report has none")
    return {name: [part] for name, part in explanation.items()}


def _offered(library: Library, scenario: AnyScenario, activated: Activated) -> Explanations:
    """Explain the networks that the activated sub-regions offer each input."""
    explainer = Explainer(activated.mechanism, activated.activation, activated.functions)
    explained = {}
    for name, part in scenario.inputs.items():
        offered = library.networks(activated.activation.inputs[name], part.modality)
        explained[name] = [
            explainer.explain(spec.name, spec.sub_regions, name)
            for spec in offered
            if not part.networks or spec.name in part.networks
        ]
    return explained


def _blocks(name: str, parts: list[Explanation]) -> list[RenderableType]:
    """Return a table for each sub-region of an input, the strongest first."""
    if not parts:
        return [Text(f"{name}: no network of the activated sub-regions takes it\n")]
    living: dict[str, list[Explanation]] = {}
    for part in sorted(parts, key=lambda part: (-part.weight, part.sub_region, part.model)):
        living.setdefault(part.sub_region, []).append(part)
    return [_block(name, found) for found in living.values()]


def _block(name: str, parts: list[Explanation]) -> Table:
    first = parts[0]
    table = Table(title=Text(f"{name}: {first.sub_region}"), show_header=False)
    table.add_column("what", no_wrap=True)
    table.add_column("found", max_width=WIDTH)
    rois = [f"{roi.name} {roi.strength:.2f} ({roi.label})" for roi in first.rois]
    rows = {
        "networks": ", ".join(part.model for part in parts),
        "why": first.reason,
        "functions": ", ".join(first.shares()[:LISTED]),
        "ROIs": ", ".join(rois[:LISTED]),
        "connected with": ", ".join(map(str, first.connections[:LISTED])),
    }
    for heading, text in rows.items():
        table.add_row(heading, Text(text or "none"))
    return table

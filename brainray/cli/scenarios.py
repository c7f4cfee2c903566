"""``brainray scenarios``: those that are built in or were run, and how well they were solved."""

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from brainray.catalog import Library
from brainray.catalog.values import Run
from brainray.cli.output import Json, show
from brainray.errors import ScenarioError
from brainray.scenario import load_scenario, parse_scenario
from brainray.scenario.load import builtin_scenarios, changed, find_scenario
from brainray.scenario.tasks import AnyScenario
from brainray.settings import load_settings

app = typer.Typer(help="Scenarios that are built in or were run.", no_args_is_help=True)


@app.command("list")
def list_scenarios(json_to: Json = None) -> None:
    """List the built-in scenarios and all that were run: how often to the end, how well at best."""
    library = Library.open(load_settings())
    runs: dict[str, list[Run]] = {}
    for run in library.runs():  # the newest first
        if run.status == "finished":
            runs.setdefault(run.scenario, []).append(run)
    documents = []
    for name in builtin_scenarios():
        scenario = load_scenario(name)
        finished = runs.pop(scenario.name, [])
        definition = scenario.model_dump(mode="json")
        documents.append(_document(library, name, definition, finished))
    for name, finished in sorted(runs.items()):
        sha256 = finished[0].scenario_sha256
        definition = {} if sha256 is None else library.scenario(sha256)
        documents.append(_document(library, name, definition, finished))
    table = Table(title="Scenarios")
    for heading in ("name", "task", "inputs", "target"):
        table.add_column(heading)
    for heading in ("finished runs", "best test, %"):
        table.add_column(heading, justify="right")
    for one in documents:
        inputs = ", ".join(f"{key} ({modality})" for key, modality in one["inputs"].items())
        best = "" if one["best"] is None else f"{100 * one['best']:.2f}"
        table.add_row(
            Text(one["name"]),
            one["task"],
            Text(inputs),
            one["target"],
            str(one["finished_runs"]),
            best,
        )
    show(table, documents, json_to)


def _document(
    library: Library, name: str, definition: dict[str, Any], finished: list[Run]
) -> dict[str, Any]:
    """Return what is said of a scenario and its finished runs."""
    goal = definition.get("goal", {})
    known = {run.scenario_sha256 for run in finished}
    # Of a run whose definition was not kept nothing is known but its name.
    goals = {one: goal if one is None else library.scenario(one).get("goal") for one in known}
    # Figures of another goal, as mota beside idf1, cannot be compared.
    tests = [
        run.summary["test"]
        for run in finished
        if "test" in run.summary and goals[run.scenario_sha256] == goal
    ]
    return {
        "name": name,
        "task": goal.get("task"),
        "inputs": {key: part["modality"] for key, part in definition.get("inputs", {}).items()},
        "target": goal.get("target"),
        "finished_runs": len(finished),
        "best": max(tests, default=None),
    }


@app.command("show")
def show_scenario(
    scenario: Annotated[
        str, typer.Argument(help="A name, also of one that was run, a folder or a file.")
    ],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="A.B=VALUE", help="Change a key of the scenario."),
    ] = None,
    json_to: Json = None,
) -> None:
    """Check a scenario and show all its keys, the defaults among them."""
    document = _found(scenario, changes or []).model_dump(mode="json")
    table = Table(title=Text(document["name"]))
    table.add_column("key")
    table.add_column("value", overflow="fold")
    for section, value in document.items():
        if isinstance(value, dict):
            for key, item in value.items():
                table.add_row(f"{section}.{key}", Text(str(item)))
        else:
            table.add_row(section, Text(str(value)))
    show(table, document, json_to)


def _found(scenario: str, changes: list[str]) -> AnyScenario:
    """Return a scenario that can be read, or as the newest run of this name has it.

    Raises:
        ScenarioError: there is none, or it says something impossible.
    """
    try:
        find_scenario(scenario)
    except ScenarioError as error:
        library = Library.open(load_settings())
        for run in library.runs(scenario):  # the newest first
            if run.scenario_sha256 is not None:
                origin = f"scenario {scenario!r} of run {run.id}"
                return changed(
                    parse_scenario(library.scenario(run.scenario_sha256), origin), changes, origin
                )
        raise ScenarioError(f"{error}; nor was one of this name run") from error
    return load_scenario(scenario, changes)

"""``brainray scenarios``: the built-in scenarios, and how often each was run."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from brainray.catalog import Library
from brainray.cli.output import Json, show
from brainray.scenario import Scenario, load_scenario
from brainray.scenario.load import builtin_scenarios
from brainray.settings import load_settings

app = typer.Typer(help="The built-in scenarios.", no_args_is_help=True)


@app.command("list")
def list_scenarios(json_to: Json = None) -> None:
    """List the built-in scenarios, and how often each was run to the end."""
    library = Library.open(load_settings())
    table = Table(title="Scenarios")
    for heading in ("name", "task", "inputs", "target"):
        table.add_column(heading)
    table.add_column("finished runs", justify="right")
    documents = []
    for name in builtin_scenarios():
        scenario = load_scenario(name)
        inputs = {key: part.modality for key, part in scenario.inputs.items()}
        finished = sum(run.status == "finished" for run in library.runs(scenario.name))
        cells = [f"{key} ({modality})" for key, modality in inputs.items()]
        task = scenario.goal.task
        target = scenario.goal.target if isinstance(scenario, Scenario) else None
        table.add_row(name, task, Text(", ".join(cells)), target, str(finished))
        documents.append(
            {
                "name": name,
                "task": task,
                "inputs": inputs,
                "target": target,
                "finished_runs": finished,
            }
        )
    show(table, documents, json_to)


@app.command("show")
def show_scenario(
    scenario: Annotated[str, typer.Argument(help="A name, a folder or a file.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="A.B=VALUE", help="Change a key of the scenario."),
    ] = None,
    json_to: Json = None,
) -> None:
    """Check a scenario and show all its keys, the defaults among them."""
    document = load_scenario(scenario, changes or []).model_dump(mode="json")
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

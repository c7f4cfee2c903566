"""``brainray cluster``: the coordinator and the regions of a standing cluster."""

import typer
from rich.table import Table
from rich.text import Text

from actors import standing
from brainray.cli.output import Json, new_console, show
from brainray.settings import load_settings

app = typer.Typer(
    help="The standing cluster of RAY_ADDRESS: its nodes, actors and runs.", no_args_is_help=True
)


@app.command("up")
def up() -> None:
    """Start the coordinator and the regions that have networks; end all other regions."""
    settings = load_settings()
    with standing.joined():
        regions = standing.start(settings)
    _say(f"coordinator and regions are up: {', '.join(regions)}")


@app.command("status")
def status(json_to: Json = None) -> None:
    """Show nodes, CPUs, coordinator, regions with what they hold, and runs in execution."""
    with standing.joined():
        found = standing.status()
    cpus = found["cpus"]
    table = Table(title=Text(f"Cluster {found['address']}"))
    for heading in ("what", "name", "state"):
        table.add_column(heading)
    table.add_column("holds", overflow="fold")
    for node in found["nodes"]:
        labels = [f"{key}={value}" for key, value in node["labels"].items()]
        holds = ", ".join([f"{node['cpus']} CPUs", f"{node['gpus']} GPUs", *labels])
        _row(table, "node", node["host"], "alive" if node["alive"] else "dead", holds)
    _row(table, "coordinator", "", found["coordinator"], "")
    for name, region in found["regions"].items():
        models = "busy"
        if "models" in region:
            models = f"{len(region['models'])} models, {region['parameters']:,} parameters"
        _row(table, "region", name, region["state"], models)
    for run in found["runs"]:
        _row(table, "run", run, "running", "")
    show(table, found, json_to, f"{cpus['free']} of {cpus['total']} CPUs are free.")


@app.command("down")
def down() -> None:
    """End the coordinator and the regions; machines and Ray stay (`ray down` ends them)."""
    with standing.joined():
        ended = standing.end()
    _say(f"ended: {', '.join(ended) or 'nothing, none was up'}; Ray stays, until: ray down")


def _row(table: Table, *cells: str) -> None:
    table.add_row(*map(Text, cells))


def _say(text: str) -> None:
    new_console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)

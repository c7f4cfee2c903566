"""The command ``brainray``: its command groups, and how errors end."""

import os
import sys

import typer
from rich.console import Console

from brainray.cli import catalog, data, db, run, runs, scenarios
from brainray.errors import BrainrayError

app = typer.Typer(
    help="From a scenario to a trained, stored fusion network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("run")(run.run)
app.add_typer(runs.app, name="runs")
app.add_typer(scenarios.app, name="scenarios")
app.add_typer(catalog.app, name="catalog")
app.add_typer(data.app, name="data")
app.add_typer(db.app, name="db")


def main() -> None:
    """Run the command line; a `BrainrayError` becomes one line on stderr and exit code 1."""
    # Ray asks for this in a future release; without it every start prints a warning.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        app()
    except BrainrayError as error:
        _say(str(error))
        sys.exit(1)


def _say(text: str) -> None:
    Console(stderr=True, soft_wrap=True).print(f"brainray: {text}", markup=False, highlight=False)

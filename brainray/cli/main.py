"""The command ``brainray``: its command groups, and how errors end."""

import os
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from brainray.cli.output import new_console
from brainray.errors import BrainrayError

COMMANDS = {
    "run": ("brainray.cli.run:run", "Build, train and store the network of a scenario."),
    "submit": (
        "brainray.cli.submit:submit",
        "Run a scenario as a job on a standing cluster; Ctrl-C leaves it running.",
    ),
    "predict": ("brainray.cli.predict:predict", "Answer every row of a manifest."),
    "evaluate": (
        "brainray.cli.evaluate:evaluate",
        "Compare the answers of a model with the truth.",
    ),
    "export": (
        "brainray.cli.export:export",
        "Write a model as ONNX, checked against the stored one, and a model card.",
    ),
    "track": (
        "brainray.cli.track:track",
        "Give detected boxes identities through the frames of videos.",
    ),
    "runs": ("brainray.cli.runs:app", "What was run, and with which result."),
    "scenarios": ("brainray.cli.scenarios:app", "Scenarios that are built in or were run."),
    "serve": (
        "brainray.cli.serve:serve",
        "Answer predictions and show the catalog over HTTP, on a standing cluster or until Ctrl-C.",
    ),
    "deploy": (
        "brainray.cli.deploy:deploy",
        "Have a model answer at an endpoint, or a tracker; a service follows within a second.",
    ),
    "undeploy": (
        "brainray.cli.deploy:undeploy",
        "Remove an endpoint; models stay in the catalog.",
    ),
    "keys": ("brainray.cli.keys:app", "Who may deploy and maintain over HTTP."),
    "catalog": ("brainray.cli.catalog:app", "What is in the catalog."),
    "atlas": ("brainray.cli.atlas:app", "Brain atlases: what ROIs do, how they are related."),
    "data": ("brainray.cli.data:app", "The ready data sets."),
    "search": ("brainray.cli.search:app", "Searchers, compared on tables of known values."),
    "cluster": (
        "brainray.cli.cluster:app",
        "The standing cluster of RAY_ADDRESS: its nodes, actors and runs.",
    ),
    "doctor": (
        "brainray.cli.doctor:doctor",
        "Look for what is wrong with this installation, and say what mends it.",
    ),
    "db": ("brainray.cli.db:app", "The catalog's database."),
}
"""Where each command is, and its line in the help. It is imported when it is called, so that help
is quick and ``doctor`` runs where a package is broken."""


class Deferred(TyperGroup):
    """Stands for a command in the help until it is called.

    Args:
        name: of the command.
        place: ``module:attribute`` of a `typer.Typer` or a function.
        help: its line in the list of commands.
    """

    def __init__(self, name: str, place: str, help: str) -> None:
        super().__init__(name=name, help=help)
        self._place = place

    def load(self) -> Any:
        """Import and return the command."""
        module, _, attribute = self._place.partition(":")
        found = getattr(import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False)
            found.command(self.name)(function)
        return typer.main.get_command(found)


class Commands(TyperGroup):
    """The commands of `COMMANDS`, imported when they are called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: Deferred(name, *entry) for name, entry in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command that is called, and import it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Deferred) else command, rest


app = typer.Typer(
    cls=Commands,
    help="From a scenario to a trained, stored fusion network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def brainray() -> None:
    """Keep the groups, which `Commands` knows, below one command."""


def main() -> None:
    """Run the command line; a `BrainrayError` becomes one line on stderr."""
    # Ray asks for this in a future release; without it every start prints a warning.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        app()
    except BrainrayError as error:
        _say(str(error))
        sys.exit(error.exit_code)


def _say(text: str) -> None:
    new_console(stderr=True, soft_wrap=True).print(
        f"brainray: {text}", markup=False, highlight=False
    )

"""``brainray keys``: who may deploy and maintain over HTTP."""

import sys
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from brainray.catalog import Library
from brainray.catalog.keys import ROLES
from brainray.cli.output import Json, new_console, show
from brainray.settings import load_settings

app = typer.Typer(help="Who may deploy and maintain over HTTP.", no_args_is_help=True)


@app.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="Whose it is.")],
    role: Annotated[str, typer.Option(help=f"{' or '.join(ROLES)}.")] = ROLES[0],
) -> None:
    """Make a key and print it, once: only its hash is kept."""
    secret = Library.open(load_settings()).add_key(name, role)
    sys.stdout.write(f"{secret}\n")
    new_console(stderr=True).print("Keep it: it cannot be shown again.")


@app.command("list")
def list_keys(json_to: Json = None) -> None:
    """List the keys, without their secrets."""
    keys = Library.open(load_settings()).api_keys()
    table = Table(title=f"{len(keys)} keys")
    for heading in ("name", "role", "created (UTC)"):
        table.add_column(heading)
    for key in keys:
        table.add_row(Text(key.name), key.role, f"{key.created:%Y-%m-%d %H:%M}")
    documents = [vars(key) | {"created": key.created.isoformat()} for key in keys]
    show(table, documents, json_to)


@app.command("remove")
def remove_key(name: Annotated[str, typer.Argument(help="Whose it is.")]) -> None:
    """Remove a key; it allows nothing any more."""
    Library.open(load_settings()).remove_key(name)

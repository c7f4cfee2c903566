"""``brainray db``: the catalog's database."""

import typer
from rich.console import Console

from brainray.catalog.database import upgrade
from brainray.settings import load_settings

app = typer.Typer(help="The catalog's database.", no_args_is_help=True)


@app.callback()
def db() -> None:
    """Keep ``upgrade`` a command of its own, though it is the only one."""


@app.command("upgrade")
def upgrade_database() -> None:
    """Bring the database to the newest revision."""
    revision = upgrade(load_settings().database_url)
    Console(stderr=True).print(f"The database has revision {revision}.")

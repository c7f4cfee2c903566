"""``brainray db``: the catalog's database."""

import typer

from brainray.catalog.database import downgrade, upgrade
from brainray.cli.output import new_console
from brainray.settings import load_settings

app = typer.Typer(help="The catalog's database.", no_args_is_help=True)


@app.command("upgrade")
def upgrade_database() -> None:
    """Bring the database to the newest revision."""
    revision = upgrade(load_settings().database_url)
    new_console(stderr=True).print(f"The database has revision {revision}.")


@app.command("downgrade")
def downgrade_database(revision: str) -> None:
    """Bring the database back to an older REVISION; what that one cannot express is lost."""
    downgrade(load_settings().database_url, revision)
    new_console(stderr=True).print(f"The database has revision {revision}.")

"""``brainray catalog``: what is in the catalog, and its care."""

import typer

from brainray.cli.catalog import models

app = typer.Typer(help="What is in the catalog.", no_args_is_help=True)
app.command("list")(models.list_models)
app.command("show")(models.show_model)
app.command("stats")(models.stats)

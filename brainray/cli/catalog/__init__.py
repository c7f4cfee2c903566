"""``brainray catalog``: what is in the catalog, and its care."""

import typer

from brainray.cli.catalog import models, upkeep

app = typer.Typer(help="What is in the catalog.", no_args_is_help=True)
app.command("list")(models.list_models)
app.command("show")(models.show_model)
app.command("stats")(models.stats)
app.command("verify")(upkeep.verify)
app.command("gc")(upkeep.gc)
app.command("download")(upkeep.download)

remove = typer.Typer(help="Remove from the catalog.", no_args_is_help=True)
remove.command("model")(upkeep.remove_model)
app.add_typer(remove, name="remove")

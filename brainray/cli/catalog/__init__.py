"""``brainray catalog``: what is in the catalog, and its care."""

import typer

from brainray.cli.catalog import archive, dictionaries, models, regions, upkeep

app = typer.Typer(help="What is in the catalog.", no_args_is_help=True)
app.command("list")(models.list_models)
app.command("search")(models.search_models)
app.command("show")(models.show_model)
app.command("stats")(models.stats)
app.command("upload")(archive.upload)
app.command("remove")(upkeep.remove)
app.command("move")(regions.move)
app.command("merge")(regions.merge)
app.command("split")(regions.split)

add = typer.Typer(help="Add to the catalog.", no_args_is_help=True)
add.command("region")(dictionaries.add_region)
add.command("function")(dictionaries.add_function)
add.command("platform")(dictionaries.add_platform)
add.command("optimizer")(dictionaries.add_optimizer)
add.command("data-set")(archive.add_data_set)
add.command("network")(archive.add_network)
add.command("model")(archive.add_model)
app.add_typer(add, name="add")

app.command("verify")(upkeep.verify)
app.command("gc")(upkeep.gc)
app.command("download")(upkeep.download)

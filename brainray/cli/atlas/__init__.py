"""``brainray atlas``: brain atlases of the catalog, what they excite, and why."""

import typer

from brainray.cli.atlas import activate, adding, explain, picture, rows, stats

app = typer.Typer(help="Brain atlases: what ROIs do, how they are related.", no_args_is_help=True)
app.command("activate")(activate.activate)
app.command("explain")(explain.explain)
app.command("picture")(picture.picture)
app.command("stats")(stats.stats)
app.command("list")(rows.list_atlases)
app.command("show")(rows.show_atlas)
app.command("import")(rows.import_atlas)
app.command("remove")(rows.remove_atlas)

add = typer.Typer(help="Add single rows to an atlas.", no_args_is_help=True)
add.command("roi")(adding.add_roi)
add.command("association")(adding.add_association)
add.command("relation")(adding.add_relation)
app.add_typer(add, name="add")

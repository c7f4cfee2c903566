"""``brainray atlas``: the brain atlases of the catalog, and what they excite."""

import typer

from brainray.cli.atlas import activate, explain, picture

app = typer.Typer(help="Brain atlases: what ROIs do, how they are related.", no_args_is_help=True)


@app.callback()
def atlas() -> None:
    """Keep the commands below one group."""


app.command("activate")(activate.activate)
app.command("explain")(explain.explain)
app.command("picture")(picture.picture)

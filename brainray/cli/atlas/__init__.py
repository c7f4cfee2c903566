"""``brainray atlas``: the brain atlases of the catalog, and what they excite."""

import typer

app = typer.Typer(help="Brain atlases: what ROIs do, how they are related.", no_args_is_help=True)


@app.callback()
def atlas() -> None:
    """Keep the commands below one group."""

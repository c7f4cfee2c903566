"""``brainray deploy`` and ``undeploy``: which model answers at which endpoint."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from brainray.catalog import Library, Model
from brainray.catalog.endpoints import Endpoint
from brainray.cli.output import Json, show
from brainray.errors import SettingsError, UnknownError
from brainray.pipeline.predict import load_model
from brainray.settings import load_settings


def deploy(
    model: Annotated[
        str | None, typer.Argument(help="Its id, the id's beginning, or its name.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the endpoint; by default as the scenario says.")
    ] = None,
    canary: Annotated[
        float | None,
        typer.Option(help="Share of the requests, between 0 and 1, beside what answers now."),
    ] = None,
    rollback: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="End the canary of an endpoint, or undo its change."),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="Only show the endpoints.")] = False,
    json_to: Json = None,
) -> None:
    """Have a model answer at an endpoint; a service that runs follows within a second."""
    library = Library.open(load_settings())
    if sum((model is not None, rollback is not None, listing)) != 1:
        raise SettingsError("MODEL: give one, or --rollback NAME, or --list")
    if model is None and (name is not None or canary is not None):
        raise SettingsError("--name and --canary: go with a MODEL alone")
    if model is not None:
        load_model(library, model)  # what cannot be loaded is not deployed
        found = library.model(model)
        library.deploy(found.id, name or _endpoint_name(library, found), canary)
    elif rollback is not None:
        library.roll_back(rollback)
    endpoints = library.endpoints()
    show(_table(endpoints), [_json(endpoint) for endpoint in endpoints], json_to)


def undeploy(name: Annotated[str, typer.Argument(help="Of the endpoint.")]) -> None:
    """Remove an endpoint; its models stay in the catalog."""
    Library.open(load_settings()).undeploy(name)


def _endpoint_name(library: Library, model: Model) -> str:
    """Return what the scenario of a model's run calls the endpoint, else the scenario's name."""
    sha256 = None
    try:
        if model.run_id is not None:
            sha256 = library.run(model.run_id).scenario_sha256
    except UnknownError:
        sha256 = None  # the run was removed
    if sha256 is None:
        raise SettingsError(f"--name: is missing; no scenario says how {model.id} is to be called")
    scenario = library.scenario(sha256)
    serve = scenario.get("serve") or {}
    return str(serve.get("name") or scenario["name"])


def _table(endpoints: list[Endpoint]) -> Table:
    table = Table(title=f"{len(endpoints)} endpoints")
    for heading in ("name", "model", "canary", "before", "revision", "changed (UTC)"):
        table.add_column(heading, overflow="fold")
    for endpoint in endpoints:
        canary = f"{endpoint.canary} ({endpoint.share:.0%})" if endpoint.canary else ""
        cells = (
            endpoint.name,
            endpoint.model,
            canary,
            endpoint.previous or "",
            str(endpoint.revision),
            f"{endpoint.changed:%Y-%m-%d %H:%M}",
        )
        table.add_row(*map(Text, cells))
    return table


def _json(endpoint: Endpoint) -> dict[str, object]:
    return vars(endpoint) | {"changed": endpoint.changed.isoformat()}

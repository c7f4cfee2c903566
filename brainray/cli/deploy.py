"""``brainray deploy`` and ``undeploy``: which model answers at which endpoint."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from brainray.catalog import Library, Model
from brainray.catalog.endpoints import Endpoint
from brainray.catalog.tracking_endpoints import TrackingEndpoint
from brainray.cli.output import Json, show
from brainray.errors import SettingsError, UnknownError
from brainray.pipeline.tracking.deployment import deploy_choice, meant
from brainray.settings import load_settings
from brainray.tracking.definition import deploy as deploy_tracking
from brainray.tracking.definition import read_definition


def deploy(
    model: Annotated[
        str | None,
        typer.Argument(
            help="Id of a model, the id's beginning, or its name; or a finished run: what it has "
            "returned or, if it is one of tracking, chosen.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the endpoint; by default as the scenario says.")
    ] = None,
    canary: Annotated[
        float | None,
        typer.Option(help="Share of the requests, between 0 and 1, beside what answers now."),
    ] = None,
    sequence: Annotated[
        str | None,
        typer.Option(help="For which video a run of tracking has chosen what is deployed."),
    ] = None,
    rollback: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="End the canary of an endpoint, or undo its change."),
    ] = None,
    tracking: Annotated[
        Path | None,
        typer.Option(
            metavar="F",
            help="A YAML file with a detector and a tracker, which then follow objects at --name.",
        ),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="Only show the endpoints.")] = False,
    json_to: Json = None,
) -> None:
    """Have a model answer at an endpoint, or a tracker; a service follows within a second."""
    library = Library.open(load_settings())
    given = (model is not None, rollback is not None, tracking is not None, listing)
    if sum(given) != 1:
        raise SettingsError(
            "MODEL: give one or a run, or --tracking F, or --rollback NAME, or --list"
        )
    if model is None and canary is not None:
        raise SettingsError("--canary: goes with a MODEL alone")
    if name is not None and (rollback is not None or listing):
        raise SettingsError("--name: goes with a MODEL or --tracking alone")
    if sequence is not None and model is None:
        raise SettingsError("--sequence: goes with a run of tracking alone")
    if model is not None:
        _deploy(library, model, name, canary, sequence)
    elif tracking is not None:
        deploy_tracking(library, name or tracking.stem, read_definition(tracking))
    elif rollback is not None:
        library.roll_back(rollback)
    endpoints: list[Endpoint | TrackingEndpoint] = [
        *library.endpoints(),
        *library.tracking_endpoints(),
    ]
    show(_table(endpoints), [_json(endpoint) for endpoint in endpoints], json_to)


def _deploy(
    library: Library, what: str, name: str | None, canary: float | None, sequence: str | None
) -> None:
    """Deploy a model, or what a run has returned or chosen."""
    found = meant(library, what)
    if isinstance(found, Model):
        if sequence is not None:
            raise SettingsError(f"--sequence: goes with a run of tracking alone, {what} predicts")
        from brainray.pipeline.predict import load_model  # by torch

        load_model(library, found.id)  # what cannot be loaded is not deployed
        library.deploy(found.id, name or _endpoint_name(library, found), canary)
    elif canary is not None:
        raise SettingsError(f"--canary: goes with a model alone, {found.id} tracks")
    else:
        deploy_choice(library, found, sequence, name)


def undeploy(name: Annotated[str, typer.Argument(help="Of the endpoint.")]) -> None:
    """Remove an endpoint; models stay in the catalog."""
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


def _table(endpoints: list[Endpoint | TrackingEndpoint]) -> Table:
    table = Table(title=f"{len(endpoints)} endpoints")
    for heading in ("name", "model", "canary", "before", "revision", "changed (UTC)"):
        table.add_column(heading, overflow="fold")
    for endpoint in endpoints:
        if isinstance(endpoint, TrackingEndpoint):
            what = (f"{endpoint.detector or 'given boxes'} + {endpoint.tracker}", "", "")
        else:
            canary = f"{endpoint.canary} ({endpoint.share:.0%})" if endpoint.canary else ""
            what = (endpoint.model, canary, endpoint.previous or "")
        changed = f"{endpoint.changed:%Y-%m-%d %H:%M}"
        cells = (endpoint.name, *what, str(endpoint.revision), changed)
        table.add_row(*map(Text, cells))
    return table


def _json(endpoint: Endpoint | TrackingEndpoint) -> dict[str, object]:
    return vars(endpoint) | {"changed": endpoint.changed.isoformat()}

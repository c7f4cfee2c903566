"""Endpoints: what answers where, and who may change it."""

import logging
from pathlib import PurePosixPath

from fastapi import APIRouter, Request

from brainray.catalog import Model
from brainray.catalog.endpoints import Endpoint
from brainray.catalog.queries import unknown
from brainray.catalog.tracking_endpoints import TrackingEndpoint
from brainray.errors import BrainrayError, DataError
from brainray.pipeline.tracking.deployment import deploy_choice, meant

from ..desk import Desk, Served
from ..schemas import Deployment, EndpointState, TrackingState
from .access import needs
from .predict import Name
from .problems import responses

_log = logging.getLogger("brainray.serve")

router = APIRouter(prefix="/api/endpoints", tags=["endpoints"], responses=responses(422))


@router.get("")
def list_endpoints(request: Request) -> list[EndpointState]:
    """Return the endpoints, by name."""
    desk: Desk = request.app.state.desk
    states = [_state(desk, served) for served in desk.served()]
    states += map(_tracking_state, desk.tracking().values())
    return sorted(states, key=lambda state: state.name)


@router.get("/{name}", responses=responses(404))
def show_endpoint(name: Name, request: Request) -> EndpointState:
    """Return an endpoint."""
    return _found(request, name)


@router.put(
    "/{name}", dependencies=[needs("deployer")], responses=responses(400, 401, 403, 404, 409, 503)
)
def deploy(name: Name, deployment: Deployment, request: Request) -> EndpointState:
    """Have a model answer at an endpoint, or a share of its requests, or what a run has chosen.

    The model is loaded first; requests meanwhile are answered as before.
    """
    state = request.app.state
    found = meant(state.library, deployment.model)
    if isinstance(found, Model):
        if deployment.sequence is not None:
            raise DataError(f"sequence: goes with a run of tracking alone, {found.id} predicts")
        state.shelf.load(found.id)
        return _changed(request, state.library.deploy(found.id, name, deployment.canary))
    if deployment.canary is not None:
        raise DataError(f"canary: goes with a model alone, {found.id} tracks")
    endpoint = deploy_choice(state.library, found, deployment.sequence, name)
    _refresh(state.desk)
    return _tracking_state(endpoint)


@router.post(
    "/{name}/rollback", dependencies=[needs("deployer")], responses=responses(401, 403, 404, 409)
)
def roll_back(name: Name, request: Request) -> EndpointState:
    """End the canary or, if there is none, have the model answer that answered before."""
    return _changed(request, request.app.state.library.roll_back(name))


@router.delete(
    "/{name}", status_code=204, dependencies=[needs("deployer")], responses=responses(401, 403, 404)
)
def undeploy(name: Name, request: Request) -> None:
    """Remove an endpoint; its models stay in the catalog."""
    request.app.state.library.undeploy(name)
    _refresh(request.app.state.desk)


def _changed(request: Request, endpoint: Endpoint) -> EndpointState:
    """Return an endpoint that has just been changed."""
    desk: Desk = request.app.state.desk
    _refresh(desk)
    served = desk.find(endpoint.name)
    if served is None or served.wanted.revision < endpoint.revision:
        served = Served(endpoint, endpoint)  # as it will be
    return _state(desk, served)


def _refresh(desk: Desk) -> None:
    """Have a change take effect at once. It is made: that must not look like a failure."""
    try:
        desk.refresh()
    except BrainrayError as error:
        _log.warning("a change takes effect later: %s", error)


def _found(request: Request, name: str) -> EndpointState:
    """Return an endpoint as the catalog has it now."""
    desk: Desk = request.app.state.desk
    desk.refresh()
    served = desk.find(name)
    if served is not None:
        return _state(desk, served)
    if name in desk.tracking():
        return _tracking_state(desk.tracking()[name])
    known = [state.endpoint.name for state in desk.served()]
    raise unknown("endpoint", name, [*known, *desk.tracking()])


def _tracking_state(endpoint: TrackingEndpoint) -> EndpointState:
    return EndpointState(
        name=endpoint.name,
        model=None,
        canary=None,
        share=0.0,
        previous=None,
        revision=endpoint.revision,
        changed=endpoint.changed,
        inputs=None,
        problem=None,
        tracking=TrackingState(
            detector=endpoint.detector,
            detector_options=endpoint.detector_options,
            files={option: PurePosixPath(key).stem for option, key in endpoint.files.items()},
            tracker=endpoint.tracker,
            tracker_options=endpoint.tracker_options,
            min_score=endpoint.min_score,
        ),
    )


def _state(desk: Desk, served: Served) -> EndpointState:
    endpoint = served.endpoint
    inputs = desk.inputs(served)
    return EndpointState(
        name=endpoint.name,
        model=endpoint.model,
        canary=endpoint.canary,
        share=endpoint.share,
        previous=endpoint.previous,
        revision=endpoint.revision,
        changed=endpoint.changed,
        inputs=None if inputs is None else dict(inputs),
        problem=served.problem,
    )

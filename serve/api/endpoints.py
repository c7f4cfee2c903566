"""Endpoints: what answers where, and who may change it."""

from fastapi import APIRouter, Request

from brainray.catalog.queries import unknown

from ..desk import Desk, Served
from ..schemas import Deployment, EndpointState
from .access import needs
from .predict import Name
from .problems import responses

router = APIRouter(prefix="/api/endpoints", tags=["endpoints"], responses=responses(422))


@router.get("")
def list_endpoints(request: Request) -> list[EndpointState]:
    """Return the endpoints, by name."""
    desk: Desk = request.app.state.desk
    return [_state(desk, served) for served in desk.served()]


@router.get("/{name}", responses=responses(404))
def show_endpoint(name: Name, request: Request) -> EndpointState:
    """Return an endpoint."""
    return _found(request, name)


@router.put(
    "/{name}", dependencies=[needs("deployer")], responses=responses(401, 403, 404, 409, 503)
)
def deploy(name: Name, deployment: Deployment, request: Request) -> EndpointState:
    """Have a model answer at an endpoint, or a share of its requests.

    The model is loaded first; requests meanwhile are answered as before.
    """
    state = request.app.state
    model = state.library.model(deployment.model).id
    state.shelf.load(model)
    state.library.deploy(model, name, deployment.canary)
    return _found(request, name)


@router.post(
    "/{name}/rollback", dependencies=[needs("deployer")], responses=responses(401, 403, 404, 409)
)
def roll_back(name: Name, request: Request) -> EndpointState:
    """End the canary or, if there is none, have the model answer that answered before."""
    request.app.state.library.roll_back(name)
    return _found(request, name)


@router.delete(
    "/{name}", status_code=204, dependencies=[needs("deployer")], responses=responses(401, 403, 404)
)
def undeploy(name: Name, request: Request) -> None:
    """Remove an endpoint; its models stay in the catalog."""
    request.app.state.library.undeploy(name)
    request.app.state.desk.refresh()


def _found(request: Request, name: str) -> EndpointState:
    """Return an endpoint as the catalog has it now."""
    desk: Desk = request.app.state.desk
    desk.refresh()
    served = desk.find(name)
    if served is None:
        known = [state.endpoint.name for state in desk.served()]
        raise unknown("endpoint", name, known)
    return _state(desk, served)


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

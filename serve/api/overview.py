"""The whole at a glance: health, regions, statistics."""

from importlib.metadata import version

from fastapi import APIRouter, Request

from brainray.catalog.library import Library
from brainray.catalog.values import Stats, Totals
from brainray.errors import BrainrayError

from ..schemas import Health, RegionState, SubRegionState
from .models import Filter
from .problems import responses

router = APIRouter(prefix="/api", tags=["overview"], responses=responses(422))


@router.get("/health", responses=responses(503))
def health(request: Request) -> Health:
    """Say whether the catalog answers."""
    library: Library = request.app.state.library
    try:
        library.endpoints()
    except BrainrayError as error:
        return Health(status="degraded", version=version("brainray"), problem=str(error))
    return Health(status="ok", version=version("brainray"), problem=None)


@router.get("/regions", responses=responses(503))
def list_regions(request: Request) -> list[RegionState]:
    """Return the regions with their sub-regions and what lives there."""
    library: Library = request.app.state.library
    totals = library.stats().by["sub_region"]
    functions: dict[str, list[str]] = {}
    for row in library.entries("functions"):
        functions.setdefault(row["sub_region"], []).append(row["name"])
    networks: dict[str, int] = {}
    for row in library.entries("networks"):
        for place in row["sub_regions"]:
            networks[place] = networks.get(place, 0) + 1
    parts: dict[str, list[SubRegionState]] = {}
    for row in library.entries("sub-regions"):
        name = row["name"]
        held = totals.get(name, Totals())
        parts.setdefault(row["region"], []).append(
            SubRegionState(
                name=name,
                description=row["description"],
                functions=functions.get(name, []),
                networks=networks.get(name, 0),
                models=held.models,
                parameters=held.parameters,
            )
        )
    return [
        RegionState(
            name=row["name"],
            description=row["description"],
            sub_regions=parts.get(row["name"], []),
        )
        for row in library.entries("regions")
    ]


@router.get("/stats", responses=responses(422, 503))
def stats(request: Request, filter: Filter = None) -> Stats:
    """Return how many models fit a filter, and how large they are, by what they are."""
    library: Library = request.app.state.library
    return library.stats(filter)

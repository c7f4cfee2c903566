"""The models of the catalog: found, described, brought and removed."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from brainray.catalog.code import encode
from brainray.catalog.library import Library
from brainray.catalog.search import LARGEST_PAGE
from brainray.catalog.weights import weights_path
from brainray.errors import CatalogError

from ..schemas import ModelDetail, ModelPage
from .access import needs
from .problems import responses

router = APIRouter(prefix="/api/models", tags=["models"], responses=responses(422))

Filter = Annotated[
    str | None,
    Query(
        max_length=10_000,
        description="E.g. `region = vision AND accuracy >= 90% AND NOT optimizer = sgd`; a word "
        "alone is looked for everywhere.",
    ),
]
Offset = Annotated[int, Query(ge=0, le=2**31, description="How many come before the page.")]
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}


@router.get("", responses=responses(422, 503))
def list_models(
    request: Request,
    filter: Filter = None,
    sort: Annotated[
        str, Query(max_length=100, description="A field, with `:desc` for falling values.")
    ] = "id",
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 20,
    offset: Offset = 0,
    facets: Annotated[bool, Query(description="Count the values of all that fit.")] = False,
) -> ModelPage:
    """Return one page of the models that fit a filter."""
    library: Library = request.app.state.library
    page = library.search(filter, sort, limit, offset)
    return ModelPage(
        models=list(page.models),
        total=page.total,
        offset=page.offset,
        next_offset=page.next_offset,
        facets=library.facets(filter).by if facets else None,
    )


@router.get("/{model}", responses=responses(404, 409, 503))
def show_model(model: str, request: Request) -> ModelDetail:
    """Return a model by its id, its name (the newest version) or the id's beginning."""
    library: Library = request.app.state.library
    found = library.model(model)
    lineage = library.lineage(found.id)
    served = [e.name for e in library.endpoints() if found.id in (e.model, e.canary)]
    return ModelDetail(
        model=found,
        code=encode(library.code(found.id)),
        ancestors=list(dict.fromkeys(link.older for link in lineage.ancestors)),
        descendants=list(dict.fromkeys(link.newer for link in lineage.descendants)),
        evaluations=[_json(asdict(one)) for one in library.evaluations(found.id)],
        endpoints=served,
    )


@router.get(
    "/{model}/weights",
    response_class=FileResponse,
    responses={
        **responses(404, 409, 503),
        200: {"content": {"application/octet-stream": {}}, "description": "The file."},
        206: {"content": {"application/octet-stream": {}}, "description": "A range of it."},
        304: {"description": "The client has it: `If-None-Match` named its ETag."},
        400: {"content": {"text/plain": {}}, "description": "`Range` is none of bytes."},
        416: {"description": "The range lies outside of the file."},
    },
)
def download_weights(model: str, request: Request) -> Response:
    """Return the weights of a model; the ETag is their sha256, and ranges may be asked for."""
    library: Library = request.app.state.library
    found = library.model(model)
    etag = f'"{found.sha256}"'
    headers = {"ETag": etag, **_FOR_EVER}
    # What compresses answers on the way makes the tag a weak one; the file is the same.
    asked = [
        tag.strip().removeprefix("W/")
        for tag in request.headers.get("if-none-match", "").split(",")
    ]
    if etag in asked or "*" in asked:
        return Response(status_code=304, headers=headers)
    name = f"{found.id}.{found.key.rpartition('.')[2]}"
    path = weights_path(library.store, found.key)
    return FileResponse(path, 200, headers, "application/octet-stream", filename=name)


@router.delete(
    "/{model}",
    status_code=204,
    dependencies=[needs("maintainer")],
    responses=responses(401, 403, 404, 409, 503),
)
def remove_model(model: str, request: Request) -> None:
    """Remove a model that nothing uses, with its weights."""
    library: Library = request.app.state.library
    found = library.model(model).id
    if found != model:  # asked twice, a name would remove the model before, too
        raise CatalogError(f"model {model!r}: is no whole id; {found} has that name or beginning")
    library.remove(found)


def _json(values: dict[str, Any]) -> dict[str, Any]:
    return values | {"created": values["created"].isoformat()}

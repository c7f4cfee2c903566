"""How errors leave the API: a status and one line, never a traceback."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from brainray.errors import (
    BrainrayError,
    CatalogError,
    ClusterError,
    DataError,
    FilterError,
    InvalidError,
    NetworkError,
    RunError,
    ScenarioError,
    UnavailableError,
    UnknownError,
)


class Problem(BaseModel):
    """What went wrong: one line that names the field, the value and what is allowed."""

    detail: str


def responses(*statuses: int) -> dict[int | str, dict[str, type[Problem]]]:
    """Return what OpenAPI says of the errors of a call."""
    return {status: {"model": Problem} for status in statuses}


def status_of(error: BrainrayError) -> int:
    """Return the HTTP status of an error."""
    match error:
        case UnknownError():
            return 404
        case UnavailableError() | ClusterError():
            return 503
        case FilterError() | InvalidError() | DataError() | NetworkError() | ScenarioError():
            return 422
        case CatalogError() | RunError():
            return 409  # what is there does not allow it
        case _:
            return 500


def handle_problems(app: FastAPI) -> None:
    """Have an application answer with `Problem` whatever goes wrong."""

    async def of_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return JSONResponse({"detail": str(error.detail)}, error.status_code, error.headers)

    async def of_values(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        if first["type"] == "json_invalid":
            return JSONResponse({"detail": f"body: is no JSON, at character {where}"}, 400)
        value = repr(first.get("input"))
        given = value if len(value) <= 60 else f"{value[:60]}…"
        return JSONResponse({"detail": f"{where}: {first['msg']}, not {given}"}, 422)

    async def of_ours(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, BrainrayError)
        status = status_of(error)
        headers = {"Retry-After": "1"} if status == 503 else None
        return JSONResponse({"detail": str(error)}, status, headers)

    async def of_anything(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "the service has failed; its log says why"}, 500)

    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_values)
    app.add_exception_handler(BrainrayError, of_ours)
    app.add_exception_handler(Exception, of_anything)

"""The two web applications, without Ray: one predicts, one shows the catalog.

They share no process when served, so that browsing never delays a prediction. Their addresses do
not overlap: the first has all below ``/api/endpoints``.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse

from brainray.catalog.library import Library

from . import pages
from .api import endpoints, history, models, overview, predict, track
from .api.problems import handle_problems
from .batching import Batcher
from .bodies import SmallBodies
from .desk import Desk
from .detection import Detection, LocalDetection
from .docs import docs_page, static_files
from .limits import Limits, TrackLimits
from .shelf import HEADS, Shelf
from .tracking import Streams

PREDICT_PREFIX = "/api/endpoints"
LARGEST_BATCH = 32
PREPARING = 2
"""Large samples that are prepared at the same time."""

_ABOUT: dict[str, Any] = {
    "title": "brainray",
    "version": version("brainray"),
    "summary": "Fused models over HTTP, and the catalog they come from.",
}
# The pages that FastAPI brings load their scripts from elsewhere.
_NO_PAGES: dict[str, Any] = {"docs_url": None, "redoc_url": None, "openapi_url": None}


def predict_app(
    library: Library,
    limits: Limits | None = None,
    largest_batch: int = LARGEST_BATCH,
    heads: int = HEADS,
    track_limits: TrackLimits | None = None,
    detection: Detection | None = None,
) -> FastAPI:
    """Make the application that answers predictions, tracks, and changes endpoints.

    Args:
        library: the catalog.
        limits: of a request; the default ones if None.
        largest_batch: samples that are answered together; 1 answers each alone.
        heads: models that stay loaded.
        track_limits: of a request to track; the default ones if None.
        detection: who detects in the frames that are tracked; threads of this process if None.
    """
    shelf = Shelf(library, heads)
    desk = Desk(library, shelf)
    batcher = Batcher(largest_batch)
    limits = limits or Limits()
    track_limits = track_limits or TrackLimits()
    eyes = detection or LocalDetection(library)
    # Of its own, so that large samples hold up neither the loading of models nor the endpoints.
    preparing = ThreadPoolExecutor(PREPARING, thread_name_prefix="prepare")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(desk.refresh)
        following = asyncio.create_task(desk.follow())
        yield
        following.cancel()
        batcher.close()
        preparing.shutdown(wait=False, cancel_futures=True)
        eyes.close()

    app = FastAPI(**_ABOUT, **_NO_PAGES, lifespan=lifespan)
    app.state.library = library
    app.state.shelf = shelf
    app.state.desk = desk
    app.state.batcher = batcher
    app.state.limits = limits
    app.state.preparing = preparing
    app.state.track_limits = track_limits
    app.state.streams = Streams(track_limits.streams)
    app.state.detection = eyes
    app.add_middleware(SmallBodies, seconds=limits.body_seconds)
    app.include_router(predict.router)
    app.include_router(track.router)
    app.include_router(endpoints.router)
    handle_problems(app)
    return app


def catalog_app(library: Library) -> FastAPI:
    """Make the application of all the rest: the catalog, the history, the documentation.

    Args:
        library: the catalog.
    """
    app = FastAPI(**_ABOUT, **_NO_PAGES)
    app.state.library = library
    app.add_middleware(SmallBodies, seconds=Limits().body_seconds)
    for router in (overview.router, models.router, history.router, pages.router):
        app.include_router(router)
    handle_problems(app)
    openapi = openapi_document()

    @app.get("/api/openapi.json", include_in_schema=False)
    def openapi_json() -> dict[str, Any]:
        return openapi

    @app.get("/api/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(docs_page("/api/openapi.json", "/api/docs/static"))

    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("/api/docs")

    app.mount("/api/docs/static", static_files())
    return app


def openapi_document() -> dict[str, Any]:
    """Return the description of both applications together."""
    whole = FastAPI(**_ABOUT)
    parts = (overview, models, history, predict, track, endpoints)
    for part in parts:
        whole.include_router(part.router)
    document = whole.openapi()
    for schema in track.SCHEMAS:
        described = schema.model_json_schema(ref_template="#/components/schemas/{model}")
        found = described.pop("$defs", {}) | {schema.__name__: described}
        document["components"]["schemas"].update(found)
    return document

"""Tracking: a video, frames or detected boxes come in, lines of boxes with identities go out."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from brainray.catalog.queries import unknown
from brainray.catalog.tracking_endpoints import TrackingEndpoint
from brainray.errors import BrainrayError
from brainray.tracking.camera import CameraMotion
from brainray.tracking.interface import make_tracker

from ..desk import Desk
from ..detection import Detection, Setup
from ..frames import (
    BYTES,
    DETECTIONS,
    FORM,
    FRAMES,
    LINES,
    PARQUET,
    VIDEO,
    Allowed,
    read_frames,
)
from ..limits import TrackLimits
from ..lines import GivenFrame
from ..schemas import TrackedFrame, TrackingEnd
from ..threads import Thread
from ..tracking import Lines, Streams, tracked
from .predict import Name
from .problems import responses

router = APIRouter(prefix="/api/endpoints", tags=["endpoints"], responses=responses(422))

_FILE = {"type": "string", "format": "binary"}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "description": "One of the fields.",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "properties": {
                        VIDEO: _FILE | {"description": "MP4, MOV, WebM, Matroska, AVI, MPEG, Ogg."},
                        FRAMES: {
                            "type": "array",
                            "items": _FILE,
                            "description": "Pictures (PNG, JPEG, …), a part each, in order.",
                        },
                        DETECTIONS: _FILE
                        | {
                            "description": "Parquet with the columns frame, left, top, width, "
                            "height and perhaps conf; or lines of JSON, see there."
                        },
                    },
                    "additionalProperties": False,
                }
            },
            # Clients that are made of this know no type of lines of JSON or Parquet.
            BYTES: {
                "schema": _FILE
                | {
                    "description": f"Detections, either form; also as `{LINES}` or `{PARQUET}`. "
                    "A line of JSON a frame has its number and the boxes in it, in pixels; a "
                    "`conf` of -1 counts as none, which is 1: `GivenFrame`."
                },
                "example": '{"frame": 1, "boxes": [{"left": 10, "top": 20, "width": 30, '
                '"height": 60, "conf": 0.9}]}\n',
            },
        },
    }
}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A line of JSON a frame, as it is tracked: `TrackedFrame`; a frame that "
        "cannot be tracked, or a video without one, ends them with `TrackingEnd`.",
        "content": {
            LINES: {
                "schema": {"type": "string"},
                "example": '{"frame":1,"boxes":[{"id":1,"left":10.0,"top":20.0,"width":30.0,'
                '"height":60.0,"conf":0.9}]}\n',
            }
        },
    }
}
SCHEMAS = (GivenFrame, TrackedFrame, TrackingEnd)
"""What lines hold, which OpenAPI cannot say of them."""


@router.post(
    "/{name}/track",
    response_class=Response,
    responses={**_ANSWER, **responses(400, 404, 408, 409, 413, 415, 422, 429, 503)},
    openapi_extra=_BODY,
)
async def track(name: Name, request: Request) -> Response:
    """Follow objects through frames; every request is a sequence of its own."""
    state = request.app.state
    detection: Detection = state.detection
    limits: TrackLimits = state.track_limits
    streams: Streams = state.streams
    endpoint = await _endpoint(state.desk, name)
    async with AsyncExitStack() as stack:
        streams.begin(stack)
        thread = Thread()
        stack.callback(thread.end)
        try:
            tracker = make_tracker(endpoint.tracker, endpoint.tracker_options)
            camera = CameraMotion() if tracker.needs_motion else None
            setup = Setup.of(endpoint, tracker)
            if setup is not None:
                await detection.load(setup)
        except BrainrayError as error:
            raise HTTPException(503, str(error), {"Retry-After": "1"}) from error
        boxes = camera is None and endpoint.appearance is None
        allowed = Allowed(pictures=setup is not None, boxes=boxes)
        frames = await read_frames(request, allowed, stack, thread, limits)
        lines = tracked(frames, thread, tracker, camera, setup, detection, endpoint.min_score)
        return Lines(lines, stack.pop_all(), limits.send_seconds)


async def _endpoint(desk: Desk, name: str) -> TrackingEndpoint:
    if name not in desk.tracking():
        await asyncio.to_thread(desk.refresh)  # it may have been deployed just now
    endpoint = desk.tracking().get(name)
    if endpoint is None:
        if desk.find(name) is not None:
            raise HTTPException(409, f"endpoint {name!r}: predicts: POST …/{name}/predict")
        raise unknown("endpoint", name, list(desk.tracking()))
    return endpoint

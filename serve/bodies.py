"""Bodies of requests: read within bounds of size and time, whatever they declare."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

CLOSE = {"Connection": "close"}
"""Of an answer that does not wait for the rest of the body."""

SMALL_BYTES = 64 * 1024
"""What any request may bring but a prediction and what is to be tracked."""
WITHOUT_BODY = ("GET", "HEAD", "OPTIONS")


async def read_body(request: Request, largest_bytes: int, seconds: float) -> bytes:
    """Return the body of a request; see `take_body`."""
    chunks: list[bytes] = []

    async def take(chunk: bytes) -> None:
        chunks.append(chunk)

    await take_body(request, largest_bytes, seconds, take)
    return b"".join(chunks)


async def take_body(
    request: Request, largest_bytes: int, seconds: float, take: Callable[[bytes], Awaitable[None]]
) -> None:
    """Hand on the body of a request, a chunk at a time.

    Args:
        request: whose body has not been read.
        largest_bytes: more is refused, declared or sent.
        seconds: in which all of it must have arrived.
        take: is given the chunks.

    Raises:
        HTTPException: 400, 408 or 413.
    """
    too_large = HTTPException(413, f"body: at most {largest_bytes} bytes are allowed", CLOSE)
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > largest_bytes:
        raise too_large
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > largest_bytes:
                    raise too_large
                await take(chunk)
    except TimeoutError as error:
        raise HTTPException(408, f"body: had not arrived after {seconds:g} s", CLOSE) from error
    except ClientDisconnect as error:
        raise HTTPException(400, "body: ended early", CLOSE) from error


class SmallBodies:
    """Bounds the bodies of an application, before it reads one or looks at a key.

    Predictions and tracking bound their own, which may be larger.

    Args:
        app: an ASGI application.
        seconds: in which a body must have arrived.
    """

    def __init__(self, app: Any, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or refuse its body."""
        free = scope["type"] != "http" or scope["method"] in WITHOUT_BODY
        if free or scope["path"].endswith(("/predict", "/track")):
            await self._app(scope, receive, send)
            return
        try:
            body = await read_body(Request(scope, receive), SMALL_BYTES, self._seconds)
        except HTTPException as refused:
            answer = JSONResponse({"detail": refused.detail}, refused.status_code, refused.headers)
            await answer(scope, receive, send)
            return
        whole = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Any:
            return whole.pop() if whole else await receive()

        await self._app(scope, again, send)

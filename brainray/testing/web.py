"""A web application on a real socket."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """Run an ASGI application in a thread and give its address."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [port]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{port.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def together(predict: Any, catalog: Any) -> Any:
    """Return both applications of the service as one, shared out by address as HAProxy does."""

    async def both(scope: Any, receive: Any, send: Any) -> None:
        asked = scope["type"] == "lifespan" or scope["path"].startswith("/api/endpoints")
        await (predict if asked else catalog)(scope, receive, send)

    return both

"""The servers that are compared, each a process of its own on the same catalog."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

HERE = Path(__file__).parent
PEERS = HERE.parents[1] / ".venv-peers" / "bin" / "python"
"""Of the environment that `make` makes for them."""
START_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """A server that answers predictions.

    Attributes:
        name: in the report.
        address: of the service.
        path: that predicts.
        process: id of the process that was started.
    """

    name: str
    address: str
    path: str
    process: int


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def started(name: str, endpoint: str, environment: dict[str, str]) -> Iterator[Server]:
    """Start a server, wait until it answers, and end it with the block.

    Args:
        name: a key of `COMMANDS`.
        endpoint: of the product; peers serve its model.
        environment: that names the catalog.
    """
    port = free_port()
    command, path = COMMANDS[name]
    places = {"port": port, "endpoint": endpoint, "here": HERE, "peers": PEERS}
    arguments = [part.format(**places) for part in command]
    if not Path(arguments[0]).exists():
        raise SystemExit(
            f"{name}: {arguments[0]} is missing; make {PEERS.parents[1].name}/.installed"
        )
    process = subprocess.Popen(
        arguments,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, process, name)
        yield Server(name, address, path.format(endpoint=endpoint), process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
        with suppress(ProcessLookupError):  # what it has started may outlive it
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(address: str, process: "subprocess.Popen[bytes]", name: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None:
            assert process.stderr is not None
            raise SystemExit(f"{name} has ended: {process.stderr.read().decode()[-2000:]}")
        try:
            if httpx.get(f"{address}/api/endpoints").status_code < 500:
                return
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


PREDICT = "/api/endpoints/{endpoint}/predict"
BRAINRAY = [str(Path(sys.executable).parent / "brainray"), "serve", "--port", "{port}"]
COMMANDS: dict[str, tuple[list[str], str]] = {
    "brainray": (BRAINRAY, PREDICT),
    "brainray, one by one": ([*BRAINRAY, "--batch", "1"], PREDICT),
    "plain uvicorn": ([sys.executable, "{here}/plain.py", "{port}"], PREDICT),
    "one head": ([sys.executable, "{here}/plain.py", "{port}", "1"], PREDICT),
    "LitServe": (["{peers}", "{here}/with_litserve.py", "{port}", "{endpoint}"], "/predict"),
    "BentoML": (
        ["{peers}", "-m", "bentoml", "serve", "with_bentoml:Plain", "--port", "{port}",
         "--working-dir", "{here}", "--api-workers", "1"],
        PREDICT,
    ),
}  # fmt: skip
"""How each is started, and where it predicts. The same handler is behind all but LitServe, which
wants one of its own shape, on the same model."""

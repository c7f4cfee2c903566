"""``brainray serve``: the HTTP service, on Ray Serve."""

import logging
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from brainray.catalog import Library
from brainray.cli.output import new_console
from brainray.errors import SettingsError
from brainray.pipeline.stopping import terminable
from brainray.settings import load_settings


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets everybody ask.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="To listen on.")] = 8000,
    replicas: Annotated[int, typer.Option(min=1, help="Processes that predict.")] = 1,
    batch: Annotated[
        int, typer.Option(min=1, help="Requests that are answered together; 1 for none.")
    ] = 32,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the service of the cluster of RAY_ADDRESS.")
    ] = False,
) -> None:
    """Answer predictions and show the catalog over HTTP, on a standing cluster or until Ctrl-C."""
    from serve.environment import prepare_environment

    prepare_environment()  # Ray reads it when it is imported
    from actors.cluster import connected, standing
    from serve.running import end, require_free, start

    if stop and not standing():
        raise SettingsError("--stop: RAY_ADDRESS is not set; end `brainray serve` by Ctrl-C")
    if not standing():
        require_free(host, port)
    library = Library.open(load_settings())
    addresses = [f"{endpoint.name}/predict" for endpoint in library.endpoints()]
    addresses += [f"{endpoint.name}/track" for endpoint in library.tracking_endpoints()]
    with tempfile.TemporaryDirectory() as folder, terminable():
        try:
            with connected(Path(folder)):
                if stop:
                    end()
                    return
                logging.getLogger("ray.serve").setLevel(logging.WARNING)
                address = start(host, port, replicas, batch)
                _say(address, addresses)
                if not standing():
                    signal.pause()
        except KeyboardInterrupt:
            return  # the usual end


def _say(address: str, endpoints: list[str]) -> None:
    console = new_console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"brainray answers at {address}, its documentation at {address}/api/docs")
    for endpoint in endpoints:
        console.print(f"  POST {address}/api/endpoints/{endpoint}")
    if not endpoints:
        console.print("  no endpoint yet: brainray deploy MODEL --name NAME")

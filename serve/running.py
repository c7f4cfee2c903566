"""Starting and ending the service on a Ray cluster."""

import socket
from typing import Any

from ray import serve
from ray.serve.config import HTTPOptions
from ray.serve.context import _get_global_client

from brainray.errors import ClusterError, SettingsError

from .app import CATALOG, PREDICT, PREFIXES, Catalog, Detect, Predict


def start(host: str, port: int, replicas: int = 1, largest_batch: int = 32) -> str:
    """Start both applications on the cluster that this process is connected to.

    Where they run already they are brought to these options without a failed request.

    Args:
        host: address to listen on.
        port: to listen on.
        replicas: processes that predict.
        largest_batch: requests that are answered together.

    Returns:
        The address of the service.

    Raises:
        ClusterError: an application does not start.
    """
    serve.start(
        proxy_location="HeadOnly",
        http_options=HTTPOptions(host=host, port=port),
        logging_config={"enable_access_log": False, "log_level": "WARNING"},
    )
    # A cluster that serves already goes on listening where it does.
    client: Any = _get_global_client()
    listening = client.http_config
    if (listening.host, listening.port) != (host, port):
        raise SettingsError(
            f"--host {host} --port {port}: the service listens on {listening.host} port "
            f"{listening.port}; end it first: brainray serve --stop"
        )
    predict: Any = Predict
    detect: Any = Detect
    catalog: Any = Catalog
    targets = {
        PREDICT: predict.options(num_replicas=replicas).bind(
            detect.bind(), largest_batch=largest_batch
        ),
        CATALOG: catalog.bind(),
    }
    for name, target in targets.items():
        try:
            serve.run(target, name=name, route_prefix=PREFIXES[name])
        except RuntimeError as error:
            raise ClusterError(f"application {name}: {' '.join(str(error).split())}") from error
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"


def end() -> None:
    """End the service on the cluster that this process is connected to."""
    serve.shutdown()  # type: ignore[no-untyped-call]


def require_free(host: str, port: int) -> None:
    """See that the service can listen there.

    Raises:
        SettingsError: it cannot.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"--host {host} --port {port}: cannot be listened on: {error.strerror}"
            ) from error

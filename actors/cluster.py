"""Connecting to Ray: start or join, compare what workers import, wait for processors."""

import importlib.metadata
import importlib.util
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from actors.names import NAMESPACE
from brainray.errors import BrainrayError, ClusterError

PACKAGES = ("brainray", "actors", "scenarios", "serve")
PLACEMENT_SECONDS = 30.0


@contextmanager
def connected(run_folder: Path, num_cpus: int | None = None) -> Iterator[bool]:
    """Connect to the cluster of ``RAY_ADDRESS``, or to one of this process's own.

    A connection that exists already is used as it is and stays. Gives whether the cluster was
    there before and will stay.

    Args:
        run_folder: becomes the working directory while connected: Ray puts the driver's working
            directory first on every worker's path, where a folder called ``actors`` or ``serve``
            would hide the package.
        num_cpus: of a cluster of its own; None is what the machine has.

    Raises:
        ClusterError: the cluster cannot be reached, or its workers import other code.
    """
    if ray.is_initialized():
        _compare_packages()
        yield True
        return
    before = Path.cwd()
    os.chdir(run_folder)
    try:
        with own_interrupts():
            _start(num_cpus)
        try:
            _compare_packages()
            yield standing()
        finally:
            ray.shutdown()
    finally:
        os.chdir(before)


def standing() -> bool:
    """Say whether ``RAY_ADDRESS`` names a cluster that outlives this process."""
    return os.environ.get("RAY_ADDRESS", "local") != "local"


def _start(num_cpus: int | None) -> None:
    options: dict[str, Any] = {"address": os.environ.get("RAY_ADDRESS", "local")}
    if not standing():
        options |= {"num_cpus": num_cpus, "dashboard_host": "127.0.0.1"}
    try:
        ray.init(namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:  # Ray raises bare ones, too, e.g. where a node starts too slowly
        reason = " ".join(str(error).split())
        raise ClusterError(f"Ray {options['address']}: cannot be used: {reason}") from error


def _compare_packages() -> None:
    mine, theirs = package_versions(), ray.get(ray.remote(num_cpus=0)(package_versions).remote())
    for name in PACKAGES:
        if mine[name][0] != theirs[name][0] or (not standing() and mine[name] != theirs[name]):
            raise ClusterError(
                f"package {name}: workers import {theirs[name]}, this process {mine[name]}; "
                "install the same wheel everywhere, and run from a folder without such names"
            )


def package_versions() -> dict[str, tuple[str, str]]:
    """Return version and folder of each of the project's packages, as this process imports it."""
    found = {}
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        folder = "" if spec is None or spec.origin is None else str(Path(spec.origin).parent)
        found[name] = (importlib.metadata.version("brainray"), folder)
    return found


def require_cpus(count: int, what: str) -> None:
    """Wait until the cluster has ``count`` free processors.

    Raises:
        ClusterError: it never has as many, or not within `PLACEMENT_SECONDS`.
    """
    total = require_total(count, what)
    deadline = time.monotonic() + PLACEMENT_SECONDS
    while (free := free_cpus()) < count:
        if time.monotonic() > deadline:
            raise ClusterError(
                f"{what}: needs {count} CPUs, {free} of {total} were free for "
                f"{PLACEMENT_SECONDS:.0f} s; stop other work or ask for fewer workers"
            )
        time.sleep(0.2)


def require_total(count: int, what: str) -> int:
    """Return the number of processors of the cluster, if it has at least ``count``.

    Raises:
        ClusterError: it has fewer.
    """
    total = total_cpus()
    if total < count:
        raise ClusterError(f"{what}: needs {count} CPUs, the cluster has {total}")
    return total


def total_cpus() -> int:
    """Return the number of processors of the cluster."""
    return int(ray.cluster_resources().get("CPU", 0))  # type: ignore[no-untyped-call]


def free_cpus() -> int:
    """Return the number of processors that nothing uses now."""
    return int(ray.available_resources().get("CPU", 0))  # type: ignore[no-untyped-call]


@contextmanager
def own_errors() -> Iterator[None]:
    """Raise what a task or actor raised on purpose as itself, without Ray's traceback around it."""
    try:
        yield
    except RayTaskError as error:
        if isinstance(error.cause, BrainrayError):
            raise error.cause from None
        if isinstance(error.cause, RayActorError):  # of an actor that an actor had called
            raise _actor_ended(error.cause) from error
        raise
    except RayActorError as error:
        raise _actor_ended(error) from error


def _actor_ended(error: RayActorError) -> ClusterError:
    return ClusterError(f"an actor ended: {str(error).strip().splitlines()[-1]}")


@contextmanager
def own_interrupts() -> Iterator[None]:
    """Keep Ctrl-C a KeyboardInterrupt: Ray, Tune and Train install handlers and leave them."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread has signal handlers
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    except SystemExit as error:  # how Ray and Train end on a signal
        raise KeyboardInterrupt from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

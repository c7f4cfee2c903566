"""A standing cluster: its coordinator and regions, detached, as the catalog has them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError

from actors.calls import ask
from actors.cluster import connected, free_cpus, own_errors, standing, total_cpus
from actors.coordinator import open_coordinator
from actors.names import COORDINATOR, NAMESPACE, region_name
from brainray.catalog.library import Library
from brainray.errors import ClusterError
from brainray.settings import Settings
from brainray.shapes import MODALITIES

ANSWER_SECONDS = 10.0
"""An actor that says nothing for so long is shown as one that does not answer."""
REGION_PREFIX = region_name("")


@contextmanager
def joined() -> Iterator[None]:
    """Connect to the cluster of ``RAY_ADDRESS`` for the block.

    Raises:
        ClusterError: ``RAY_ADDRESS`` names none, or it cannot be reached.
    """
    if not standing():
        raise ClusterError(
            "RAY_ADDRESS: names no standing cluster; set it to host:port of one, for instance "
            "127.0.0.1:6379"
        )
    with tempfile.TemporaryDirectory() as folder, connected(Path(folder)):
        yield


def start(settings: Settings) -> list[str]:
    """Start the coordinator and the regions that have networks; end all other regions.

    May be called again at any time. Returns the regions' names, sorted; further ones are started
    when a run needs them.

    Raises:
        ClusterError: the cluster's coordinator works with another catalog or store.
    """
    library = Library.open(settings)
    everywhere = library.sub_regions()
    networks = [spec for kind in MODALITIES for spec in library.networks(everywhere, kind)]
    homes = [home for spec in networks for home in spec.sub_regions]
    regions = sorted({home.partition(".")[0] for home in homes})
    with own_errors():
        coordinator = open_coordinator(settings, "detached")
        ask(coordinator, "reconcile", regions)
    for region in named_regions():
        if region not in regions:
            _end(region_name(region))
    return regions


def status() -> dict[str, Any]:
    """Return nodes, CPUs, and what coordinator and regions say of themselves, as JSON values."""
    coordinator = _state(COORDINATOR)
    answer = _answer(COORDINATOR, "status") if coordinator == "alive" else None
    return {
        "address": os.environ["RAY_ADDRESS"],
        "nodes": [_node(node) for node in ray.nodes()],  # type: ignore[no-untyped-call]
        "cpus": {"total": total_cpus(), "free": free_cpus()},
        "coordinator": coordinator,
        "regions": {region: _region(region) for region in named_regions()},
        "runs": [] if answer is None else answer["runs"],
    }


def end() -> list[str]:
    """End coordinator and regions; return the names of the actors that were ended.

    The machines and Ray itself stay.

    Raises:
        ClusterError: runs are in execution, which need them.
    """
    answer = _answer(COORDINATOR, "status")
    if answer is not None and answer["runs"]:
        raise ClusterError(f"runs {', '.join(answer['runs'])}: are in execution; stop them first")
    # The coordinator first: it would start regions again.
    actors = [name for name in [COORDINATOR] if _state(name) != "absent"]
    actors += [region_name(region) for region in named_regions()]
    for name in actors:
        _end(name)
    return actors


def named_regions() -> list[str]:
    """Return the regions that have an actor, sorted."""
    names = [actor["name"] for actor in ray.util.list_named_actors(all_namespaces=True)
             if actor["namespace"] == NAMESPACE]  # fmt: skip
    return sorted(name[len(REGION_PREFIX) :] for name in names if name.startswith(REGION_PREFIX))


def _node(node: dict[str, Any]) -> dict[str, Any]:
    labels = {key: value for key, value in node["Labels"].items() if not key.startswith("ray.io/")}
    return {
        "id": node["NodeID"],
        "host": node["NodeManagerHostname"],
        "address": node["NodeManagerAddress"],
        "alive": node["Alive"],
        "cpus": int(node["Resources"].get("CPU", 0)),
        "gpus": int(node["Resources"].get("GPU", 0)),
        "labels": labels,
    }


def _region(region: str) -> dict[str, Any]:
    name = region_name(region)
    answer = _answer(name, "status") if (state := _state(name)) == "alive" else None
    held = {} if answer is None else {key: answer[key] for key in ("models", "parameters")}
    return {"state": state, **held}


def _state(name: str) -> str:
    """Return ``alive``, ``no answer`` or ``absent``."""
    try:
        ray.get_actor(name, namespace=NAMESPACE)
    except ValueError:
        return "absent"
    return "no answer" if _answer(name, "health") is None else "alive"


def _answer(name: str, method: str) -> Any:
    """Return what an actor answers, None if it is not there or does not answer in time."""
    try:
        actor = ray.get_actor(name, namespace=NAMESPACE)
        return ray.get(getattr(actor, method).remote(), timeout=ANSWER_SECONDS)
    except (ValueError, GetTimeoutError, RayError):
        return None


def _end(name: str) -> None:
    try:
        ray.kill(ray.get_actor(name, namespace=NAMESPACE))
    except ValueError:  # it has ended meanwhile
        return

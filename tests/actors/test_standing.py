"""Coordinator and regions of a standing cluster: up, again up, status, down."""

from collections.abc import Iterator

import pytest
import ray

from actors import standing
from actors.cluster import total_cpus
from actors.names import COORDINATOR, NAMESPACE, region_name
from actors.region import RegionActor
from brainray.errors import ClusterError
from brainray.settings import Settings

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start and end without actors of other tests."""
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    _end_all()
    yield
    _end_all()


def _end_all() -> None:
    for name in [COORDINATOR, *map(region_name, standing.named_regions())]:
        try:
            ray.kill(ray.get_actor(name, namespace=NAMESPACE))
        except ValueError:
            continue


def test_up_starts_and_reconciles_and_down_ends(settings: Settings) -> None:
    regions = standing.start(settings)
    assert {"audition", "language", "vision"} <= set(regions)
    found = standing.status()
    assert found["coordinator"] == "alive"
    assert {name: region["state"] for name, region in found["regions"].items()} == dict.fromkeys(
        regions, "alive"
    )
    assert found["cpus"]["total"] == total_cpus()
    assert [node["alive"] for node in found["nodes"]] == [True]

    # One region is lost, and one is there that has no networks.
    ray.kill(ray.get_actor(region_name("vision"), namespace=NAMESPACE))
    pain = RegionActor.options(name=region_name("pain"), namespace=NAMESPACE, lifetime="detached")
    assert ray.get(pain.remote("pain", settings).health.remote()) == "pain"
    assert standing.start(settings) == regions
    assert standing.named_regions() == regions
    assert standing.status()["regions"]["vision"]["state"] == "alive"

    assert standing.end() == [COORDINATOR, *map(region_name, regions)]
    found = standing.status()
    assert (found["coordinator"], found["regions"]) == ("absent", {})
    assert standing.end() == []


def test_down_is_refused_while_a_run_is_in_execution(settings: Settings) -> None:
    standing.start(settings)
    coordinator = ray.get_actor(COORDINATOR, namespace=NAMESPACE)
    ray.get(coordinator.acquire.remote("run-1", "here:1"))
    assert standing.status()["runs"] == ["run-1"]
    with pytest.raises(ClusterError, match="run-1: are in execution; stop them first"):
        standing.end()
    ray.get(coordinator.release.remote("run-1", "here:1"))
    assert COORDINATOR in standing.end()

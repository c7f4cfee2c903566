"""Coordinator and regions as long-lived actors."""

import time
from typing import Any

import pytest
import ray

from actors.names import COORDINATOR, NAMESPACE
from actors.runner import RayRunner
from brainray.errors import ClusterError, RunError, ScenarioError
from brainray.scenario.model import Activation as How
from brainray.settings import Settings

pytestmark = pytest.mark.usefixtures("ray_cluster")

REACHED = {"image": ("vision.shape",), "audio": ("audition.speech",)}


@pytest.fixture
def runner(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> RayRunner:
    return RayRunner(settings, tmp_path_factory.mktemp("run"), stays=True)


def call(actor: str, method: str, *arguments: Any) -> Any:
    return ray.get(getattr(ray.get_actor(actor, namespace=NAMESPACE), method).remote(*arguments))


def test_regions_start_when_a_scenario_excites_them(runner: RayRunner) -> None:
    found = runner.coordinate("candidates", REACHED, {"image": "image", "audio": "audio"})
    assert {"lenet3.image", "mediumnet.image"} <= {spec.name for spec in found["image"]}
    assert {"lenet3.audio", "mediumnet.audio"} <= {spec.name for spec in found["audio"]}
    status = runner.coordinate("status")
    assert {"audition", "vision"} <= set(status["regions"])
    assert "emotion" not in status["regions"]
    assert call("region-vision", "status")["models"] == []
    assert call("region-vision", "health") == "vision"


def test_a_second_runner_meets_the_same_coordinator(
    runner: RayRunner, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    runner.coordinate("acquire", "run-1", "here:1")
    other = RayRunner(settings, tmp_path_factory.mktemp("other"), stays=True)
    with pytest.raises(RunError, match="run-1: is being executed by here:1"):
        other.coordinate("acquire", "run-1", "there:1")
    runner.coordinate("release", "run-1", "here:1")
    foreign = settings.model_copy(update={"store_url": "/another/store"})
    with pytest.raises(
        ClusterError, match=r"works with .* and .*store, this process with .*/another"
    ):
        RayRunner(foreign, tmp_path_factory.mktemp("foreign"), stays=True)


def test_an_error_of_a_region_reaches_the_driver_as_itself(runner: RayRunner) -> None:
    with pytest.raises(ScenarioError, match=r"inputs\.image\.functions: vision\.shape have no"):
        runner.coordinate("candidates", {"image": ("vision.shape",)}, {"image": "text"})
    with pytest.raises(ScenarioError, match="unknown function 'shap'"):
        runner.coordinate("activate", {"image": ["shap"]}, How(), 0)
    with pytest.raises(ScenarioError, match=r"activation\.atlas: atlas 'mine': not in the catalog"):
        runner.coordinate("activate", {"image": ["shape"]}, How(atlas="mine"), 0)


def test_a_killed_region_comes_back(runner: RayRunner) -> None:
    runner.coordinate("candidates", REACHED, {"image": "image", "audio": "audio"})
    ray.kill(ray.get_actor("region-vision", namespace=NAMESPACE), no_restart=False)
    deadline = time.monotonic() + 60
    while True:
        try:
            assert call("region-vision", "health") == "vision"
            break
        except ray.exceptions.ActorUnavailableError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    found = runner.coordinate("candidates", REACHED, {"image": "image", "audio": "audio"})
    assert {"lenet3.image", "mediumnet.image"} <= {spec.name for spec in found["image"]}
    assert call(COORDINATOR, "health") == COORDINATOR

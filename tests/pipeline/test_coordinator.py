import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from brainray.atlas.interface import Atlas
from brainray.errors import RunError, ScenarioError
from brainray.networks.interface import NetworkSpec
from brainray.pipeline import coordinator as module
from brainray.pipeline.coordinator import Coordinator
from brainray.pipeline.units import PretrainUnit
from brainray.scenario.model import Activation as How
from brainray.testing.small_atlas import small_atlas
from brainray.training.loop import Recipe

ATLAS = small_atlas(
    {"shape": {"LO": 1.0}, "motion": {"MT": 1.0}, "speech": {"STG": 1.0}},
    {"shape": "vision.shape", "motion": "vision.motion", "speech": "audition.speech"},
    functional={("LO", "MT"): 0.5, ("MT", "STG"): 0.3},
)
LENET = NetworkSpec("lenet3.image", "lenet3", "LeNet", "image", {}, ("vision.shape",))


class FakeRegion:
    def __init__(self, name: str, log: list[tuple[Any, ...]]) -> None:
        self.name, self.log = name, log

    async def call(self, method: str, *arguments: Any) -> Any:
        self.log.append((self.name, method, *arguments))
        if method == "candidates":
            sub_regions, modality = arguments
            return [LENET] if "vision.shape" in sub_regions and modality == "image" else []
        if method == "assign":
            return dict.fromkeys(arguments[1], "done")
        return {"region": self.name}


@pytest.fixture
def log() -> list[tuple[Any, ...]]:
    return []


@pytest.fixture
def coordinator(log: list[tuple[Any, ...]]) -> Coordinator:
    def atlas(name: str) -> Atlas:
        log.append(("atlas", name))
        return ATLAS

    return Coordinator(atlas, lambda name: FakeRegion(name, log))


def test_candidates_come_from_the_activated_sub_regions_alone(
    coordinator: Coordinator, log: list[tuple[Any, ...]]
) -> None:
    found = asyncio.run(coordinator.candidates({"x": ("vision.shape",)}, {"x": "image"}))
    assert found == {"x": [LENET]}
    assert log == [("vision", "candidates", ("vision.shape",), "image")]


def test_an_input_without_a_network_is_named(coordinator: Coordinator) -> None:
    with pytest.raises(
        ScenarioError, match=r"inputs\.x\.functions: vision\.motion have no network"
    ):
        asyncio.run(coordinator.candidates({"x": ("vision.motion",)}, {"x": "image"}))


def test_the_pathway_holds_what_the_functions_excite(
    coordinator: Coordinator, log: list[tuple[Any, ...]]
) -> None:
    functions = {"x": ["shape"], "y": ["speech"]}
    found = asyncio.run(coordinator.activate(functions, How(atlas="mine"), 0))
    assert {"vision.shape", "audition.speech"} <= set(found.pathway.sub_regions)
    assert "vision.shape" in found.activation.inputs["x"]
    assert "audition.speech" in found.activation.inputs["y"]
    assert log == [("atlas", "mine")]


def test_units_are_assigned_to_the_regions_of_their_sub_regions(
    coordinator: Coordinator, log: list[tuple[Any, ...]]
) -> None:
    def unit(sub_region: str) -> PretrainUnit:
        return PretrainUnit({}, LENET, sub_region, 2, Recipe(1, 1, "adam", 1e-3), 0)

    units = {4: unit("vision.shape"), 0: unit("audition.speech"), 1: unit("vision.motion")}
    assert asyncio.run(coordinator.assign("run", units)) == {4: "done", 0: "done", 1: "done"}
    assert sorted(entry[:3] for entry in log) == [
        ("audition", "assign", "run"),
        ("vision", "assign", "run"),
    ]
    orders = {entry[0]: list(entry[3]) for entry in log}
    assert orders == {"vision": [4, 1], "audition": [0]}
    log.clear()
    asyncio.run(coordinator.forget("run", ["audition", "vision"]))
    assert sorted(log) == [("audition", "forget", "run"), ("vision", "forget", "run")]


def test_models_go_to_their_regions(coordinator: Coordinator, log: list[tuple[Any, ...]]) -> None:
    asyncio.run(coordinator.adopt({"vision": ["a", "b"], "audition": ["c"]}))
    assert set(log) == {
        ("vision", "load", "a"),
        ("vision", "load", "b"),
        ("audition", "load", "c"),
    }
    status = asyncio.run(coordinator.status())
    assert sorted(status["regions"]) == ["audition", "vision"]


def test_a_run_has_one_owner_until_its_lease_ends(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    clock: Callable[[], float] = lambda: now[0]  # noqa: E731
    monkeypatch.setattr(module.time, "monotonic", clock)

    def acquire(owner: str) -> None:
        asyncio.run(coordinator.acquire("run", owner))

    acquire("here:1")
    acquire("here:1")
    with pytest.raises(RunError, match="is being executed by here:1"):
        acquire("there:1")
    assert asyncio.run(coordinator.status())["runs"] == ["run"]
    now[0] = module.LEASE_SECONDS + 1
    acquire("there:1")
    asyncio.run(coordinator.release("run", "there:1"))
    acquire("here:1")


def test_an_owner_on_the_same_machine_need_not_wait_for_a_dead_one(
    coordinator: Coordinator,
) -> None:
    asyncio.run(coordinator.acquire("run", "here:1"))
    asyncio.run(coordinator.acquire("run", "here:2"))
    asyncio.run(coordinator.release("run", "here:1"))  # too late, it has lost it
    with pytest.raises(RunError, match="is being executed by here:2"):
        asyncio.run(coordinator.acquire("run", "there:3"))

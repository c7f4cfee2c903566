"""The runner on Ray does what the local one does, and fails as clearly."""

import math
import time
from pathlib import Path

import pytest
import ray

from actors import cluster
from actors.cluster import own_errors, package_versions, require_cpus
from actors.runner import RayRunner, ray_runner
from brainray.errors import ClusterError, DataError, RunError, SearchError
from brainray.pipeline.local import LocalRunner
from brainray.pipeline.run import run_scenario
from brainray.pipeline.runner import Group
from brainray.scenario import Report, load_scenario
from brainray.search.evolution import Evolution
from brainray.search.interface import Brood
from brainray.search.schedule import Schedule
from brainray.settings import Settings
from brainray.testing.problems import OneMax

pytestmark = pytest.mark.usefixtures("ray_cluster")


def schedule_of(problem: OneMax) -> Schedule:
    searcher = Evolution(problem.space, seed=1)
    return Schedule(problem.space, searcher, seed=1, budget=30, brood_size=6, lag=2)


def twice(number: int) -> int:
    time.sleep(0.05 * (3 - number))  # the last unit is done first
    return 2 * number


def refuse(number: int) -> int:
    raise DataError(f"row {number}: cannot be read")


def test_units_come_back_in_their_order(runner: RayRunner) -> None:
    done: list[tuple[int, int]] = []
    assert runner.map(twice, [0, 1, 2, 3], lambda n, result: done.append((n, result))) == [
        0,
        2,
        4,
        6,
    ]
    assert sorted(done) == [(0, 0), (1, 2), (2, 4), (3, 6)]


def test_an_error_of_a_unit_is_raised_as_itself(runner: RayRunner) -> None:
    with pytest.raises(DataError, match=r"^row 7: cannot be read$"):
        runner.map(refuse, [7], lambda number, result: None)


@pytest.mark.parametrize("workers", [1, 2])
def test_tune_gives_the_history_of_the_local_search(
    runner: RayRunner, settings: Settings, workers: int
) -> None:
    problem = OneMax(failing=0.1)
    here = schedule_of(problem)
    LocalRunner(settings).search(problem, here, None, lambda brood, values, seconds: None)
    there = schedule_of(problem)
    seen: list[tuple[Brood, list[float]]] = []
    runner.search(
        problem, there, workers, lambda brood, values, seconds: seen.append((brood, values))
    )
    assert [genome for genome, _ in there.history] == [genome for genome, _ in here.history]
    assert [value for _, value in there.history] == pytest.approx(
        [value for _, value in here.history], nan_ok=True
    )
    assert any(math.isnan(value) for _, value in there.history)
    assert sorted(brood.index for brood, _ in seen) == list(range(5))
    assert all(len(values) == len(brood.genomes) for brood, values in seen)


class Broken(OneMax):
    """A problem whose evaluation always raises."""

    def evaluate(self, brood: Brood) -> list[float]:
        raise SearchError("the bank of model x is damaged")


def test_a_search_whose_trials_all_fail_says_why(runner: RayRunner) -> None:
    problem = Broken()
    with pytest.raises(SearchError, match=r"^brood \d: the bank of model x is damaged"):
        runner.search(problem, schedule_of(problem), 2, lambda brood, values, seconds: None)


def test_what_cannot_be_recorded_ends_the_search_as_itself(runner: RayRunner) -> None:
    problem, seen = OneMax(), []

    def refuse(brood: Brood, values: list[float], seconds: float) -> None:
        seen.append(brood.index)
        raise RunError("record.jsonl: cannot be written: no space left")

    with pytest.raises(RunError, match=r"^record\.jsonl: cannot be written: no space left$"):
        runner.search(problem, schedule_of(problem), 1, refuse)
    assert seen == [0]  # nothing was evaluated again


def test_train_finishes_with_several_workers(runner: RayRunner) -> None:
    problem = OneMax()
    genomes = [(0,) * 8, (3,) * 8, (1,) * 8]
    solution = runner.finish(problem, genomes, Group(2))
    assert solution.genome == (3,) * 8
    assert solution.value == 1.0
    assert solution.details == {"values": [0.0, 1.0, 0.0], "workers": 2}
    assert solution.weights["genes"].tolist() == [3] * 8


def test_what_cannot_be_placed_is_said_before_it_is_tried(
    runner: RayRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ClusterError, match=r"training\.workers: needs 99 CPUs, the cluster has 4"):
        runner.finish(OneMax(), [(0,) * 8], Group(99))
    monkeypatch.setattr(cluster, "PLACEMENT_SECONDS", 0.5)

    @ray.remote(num_cpus=3)
    def occupy() -> None:
        time.sleep(30)

    busy = occupy.remote()
    while cluster.free_cpus() > 1:
        time.sleep(0.05)
    with pytest.raises(ClusterError, match=r"needs 2 CPUs, 1 of 4 were free"):
        require_cpus(2, "training.workers")
    ray.cancel(busy, force=True)
    while cluster.free_cpus() < 4:
        time.sleep(0.05)


def test_workers_import_what_the_driver_imports() -> None:
    with own_errors():
        assert ray.get(ray.remote(package_versions).remote()) == package_versions()


def test_a_run_on_ray_equals_a_local_one(
    scenario: Path, settings: Settings, undisturbed: tuple[Report, Settings]
) -> None:
    two = ("pretraining.workers=2", "search.workers=2")  # more take long to start
    on_ray = run_scenario(load_scenario(scenario, two), 3, settings, ray_runner)
    here, _ = undisturbed
    assert on_ray.search.history == here.search.history
    assert on_ray.best == here.best
    assert on_ray.unimodal == here.unimodal
    assert on_ray.reheaded == here.reheaded
    assert on_ray.model == here.model  # down to the weights' sha256
    assert on_ray.gate.chosen == "fused"
    assert on_ray.best.test > max(part.test for part in on_ray.unimodal.values())


def test_a_ray_that_cannot_start_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(**options: object) -> None:
        raise Exception("The current node timed out\nduring startup.")

    monkeypatch.setattr(cluster.ray, "init", failing)
    message = "^Ray local: cannot be used: The current node timed out during startup.$"
    with pytest.raises(ClusterError, match=message):
        cluster._start(None)

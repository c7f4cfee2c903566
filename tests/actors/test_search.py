"""The searcher that keeps the workers of a search busy, without Tune."""

import json
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.tune.search import Searcher

from actors.broods import BroodsActor
from actors.search import LOST_WORKER_RETRIES, BroodSearcher, search_on_tune
from brainray.search.interface import Brood
from brainray.search.random_search import RandomSearch
from brainray.search.schedule import Schedule
from brainray.testing import OneMax

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.fixture
def schedule() -> Schedule:
    space = OneMax().space
    return Schedule(space, RandomSearch(space, 0), seed=0, budget=12, brood_size=4, lag=2)


@pytest.fixture
def done() -> list[int]:
    return []


@pytest.fixture
def searcher(schedule: Schedule, done: list[int]) -> BroodSearcher:
    def on_brood(brood: Brood, values: list[float], seconds: float) -> None:
        done.append(brood.index)

    return BroodSearcher(schedule, BroodsActor.remote(), on_brood)


def take(searcher: BroodSearcher, worker: str) -> int | None:
    """What a worker gets that asks for a brood."""
    taken = ray.get(searcher.broods.take.remote(worker))
    return None if taken is None else int(json.loads(taken)[0])


def report(searcher: BroodSearcher, worker: str, brood: int) -> None:
    values = json.dumps([0.5] * len(searcher.outstanding[brood].genomes))
    result: dict[str, Any] = {"brood": brood, "values": values, "seconds": 0.1}
    searcher.on_trial_result(worker, result)


def test_a_fast_worker_does_more(searcher: BroodSearcher, done: list[int]) -> None:
    assert searcher.suggest("slow") == {"worker": "slow"}
    assert searcher.suggest("fast") == {"worker": "fast"}
    assert take(searcher, "slow") == 0
    assert take(searcher, "fast") == 1
    report(searcher, "fast", 1)
    waiting = searcher.broods.take.remote("fast")
    assert not ray.wait([waiting], timeout=0.3)[0]  # brood 2 waits for the values of brood 0
    report(searcher, "slow", 0)
    assert json.loads(ray.get(waiting))[0] == 2
    assert not searcher.ended
    report(searcher, "fast", 2)
    assert take(searcher, "slow") is take(searcher, "fast") is None
    assert searcher.suggest("late") == Searcher.FINISHED
    assert done == [1, 0, 2]
    assert len(searcher.schedule.history) == 12


def test_in_an_asynchronous_search_nobody_waits(done: list[int]) -> None:
    space, asked = OneMax().space, []
    schedule = Schedule(
        space,
        RandomSearch(space, 0),
        seed=0,
        budget=12,
        brood_size=4,
        lag=None,
        on_asked=lambda index, seen: asked.append((index, seen)),
    )
    searcher = BroodSearcher(schedule, BroodsActor.remote(), lambda brood, values, seconds: None)
    searcher.suggest("slow")
    searcher.suggest("fast")
    assert [take(searcher, "slow"), take(searcher, "fast")] == [0, 1]
    report(searcher, "fast", 1)
    assert take(searcher, "fast") == 2
    assert asked == [(0, 0), (1, 0), (2, 1)]


def test_no_more_broods_are_asked_for_than_there_are_workers(searcher: BroodSearcher) -> None:
    searcher.suggest("one")
    assert list(searcher.outstanding) == [0]
    searcher.suggest("two")
    assert list(searcher.outstanding) == [0, 1]


def test_the_brood_of_a_lost_worker_is_done_first_by_another(searcher: BroodSearcher) -> None:
    searcher.suggest("lost")
    searcher.suggest("other")
    assert take(searcher, "lost") == 0
    searcher.on_trial_complete("lost", error=True)
    assert take(searcher, "lost") is None
    assert take(searcher, "other") == 0
    report(searcher, "other", 0)
    assert take(searcher, "other") == 1
    assert not searcher.failure


def test_a_brood_whose_worker_is_lost_after_its_report_is_not_done_again(
    searcher: BroodSearcher, done: list[int]
) -> None:
    searcher.suggest("lost")
    searcher.suggest("other")
    assert [take(searcher, "lost"), take(searcher, "other")] == [0, 1]
    report(searcher, "lost", 0)
    searcher.on_trial_complete("lost", error=True)
    report(searcher, "other", 1)
    assert take(searcher, "other") == 2
    assert done == [0, 1]


def test_a_worker_that_is_lost_while_it_waits_takes_nothing(searcher: BroodSearcher) -> None:
    searcher.suggest("busy")
    searcher.suggest("waiting")
    assert [take(searcher, "busy"), take(searcher, "waiting")] == [0, 1]
    report(searcher, "waiting", 1)
    asked = searcher.broods.take.remote("waiting")
    searcher.on_trial_complete("waiting", error=True)
    assert ray.get(asked) is None
    report(searcher, "busy", 0)
    assert take(searcher, "busy") == 2


@pytest.mark.parametrize("taking", [True, False])
def test_what_fails_again_and_again_ends_the_search(searcher: BroodSearcher, taking: bool) -> None:
    for attempt in range(LOST_WORKER_RETRIES + 1):
        assert not searcher.failure
        searcher.suggest(str(attempt))
        if taking:
            assert take(searcher, str(attempt)) == 0
        searcher.on_trial_complete(str(attempt), error=True)
    what = "brood 0" if taking else "a worker"
    assert searcher.failure == f"{what}: it failed again and again"
    assert searcher.suggest("after") == Searcher.FINISHED


def test_what_is_known_already_needs_no_worker(schedule: Schedule, searcher: BroodSearcher) -> None:
    while (brood := schedule.next()) is not None:
        schedule.complete(brood.index, [0.5] * 4)
    assert searcher.suggest("late") == Searcher.FINISHED


def test_what_a_searcher_raises_is_raised_as_itself(
    schedule: Schedule, searcher: BroodSearcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: RandomSearch, index: int) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(RandomSearch, "ask", broken)
    searcher.suggest("one")
    assert str(searcher.refused) == "searcher 'RandomSearch': ask(0) raised RuntimeError: no"
    assert searcher.suggest("two") == Searcher.FINISHED


def test_what_ends_a_search_is_raised_and_not_hidden_by_tune(
    schedule: Schedule, tmp_path: Path
) -> None:
    def on_brood(brood: Brood, values: list[float], seconds: float) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        search_on_tune(OneMax(), schedule, 1, on_brood, tmp_path)

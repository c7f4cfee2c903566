"""The searcher that hands broods to Tune, without Tune."""

import json
from typing import Any

import pytest
from ray.tune.search import Searcher

from actors.search import LOST_WORKER_RETRIES, BroodSearcher
from brainray.search.random_search import RandomSearch
from brainray.search.schedule import Schedule
from brainray.testing import OneMax


@pytest.fixture
def schedule() -> Schedule:
    space = OneMax().space
    return Schedule(space, RandomSearch(space, 0), seed=0, budget=8, brood_size=4, lag=2)


def complete(searcher: BroodSearcher, trial: str) -> None:
    values = json.dumps([0.5] * len(searcher.broods[trial].genomes))
    searcher.on_trial_complete(trial, {"values": values})


def members(suggestion: dict[str, Any]) -> Any:
    return json.loads(suggestion["brood"])


def test_a_brood_whose_worker_is_lost_becomes_another_trial(schedule: Schedule) -> None:
    searcher = BroodSearcher(schedule)
    first, second = searcher.suggest("a"), searcher.suggest("b")
    complete(searcher, "b")
    assert searcher.suggest("c") is None  # waits for what is still in evaluation
    searcher.on_trial_complete("a", error=True)
    assert members(searcher.suggest("d")) == members(first) != members(second)
    complete(searcher, "d")
    assert searcher.suggest("e") == Searcher.FINISHED
    assert not searcher.failure
    assert len(schedule.history) == 8


def test_a_brood_that_fails_again_and_again_ends_the_search(schedule: Schedule) -> None:
    searcher = BroodSearcher(schedule)
    for attempt in range(LOST_WORKER_RETRIES + 1):
        assert members(searcher.suggest(str(attempt)))[0] == 0
        searcher.on_trial_complete(str(attempt), error=True)
    assert searcher.failure == "brood 0: it failed again and again"
    assert searcher.suggest("after") == Searcher.FINISHED

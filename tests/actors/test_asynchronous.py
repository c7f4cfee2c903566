"""A parameter server and replicas as actors."""

import contextlib
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from actors.asynchronous import search_asynchronously
from brainray.errors import SearchError
from brainray.search.asynchronous import replay
from brainray.search.interface import Brood
from brainray.search.policy_gradient import Options
from brainray.testing import OneMax, integer_space

pytestmark = pytest.mark.usefixtures("ray_cluster")


@dataclass(frozen=True)
class KillsOnce(OneMax):
    """A problem that kills the first process in which it is evaluated a third time.

    Attributes:
        mark: a file that says that it has happened.
        evaluations: of this process.
    """

    mark: Path = Path()
    evaluations: list[int] = field(default_factory=list)

    def evaluate(self, brood: Brood) -> list[float]:
        self.evaluations.append(brood.index)
        if len(self.evaluations) == 3:
            with contextlib.suppress(FileExistsError):
                self.mark.touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        return super().evaluate(brood)


def test_a_search_goes_on_without_a_lost_replica_and_is_replayed(tmp_path: Path) -> None:
    space, options = integer_space(genes=6, alleles=4), Options()
    problem = KillsOnce(space, seconds_per_brood=0.2, mark=tmp_path / "killed")
    outcome = search_asynchronously(problem, 0, options, budget=60, replicas=2, bound=8)
    assert len(outcome.known) == 60
    assert [call.kind for call in outcome.calls].count("lost") == 1
    assert len({call.replica for call in outcome.calls if call.kind == "pull"}) > 1
    again = replay(outcome.calls, problem, 0, options, 60, 8)
    assert list(again.known.items()) == list(outcome.known.items())
    assert again.calls == outcome.calls


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"replicas": 0}, "replicas is 0, at least 1"),
        ({"bound": -1}, "bound is -1, at least 0"),
        ({"budget": 0}, "budget is 0, at least 1"),
    ],
)
def test_a_wrong_argument_is_refused(wrong: dict[str, int], reason: str) -> None:
    arguments = {"budget": 5, "replicas": 1} | wrong
    with pytest.raises(SearchError, match=reason):
        search_asynchronously(OneMax(), 0, Options(), **arguments)

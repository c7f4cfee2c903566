"""How a group of Train workers ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from ray.train import TrainingFailedError, WorkerGroupError

from actors.groups import OwnErrorsEnd, fit
from actors.runner import RayRunner
from brainray.errors import ClusterError, RunError, TrainingError
from brainray.pipeline.runner import Group
from brainray.search.interface import Genome, Solution
from brainray.testing.problems import OneMax
from brainray.training.mergers import SUM

LOST = RuntimeError("Connection closed by peer [127.0.0.1]:5")
SERVER_LOST = ClusterError("an actor ended: its node has died")
WRONG = TrainingError("strategy: Odd.step yields 42")


@dataclass
class Failing:
    error: Exception

    def fit(self) -> None:
        raise self.error


def test_why_a_group_failed_is_said_in_one_line() -> None:
    trainer: Any = Failing(TrainingFailedError("Training failed\n\nworker 1 is out of memory\n"))
    with pytest.raises(RunError, match=r"^training: worker 1 is out of memory$"):
        fit(trainer)


def test_an_error_of_brainray_that_came_again_and_again_is_raised_as_itself() -> None:
    text = "Traceback\nbrainray.errors.ClusterError: an actor ended: its node has died"
    trainer: Any = Failing(WorkerGroupError(text, {0: LOST, 1: SERVER_LOST}))
    with pytest.raises(ClusterError, match=r"^an actor ended: its node has died$"):
        fit(trainer)


@pytest.mark.parametrize(
    "errors", [{0: LOST}, {1: SERVER_LOST}, {0: RunError("restarted"), 1: LOST}]
)
def test_workers_that_may_have_lost_another_are_started_again(errors: dict[int, Exception]) -> None:
    OwnErrorsEnd().after_exception(None, errors)


def test_what_would_come_back_ends_the_training() -> None:
    with pytest.raises(TrainingError, match=r"^strategy: Odd\.step yields 42$"):
        OwnErrorsEnd().after_exception(None, {0: LOST, 1: WRONG})


@dataclass(frozen=True)
class FailsOnTheSecond(OneMax):
    """A problem that the second worker cannot finish, whom the first one waits for.

    Attributes:
        tries: a file that gets a line whenever it is tried.
    """

    tries: Path = Path("tries")

    def finish(self, genomes: Sequence[Genome]) -> Solution:
        if self.communicator.rank == 1:
            with self.tries.open("a") as tries:
                tries.write("once more\n")
            raise WRONG
        self.communicator.merge(torch.zeros(1), SUM)
        return super().finish(genomes)


@pytest.mark.usefixtures("ray_cluster")
def test_an_error_of_brainray_ends_a_training_at_once_as_itself(
    runner: RayRunner, tmp_path: Path
) -> None:
    problem = FailsOnTheSecond(tries=tmp_path / "tries")
    with pytest.raises(TrainingError, match=r"^strategy: Odd\.step yields 42$"):
        runner.finish(problem, [(0,) * 8], Group(2))
    assert (tmp_path / "tries").read_text() == "once more\n"

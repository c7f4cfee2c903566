"""How a group of Train workers ends."""

from typing import Any

import pytest
from ray.train import TrainingFailedError

from actors.groups import fit
from brainray.errors import RunError


class Failing:
    def fit(self) -> None:
        raise TrainingFailedError("Training failed\n\nworker 1 is out of memory\n")


def test_why_a_group_failed_is_said_in_one_line() -> None:
    trainer: Any = Failing()
    with pytest.raises(RunError, match=r"^training: worker 1 is out of memory$"):
        fit(trainer)

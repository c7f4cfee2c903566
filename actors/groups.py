"""Groups of Ray Train workers: how many, how often they are started again, how they end."""

import math
from typing import Any, TypeAlias

from ray.train import FailureConfig, Result, ScalingConfig, TrainingFailedError
from ray.train.torch import TorchTrainer

from brainray.errors import RunError

FAILURES = 3
"""How often Train starts lost workers again; by itself it would try to place them for ever."""
GROWTH_SECONDS = 60.0
"""Between two times that Train looks whether the cluster has room for more workers."""

Size: TypeAlias = int | tuple[int, int]
"""Of a group of Train workers: a number, or the fewest and the most."""


def scaling(size: Size, grows: bool = True) -> ScalingConfig:
    """Return how many workers Train starts, one CPU each.

    Args:
        size: of the group.
        grows: whether a group that trains is ended for a larger one; if not, it changes with
            failures alone.
    """
    options: dict[str, Any] = {
        "num_workers": size,
        "use_gpu": False,
        "resources_per_worker": {"CPU": 1},
        "elastic_resize_monitor_interval_s": GROWTH_SECONDS if grows else math.inf,
    }
    return ScalingConfig(**options)


def failures(size: Size) -> FailureConfig:
    """Return how many failures Train goes on after: some, and each worker that may leave."""
    fewest, most = size if isinstance(size, tuple) else (size, size)
    options: dict[str, Any] = {
        "max_failures": FAILURES + most - fewest,
        "controller_failure_limit": FAILURES,
    }
    return FailureConfig(**options)


def fit(trainer: TorchTrainer) -> Result:
    """Run a trainer to its end.

    Raises:
        RunError: its workers failed, or were lost again and again.
    """
    try:
        return trainer.fit()
    except TrainingFailedError as error:
        raise RunError(f"training: {str(error).strip().splitlines()[-1]}") from error

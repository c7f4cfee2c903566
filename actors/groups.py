"""Groups of Ray Train workers: how many, how often they are started again, how they end."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from ray.train import (
    ControllerError,
    FailureConfig,
    Result,
    RunConfig,
    ScalingConfig,
    TrainingFailedError,
    UserCallback,
    WorkerGroupError,
)
from ray.train.torch import TorchTrainer

from brainray.errors import BrainrayError, ClusterError, RunError

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


class OwnErrorsEnd(UserCallback):
    """Ends a training at an error that another group of workers would have again.

    What a worker raises on purpose comes back. All else may be the loss of another worker, of which
    those that exchange something with it hear as a `RuntimeError`; or, as `ClusterError` and
    `RunError`, of an actor.
    """

    def after_exception(self, run_context: Any, worker_exceptions: Mapping[int, Exception]) -> None:
        """Raise such an error; Train then starts no worker again."""
        for _, error in sorted(worker_exceptions.items()):
            if isinstance(error, BrainrayError) and not isinstance(error, ClusterError | RunError):
                raise error


def run_config(name: str, folder: Path, size: Size) -> RunConfig:
    """Return how a training of Train ends, and how many failures it goes on after.

    Some, and each worker that may leave.

    Args:
        name: of the training.
        folder: where Train keeps its files.
        size: of the group.
    """
    fewest, most = size if isinstance(size, tuple) else (size, size)
    options: dict[str, Any] = {
        "max_failures": FAILURES + most - fewest,
        "controller_failure_limit": FAILURES,
    }
    callbacks: list[Any] = [OwnErrorsEnd()]  # Train wants others than those that Tune declares
    return RunConfig(
        name=name,
        storage_path=str(folder),
        failure_config=FailureConfig(**options),
        callbacks=callbacks,
    )


def fit(trainer: TorchTrainer) -> Result:
    """Run a trainer to its end.

    Raises:
        BrainrayError: a worker raised it, as it is.
        RunError: workers failed otherwise, or were lost again and again.
    """
    try:
        return trainer.fit()
    except TrainingFailedError as error:
        causes: Iterable[Exception] = ()
        if isinstance(error, ControllerError):
            causes = [error.controller_failure]
        elif isinstance(error, WorkerGroupError):
            causes = error.worker_failures.values()
        for cause in causes:
            if isinstance(cause, BrainrayError):
                raise cause from None
        raise RunError(f"training: {str(error).strip().splitlines()[-1]}") from error

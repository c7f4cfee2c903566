"""Pretraining goes on without a region and without a worker."""

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
import ray

from actors.coordinator import NAMESPACE, region_name
from actors.runner import RayRunner
from brainray.pipeline.local import LocalRunner
from brainray.pipeline.units import Pretrained, PretrainUnit
from brainray.settings import Settings
from brainray.testing.processes import descendants

pytestmark = pytest.mark.usefixtures("ray_cluster")


def test_what_is_lost_is_trained_again(
    runner: RayRunner,
    units: list[PretrainUnit],
    settings: Settings,
    wait_until_free: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = LocalRunner(settings).pretrain(units, None, lambda number, result: None)
    done: dict[int, Pretrained] = {}

    def on_done(number: int, result: Pretrained) -> None:
        assert threading.current_thread() is threading.main_thread()
        assert number not in done
        done[number] = result
        if len(done) == 1:  # the region forgets what it has handed out
            ray.kill(ray.get_actor(region_name("language"), namespace=NAMESPACE), no_restart=False)
        if len(done) == 2:
            workers = descendants(os.getpid(), "RayTrainWorker")
            assert len(workers) == 2
            os.kill(workers[0], signal.SIGKILL)

    canceled: list[Any] = []  # cancelling a task that has just ended can end the driver
    monkeypatch.setattr(ray, "cancel", lambda task, **options: canceled.append(task))
    assert runner.pretrain(units, 2, on_done) == wanted
    assert canceled == []
    assert done == dict(enumerate(wanted))
    wait_until_free()

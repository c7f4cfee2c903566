"""Pretraining goes on without a region and without a worker, and an interrupt ends it."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import ray

from actors.names import NAMESPACE, region_name
from actors.runner import RayRunner
from brainray.pipeline.local import LocalRunner
from brainray.pipeline.units import Pretrained, PretrainUnit
from brainray.settings import Settings
from brainray.testing.drivers import PATIENCE_SECONDS
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


def test_the_longest_are_begun_first_and_an_interrupt_ends_them_all(
    runner: RayRunner, units: list[PretrainUnit], wait_until_free: Callable[[], None]
) -> None:
    longest = replace(units[0], recipe=replace(units[0].recipe, epochs=24))
    first: list[int] = []

    def interrupt(number: int, result: Pretrained) -> None:
        first.append(number)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.pretrain([units[0], units[3], longest], 1, interrupt)
    assert first == [2]
    wait_until_free()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while descendants(os.getpid(), "RayTrainWorker"):
        assert time.monotonic() < deadline, "workers are still there"
        time.sleep(0.1)

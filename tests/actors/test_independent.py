"""A worker of an asynchronous parameter server is killed; the others go on."""

from pathlib import Path

import pytest

from actors import independent
from actors.independent import finish_independently
from actors.runner import RayRunner
from brainray.catalog import Library
from brainray.pipeline.checkpoints import StoredCheckpoints
from brainray.settings import Settings
from brainray.testing.problems import SlowTraining
from brainray.training.checkpoint import Checkpoints
from brainray.training.progress import Progress

pytestmark = pytest.mark.usefixtures("ray_cluster")

EPOCHS = 12


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Kill the first worker, too, where tests may take minutes."""
    metafunc.parametrize("victim", [0, 1] if metafunc.config.option.long else [1])


def test_only_the_first_worker_is_needed(
    runner: RayRunner,
    settings: Settings,
    tmp_path: Path,
    victim: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(independent, "GROWTH_SECONDS", 0.5)
    run_id = f"independent-{victim}"
    problem = SlowTraining(
        checkpoints=Checkpoints(StoredCheckpoints(Library.open(settings).store, run_id), 0),
        gate=tmp_path / "gate",
        epochs=EPOCHS,
        strategy="parameter_server",
        options={"synchronous": False},
        victim=victim,
    )
    told: list[Progress] = []
    runner.coordinate("acquire", run_id, "here:1")
    solution = finish_independently(
        problem, [(0,) * 8], 2, lambda name, news: told.append(news), runner.coordinate, run_id
    )
    runner.coordinate("release", run_id, "here:1")
    assert (tmp_path / "gate.killed").exists()
    assert all(weight.isfinite().all() for weight in solution.weights.values())
    assert told[-1].ended
    begun = [news.epochs for news in told if news.begins]
    if victim == 0:  # its checkpoint was written after the second epoch
        assert begun == [0, 2]
    else:  # nothing is done again
        assert begun == [0]

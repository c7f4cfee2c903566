"""Networks are pretrained by Train workers that pull them from the regions' actors."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from actors.runner import RayRunner
from brainray.catalog import Library, load_weights
from brainray.errors import ClusterError, DataError
from brainray.pipeline.local import LocalRunner
from brainray.pipeline.units import PretrainUnit, Together
from brainray.settings import Settings

pytestmark = pytest.mark.usefixtures("ray_cluster")


def test_what_cannot_be_trained_says_why_in_one_line(
    runner: RayRunner,
    units: list[PretrainUnit],
    settings: Settings,
    wait_until_free: Callable[[], None],
) -> None:
    spec = Library.open(settings).network("lenet3.image")
    columns = {
        split: replace(column, preparation=spec.preparation)
        for split, column in units[0].columns.items()
    }
    picture = replace(units[0], spec=spec, sub_region="vision.shape", columns=columns)
    with pytest.raises(DataError, match=r"^two-texts: row \d+, column left: .*") as error:
        runner.pretrain([units[0], picture], 2, lambda number, result: None)
    assert "\n" not in str(error.value)
    wait_until_free()


def test_all_workers_train_each_network_together(
    runner: RayRunner, units: list[PretrainUnit], settings: Settings
) -> None:
    brief = replace(units[0].recipe, epochs=1)
    unit = replace(units[0], recipe=brief, together=Together("all_reduce", {}, 2))
    (made,) = runner.pretrain([unit], 2, lambda number, result: None)
    (wanted,) = LocalRunner(settings).pretrain([unit], 2, lambda number, result: None)
    store = Library.open(settings).store
    here, there = (load_weights(store, one.weights.key) for one in (wanted, made))
    for name, weight in here.items():
        torch.testing.assert_close(there[name], weight, rtol=0, atol=1e-4)


def test_no_trainer_is_started_without_need(
    runner: RayRunner, units: list[PretrainUnit], tmp_path: Path
) -> None:
    assert runner.pretrain([], None, lambda number, result: None) == []
    with pytest.raises(ClusterError, match=r"pretraining\.workers: needs 99 CPUs, the cluster"):
        runner.require(99, None, 1)
    assert list(tmp_path.iterdir()) == []

from pathlib import Path

import pytest

from brainray.catalog import Library
from brainray.catalog.store import Store
from brainray.catalog.weights import StoredWeights
from brainray.errors import DataError, RunError
from brainray.networks.interface import NetworkSpec
from brainray.pipeline.assignment import Assignment
from brainray.pipeline.columns import ColumnUnit
from brainray.pipeline.region import Region
from brainray.pipeline.units import Pretrained, PretrainUnit
from brainray.settings import Settings
from brainray.training.loop import Recipe

DONE = Pretrained(StoredWeights("0" * 64, "models/x", 1, 1), 0.5)


@pytest.fixture
def units(tmp_path: Path) -> dict[int, PretrainUnit]:
    spec = NetworkSpec("lenet3.image", "lenet3", "LeNet", "image", {}, ("vision.shape",))
    column = ColumnUnit(Store(str(tmp_path), tmp_path), "data", "x", "train", {})
    unit = PretrainUnit({"train": column}, spec, "vision.shape", 2, Recipe(1, 1, "adam", 1e-3), 0)
    return dict.fromkeys((5, 2, 7), unit)


def test_units_are_handed_out_once_in_their_order(units: dict[int, PretrainUnit]) -> None:
    assignment = Assignment()
    assert assignment.add(units) == {}
    given = [assignment.next(worker) for worker in range(4)]
    assert [part and part[0] for part in given] == [5, 2, 7, None]
    assignment.finish(2, DONE)
    assert assignment.next(1) is None
    assert assignment.add(units) == {2: DONE}
    assert assignment.next(1) is None  # what is done is not done again


def test_a_worker_gets_what_it_held_again_until_it_is_finished(
    units: dict[int, PretrainUnit],
) -> None:
    assignment = Assignment()
    assignment.add(units)
    assert assignment.next(0) == assignment.next(0) == (5, units[5])
    error = DataError("row 3: cannot be read")
    assignment.finish(5, error)
    assignment.finish(5, error)  # the call may come twice
    assert assignment.next(0) == (2, units[2])
    assert assignment.add(units) == {5: error}


def test_a_restarted_region_says_that_it_knows_nothing_of_a_run(
    units: dict[int, PretrainUnit], empty: Settings
) -> None:
    Library.open(empty)
    region = Region("vision", empty)
    region.assign("run", units)
    assert region.next_unit("run", 0) == (5, units[5])
    restarted = Region("vision", empty)
    with pytest.raises(RunError, match="run run: has assigned nothing to the region vision"):
        restarted.next_unit("run", 0)
    with pytest.raises(RunError, match="has assigned nothing"):
        restarted.finish_unit("run", 5, DONE)
    restarted.assign("run", units)
    restarted.finish_unit("run", 5, DONE)  # handed out before the restart
    assert restarted.next_unit("run", 0) == (2, units[2])
    assert restarted.assign("run", units) == {5: DONE}
    restarted.forget("run")
    restarted.forget("run")
    assert restarted.assign("run", units) == {}

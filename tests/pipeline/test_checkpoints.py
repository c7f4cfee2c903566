import json
from datetime import timedelta

import pytest
import safetensors.torch

from brainray.catalog import Library
from brainray.errors import RunError, ScenarioError
from brainray.pipeline.checkpoints import StoredCheckpoints
from brainray.pipeline.local import local_runner
from brainray.pipeline.record import Record
from brainray.pipeline.resuming import resumed
from brainray.pipeline.run import run_scenario
from brainray.pipeline.status import recorded_scenario
from brainray.scenario import Scenario
from brainray.settings import Settings
from brainray.testing.places import library_below


def test_checkpoints_are_the_run_s_own_and_go_with_it(tmp_path):
    library = library_below(tmp_path)
    first, second = (StoredCheckpoints(library.store, run) for run in ("a-1", "a-2"))
    assert first.read("training") is None
    first.write("training", b"half")
    first.write("training", b"all")
    second.write("training", b"other")
    assert first.read("training") == b"all"
    assert second.read("training") == b"other"
    first.remove_all()
    assert first.read("training") is None
    assert second.read("training") == b"other"


def test_upkeep_leaves_checkpoints_until_they_are_old(tmp_path):
    library = library_below(tmp_path)
    checkpoints = StoredCheckpoints(library.store, "a-1")
    checkpoints.write("training", b"all")
    assert library.verify().findings == ()
    assert library.collect().files == {}
    assert library.collect(grace=timedelta(0)).files == {"checkpoints/a-1/training": 3}
    assert checkpoints.read("training") is None


@pytest.mark.parametrize("workers", [2, 3])
def test_a_run_goes_on_from_the_checkpoints_of_its_training(
    scenario: Scenario, empty: Settings, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """It is interrupted when it has written three of them; the epochs before are not done again."""
    training = scenario.training.model_copy(update={"checkpoint_seconds": 0.0, "epochs": 5})
    wanted = scenario.model_copy(update={"training": training})
    write, epochs = StoredCheckpoints.write, []

    def interrupted(self: StoredCheckpoints, name: str, data: bytes) -> None:
        write(self, name, data)
        if name.startswith("pretraining-"):
            return
        progress = safetensors.torch.load(data)["progress"].numpy().tobytes()
        epochs.append(json.loads(progress)["epochs"])
        if len(epochs) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(StoredCheckpoints, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_scenario(wanted, 0, empty, local_runner)
    (run,) = Library.open(empty).runs()
    other = resumed(wanted, [f"training.workers={workers}"], run.id)
    report = run_scenario(other, 0, empty, local_runner, run_id=run.id)
    assert epochs[:4] == [1, 2, 3, 4]
    assert (report.run_id, report.training.workers) == (run.id, workers)
    record = Record(empty.runs / run.id)
    first, again, *_ = [event for event in record.events("training") if event["begins"]]
    assert (first["workers"], first["epochs"]) == (2, 0)
    assert (again["workers"], again["epochs"], again["of"]) == (workers, 3, 5)
    assert again["training"] == first["training"]
    assert recorded_scenario(record)[0].training.workers == workers
    assert list(Library.open(empty).store.files("checkpoints/")) == []


def test_what_is_to_be_done_cannot_change(scenario: Scenario) -> None:
    with pytest.raises(RunError, match=r"^--set training\.epochs: cannot change .*start a new run"):
        resumed(scenario, ["training.workers=3", "training.epochs=9"], "a-1")
    together = scenario.pretraining.model_copy(update={"strategy": "all_reduce", "workers": 2})
    with pytest.raises(RunError, match=r"pretraining\.workers: .* part of the recipe"):
        resumed(
            scenario.model_copy(update={"pretraining": together}), ["pretraining.workers=3"], "a-1"
        )
    with pytest.raises(ScenarioError, match=r"^run a-1: training.*workers"):
        resumed(scenario, ["training.workers=0"], "a-1")

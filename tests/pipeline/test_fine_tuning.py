"""The winner trained on together with its pretrained networks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from brainray.catalog import Library
from brainray.catalog.weights import load_weights
from brainray.datasets.dataset import open_dataset
from brainray.networks.interface import TappedNetwork
from brainray.pipeline.answers import ANSWERS_FILE
from brainray.pipeline.export.onnx_file import export_onnx
from brainray.pipeline.fine_tuning import FineTuningProblem, WholeNetwork
from brainray.pipeline.local import LocalRunner, local_runner
from brainray.pipeline.predict import load_model
from brainray.pipeline.record import Record
from brainray.pipeline.run import run_scenario
from brainray.scenario import Scenario
from brainray.search.interface import Genome, Problem, Solution
from brainray.settings import Settings
from brainray.training.communicator import simulate


def fine_tuned(scenario: Scenario, rate: float) -> Scenario:
    """Return a scenario whose networks are barely trained, so that there is much to gain."""
    pretraining = scenario.pretraining.model_copy(update={"epochs": 1})
    training = scenario.training.model_copy(
        update={"fine_tuning_epochs": 4, "fine_tuning_rate": rate}
    )
    return scenario.model_copy(update={"pretraining": pretraining, "training": training})


@pytest.mark.parametrize("rate", [3e-3, 1.0])
def test_fine_tuning_is_kept_only_if_it_helps(
    scenario: Scenario, empty: Settings, tmp_path: Path, rate: float
) -> None:
    report = run_scenario(fine_tuned(scenario, rate), 0, empty, local_runner)
    folder: Path = empty.runs / report.run_id
    (solved,) = Record(folder).events("solution")
    outcome = solved["details"]["fine_tuning"]
    assert outcome["kept"] == (outcome["fine_tuned"] > outcome["frozen"])
    assert report.best.validation == max(outcome["frozen"], outcome["fine_tuned"])
    assert outcome["kept"] == (rate < 1.0)
    library = Library.open(empty)
    model = library.model("pictures-and-captions" + ".rejected" * (report.gate.chosen != "fused"))
    stored = load_weights(library.store, model.key)
    assert any(name.startswith("backbones/") for name in stored) == outcome["kept"]
    # The stored model answers raw samples as the run has answered them.
    dataset = open_dataset(library.dataset_path(report.data["sha256"]))
    predictor = load_model(library, model.id)
    answers = pq.read_table(folder / ANSWERS_FILE)["fused"].to_pylist()
    columns = {name: dataset.column("test", name) for name in dataset.modalities}
    for row, answer in enumerate(answers[:20]):
        given = {name: raws[row] for name, raws in columns.items() if raws[row] is not None}
        assert predictor(given).label == answer
    if outcome["kept"]:
        done = export_onnx(library.store, predictor, tmp_path / "model.onnx")
        assert done.difference < 1e-5


def test_two_workers_agree_with_one(scenario: Scenario, empty: Settings) -> None:
    finished: list[tuple[Problem, Sequence[Genome]]] = []

    class Observed(LocalRunner):
        def finish(self, problem: Problem, genomes: Sequence[Genome], *rest: Any) -> Solution:
            finished.append((problem, genomes))
            return super().finish(problem, genomes, *rest)

    @contextmanager
    def observed(settings: Settings, run_folder: Path) -> Iterator[LocalRunner]:
        yield Observed(settings)

    run_scenario(fine_tuned(scenario, rate=3e-3), 0, empty, observed)
    ((problem, genomes),) = finished
    assert isinstance(problem, FineTuningProblem)
    alone = problem.finish(genomes[:1])
    for shared in simulate(
        2, lambda member: replace(problem, communicator=member).finish(genomes[:1])
    ):
        assert shared.value == pytest.approx(alone.value, abs=0.02)
        tuned, other = alone.details["fine_tuning"], shared.details["fine_tuning"]
        assert other["frozen"] == tuned["frozen"]
        assert other["fine_tuned"] == pytest.approx(tuned["fine_tuned"], abs=0.02)
        assert tuned["kept"]
        assert other["kept"]
        for name, weight in alone.weights.items():
            # Whole tensors: Adam moves a weight whose gradient is all rounding by its full rate.
            away = (shared.weights[name] - weight).norm()
            assert away <= 5e-2 * weight.norm() + 1e-6, name


def test_batch_norms_keep_what_pretraining_has_learned() -> None:
    """Each worker sees other rows: their statistics would differ at the end."""

    class Normed(TappedNetwork):
        def __init__(self) -> None:
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(2)
            self.dropout = torch.nn.Dropout()

    backbone = Normed()
    whole = WholeNetwork(torch.nn.Linear(1, 1), {"picture": backbone})  # type: ignore[arg-type]
    whole.train()
    assert backbone.dropout.training
    backbone.norm(torch.rand(4, 2))
    assert backbone.norm.get_buffer("num_batches_tracked") == 0

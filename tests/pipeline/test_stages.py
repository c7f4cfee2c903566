"""A network that is larger than a worker may be: refused, or trained in stages."""

import re
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from brainray.catalog import Library, load_weights
from brainray.datasets.dataset import SPLITS
from brainray.datasets.source import load_dataset
from brainray.errors import ScenarioError, TrainingError
from brainray.pipeline.columns import ColumnUnit
from brainray.pipeline.local import LocalRunner, local_runner
from brainray.pipeline.run import run_scenario
from brainray.pipeline.units import PretrainUnit, Together, pretrain
from brainray.scenario import Scenario, parse_scenario
from brainray.settings import Settings
from brainray.training.loop import Recipe
from brainray.training.self_supervised import SelfSupervised
from brainray.training.semi_supervised import SemiSupervised


@pytest.fixture(scope="module")
def unit(scenario: Scenario, settings: Settings) -> PretrainUnit:
    modalities = {"picture": "image", "caption": "text"}
    dataset, source = load_dataset(scenario.data, modalities, "label", 0, settings)
    library = Library.open(settings)
    library.add_data_set(dataset, source)
    spec = library.network("lenet3.image")
    return PretrainUnit(
        columns={
            split: ColumnUnit(library.store, dataset.sha256, "picture", split, spec.preparation)
            for split in SPLITS
        },
        spec=spec,
        sub_region="vision.shape",
        classes=len(dataset.classes),
        recipe=Recipe(1, 32, "adam", 3e-3),
        seed=0,
    )


def needed(unit: PretrainUnit) -> int:
    """Return the bytes that one worker needs for a unit, as the refusal names them."""
    with pytest.raises(
        TrainingError, match=r"^pretraining\.memory_limit: lenet3\.image: "
    ) as error:
        pretrain(replace(unit, memory_limit=1))
    return named(error.value)


def named(error: TrainingError) -> int:
    """Return the bytes that a refusal names."""
    (found,) = re.findall(r"needs ([\d,]+) bytes on one worker .* allowed are 1; ", str(error))
    return int(found.replace(",", ""))


def test_what_is_larger_than_a_worker_is_trained_in_stages(
    unit: PretrainUnit, settings: Settings
) -> None:
    limit = needed(unit) * 4 // 5
    with pytest.raises(TrainingError) as error:
        pretrain(replace(unit, memory_limit=limit))
    assert str(error.value).endswith(
        "; 2 stages fit: pretraining.strategy: pipeline, pretraining.workers: 2"
    )
    alone = pretrain(replace(unit, memory_limit=needed(unit)))
    cut = replace(unit, memory_limit=limit, together=Together("pipeline", {}, 2))
    (staged,) = LocalRunner(settings).pretrain([cut], 2, lambda number, result: None)
    store = Library.open(settings).store
    old, new = (load_weights(store, made.weights.key) for made in (alone, staged))
    for name in old:
        torch.testing.assert_close(new[name], old[name], rtol=0, atol=1e-3)
    assert staged.validation == pytest.approx(alone.validation, abs=0.02)


def test_what_no_cut_makes_small_enough_is_refused_by_its_workers(
    unit: PretrainUnit, settings: Settings
) -> None:
    cut = replace(unit, memory_limit=1000, together=Together("pipeline", {}, 2))
    message = r"^pretraining\.memory_limit: lenet3\.image: stage \d of 2 .*: needs .* is 1,000; "
    with pytest.raises(TrainingError, match=message):
        LocalRunner(settings).pretrain([cut], 2, lambda number, result: None)


MANY = {"labelled": 1000, "everything": 5000}


def bytes_of(unit: PretrainUnit, **rows: int) -> int:
    """Return what a unit needs, as the refusal says."""
    with pytest.raises(TrainingError) as error:
        replace(unit, memory_limit=1).check_memory(**MANY | rows)
    return named(error.value)


def test_the_rows_of_the_real_step_are_counted(unit: PretrainUnit) -> None:
    """Of FixMatch all labelled rows and the strong views, of SimCLR two views of each sample."""

    def of(rows: int) -> int:
        return bytes_of(replace(unit, recipe=replace(unit.recipe, batch_size=rows)))

    assert of(1) < of(32)
    many = replace(unit, learning=SemiSupervised(ratio=64))
    state = 2 * of(16) - of(32)
    assert bytes_of(many) - state == 65 * (of(32) - state)
    assert bytes_of(many, everything=16) - state == (32 + 64 * 16) // 32 * (of(32) - state)
    seen = {size: replace(unit, learning=SelfSupervised(batch_size=size)) for size in (16, 32, 64)}
    views = bytes_of(seen[32]) - bytes_of(seen[16])
    assert views == bytes_of(seen[64], everything=32) - bytes_of(seen[16])
    assert views > of(32) - state  # 32 more views, and the projection
    # The labelled rows that follow may be more than the views.
    wide = replace(seen[16], recipe=replace(unit.recipe, batch_size=640))
    assert of(640) > bytes_of(seen[16])
    with pytest.raises(TrainingError, match=f"needs {of(640):,} bytes .* smaller pretraining.bat"):
        replace(wide, memory_limit=of(640) - 1).check_memory(**MANY)
    replace(wide, memory_limit=of(640)).check_memory(**MANY)
    head = replace(wide, learning=SelfSupervised(batch_size=16, tuned="head"))
    replace(head, memory_limit=bytes_of(seen[16])).check_memory(**MANY)


@pytest.mark.parametrize(
    ("changes", "limit", "advice"),
    [
        ({"learning": SemiSupervised(64)}, 10**6, "take a smaller pretraining.batch_size or "),
        ({"learning": SelfSupervised()}, 10**6, "a smaller pretraining.self_supervised.batch_size"),
        ({"learning": SemiSupervised(64)}, 1000, r"2 at a time need [\d,]+: take a higher limit$"),
        ({"cuttable": False}, 10**6, "take a smaller pretraining.batch_size, or a higher limit$"),
        ({}, 1000, "; no number of stages fits; 1 at a time need .*: take a higher limit$"),
    ],
)
def test_only_what_can_be_done_is_advised(
    changes: dict[str, Any], limit: int, advice: str, unit: PretrainUnit
) -> None:
    changed = replace(unit, memory_limit=limit, **changes)
    with pytest.raises(TrainingError, match=advice) as error:
        changed.check_memory(**MANY)
    assert "pipeline" not in str(error.value)


def test_stages_are_advised_for_the_whole_batch(unit: PretrainUnit) -> None:
    """Two workers compute 16 rows each; in stages each computes all 32."""
    shared = replace(unit, together=Together("all_reduce", {}, 2))
    for limit, advice in ((1_000_000, "; 2 stages fit: "), (900_000, "; no number of stages fits")):
        with pytest.raises(TrainingError, match=advice):
            replace(shared, memory_limit=limit).check_memory(**MANY)
    cut = replace(unit, together=Together("pipeline", {}, 2))
    replace(cut, memory_limit=1_000_000).check_memory(**MANY)
    with pytest.raises(TrainingError, match=r"lenet3\.image: stage \d of 2 .* no larger number of"):
        replace(cut, memory_limit=900_000).check_memory(**MANY)


def document(scenario: Scenario, **pretraining: Any) -> dict[str, Any]:
    return scenario.model_dump(mode="json") | {"pretraining": pretraining}


def test_a_network_that_is_no_chain_is_named(scenario: Scenario, empty: Settings) -> None:
    wanted = parse_scenario(document(scenario, strategy="pipeline", workers=2), "test")
    with pytest.raises(ScenarioError, match=r"chains of layers, which \w+\.text is not; .*caption"):
        run_scenario(wanted, 0, empty, local_runner)


@pytest.fixture(scope="module")
def pictures(scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The scenario with its pictures alone."""
    table = pq.read_table(scenario.data.manifest)
    path = tmp_path_factory.mktemp("pictures") / "pictures.parquet"
    pq.write_table(table.filter(table["picture"].is_valid()), path)
    inputs = {"picture": {"modality": "image", "networks": ["lenet3.image"]}}
    return document(scenario) | {"inputs": inputs, "data": {"manifest": path}}


def test_more_stages_than_layers_are_refused(pictures: dict[str, Any], empty: Settings) -> None:
    stages = {"strategy": "pipeline", "workers": 13}
    wanted = parse_scenario(pictures | {"pretraining": stages}, "test")
    message = r"^pretraining\.workers: is 13, but lenet3\.image has 12 layers, .* are 2 to 12$"
    with pytest.raises(ScenarioError, match=message):
        run_scenario(wanted, 0, empty, local_runner)


@pytest.mark.parametrize("more", [{"learning": "self_supervised"}, {"strategy": "pipeline"}])
def test_a_limit_is_checked_before_any_training_begins(
    more: dict[str, Any], pictures: dict[str, Any], empty: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = {"memory_limit": 1, "workers": 2} | more
    wanted = parse_scenario(pictures | {"pretraining": limited}, "test")
    monkeypatch.setattr(LocalRunner, "pretrain", None)
    with pytest.raises(TrainingError, match=r"^pretraining\.memory_limit: lenet3\.image: "):
        run_scenario(wanted, 0, empty, local_runner)


@pytest.mark.parametrize(
    ("section", "value", "reason"),
    [
        ("training", {"strategy": "pipeline"}, "training.strategy: pipeline cuts a large chain"),
        ("pretraining", {"strategy": "pipeline"}, "pretraining: strategy pipeline needs a number"),
        (
            "pretraining",
            {"strategy": "pipeline", "workers": 1},
            "pretraining: strategy pipeline needs at least 2 workers",
        ),
        (
            "pretraining",
            {"strategy": "pipeline", "workers": 2, "options": {"schedule": "zigzag"}},
            "pretraining.options: schedule: Input should be '1f1b' or 'gpipe', not 'zigzag'",
        ),
        (
            "pretraining",
            {"strategy": "pipeline", "workers": 2, "options": {"stages": 2}},
            "pretraining.options: stages: unknown option of a pipeline, allowed are schedule, ",
        ),
        ("training", {"min_workers": 3}, "training: min_workers 3 must be at most workers 2"),
    ],
)
def test_what_cannot_be_is_said(
    section: str, value: dict[str, Any], reason: str, scenario: Scenario
) -> None:
    with pytest.raises(ScenarioError, match=f"^test: {reason}"):
        parse_scenario(scenario.model_dump(mode="json") | {section: value}, "test")

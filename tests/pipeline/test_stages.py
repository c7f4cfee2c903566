"""A network that is larger than a worker may be: refused, or trained in stages."""

import re
from dataclasses import replace
from typing import Any

import pytest
import torch

from brainray.catalog import Library, load_weights
from brainray.datasets.dataset import SPLITS
from brainray.datasets.source import load_dataset
from brainray.errors import ScenarioError, TrainingError
from brainray.pipeline.local import LocalRunner, local_runner
from brainray.pipeline.run import run_scenario
from brainray.pipeline.units import ColumnUnit, PretrainUnit, Together, pretrain
from brainray.scenario import Scenario, parse_scenario
from brainray.settings import Settings
from brainray.training.loop import Recipe


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
    (found,) = re.findall(r"needs ([\d,]+) bytes on one worker, limit_bytes is 1", str(error.value))
    return int(found.replace(",", ""))


def test_what_is_larger_than_a_worker_is_trained_in_stages(
    unit: PretrainUnit, settings: Settings
) -> None:
    limit = needed(unit) * 4 // 5
    with pytest.raises(TrainingError) as error:
        pretrain(replace(unit, memory_limit=limit))
    assert str(error.value).endswith(
        "2 stages fit, with pretraining.strategy: pipeline and as many workers"
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
    with pytest.raises(TrainingError, match=r"stage \d of 2 .*: needs .* limit_bytes is 1,000; "):
        LocalRunner(settings).pretrain([cut], 2, lambda number, result: None)


def document(scenario: Scenario, **pretraining: Any) -> dict[str, Any]:
    return scenario.model_dump(mode="json") | {"pretraining": pretraining}


def test_a_network_that_is_no_chain_is_named(scenario: Scenario, empty: Settings) -> None:
    wanted = parse_scenario(document(scenario, strategy="pipeline", workers=2), "test")
    with pytest.raises(ScenarioError, match=r"chains of layers, which \w+\.text is not; .*caption"):
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
            "pretraining.options: stages: .*options of a pipeline are schedule, microbatches",
        ),
        ("training", {"min_workers": 3}, "training: min_workers 3 must be at most workers 2"),
    ],
)
def test_what_cannot_be_is_said(
    section: str, value: dict[str, Any], reason: str, scenario: Scenario
) -> None:
    with pytest.raises(ScenarioError, match=f"^test: {reason}"):
        parse_scenario(scenario.model_dump(mode="json") | {section: value}, "test")

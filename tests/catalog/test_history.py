"""Lineage, evaluations, drafts and scenarios: what the catalog knows beside models."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from brainray.catalog import Library, NewModel
from brainray.catalog.drafts import Draft
from brainray.catalog.lineage import Link
from brainray.datasets.dataset import Dataset
from brainray.errors import CatalogError

Build = Callable[..., NewModel]


@pytest.fixture
def draft(library: Library, dataset: Dataset) -> Draft:
    library.add_data_set(dataset, "files")
    return Draft(
        name="mine",
        network="lenet3.image",
        sub_region="vision.shape",
        data_set=dataset.sha256,
        optimizer="none",
        platform="PyTorch 2.13",
        spec={"labels": ["0", "1"]},
    )


def test_lineage_goes_both_ways(library: Library, new_model: Build, fused: Build) -> None:
    grandparent = library.register(new_model(5)).id
    parent = library.register(new_model(6, parent=grandparent)).id
    child = library.register(new_model(7, parent=parent)).id
    both = library.register(fused(backbones=(child, parent))).id
    born, grown = Link(grandparent, parent, "parent"), Link(parent, child, "parent")
    eye, ear = Link(child, both, "backbone"), Link(parent, both, "backbone")
    assert set(library.lineage(both).ancestors) == {eye, ear, grown, born}
    assert library.lineage(both).descendants == ()
    assert set(library.lineage(grandparent).descendants) == {born, grown, ear, eye}
    assert library.lineage(grandparent).descendants[0] == born
    assert library.lineage(parent).ancestors == (born,)


def test_numbers_are_kept_with_the_model_and_later(library: Library, new_model: Build) -> None:
    model = library.register(new_model(metrics={"validation": 0.5, "test": 0.25}, run_id="r"))
    library.add_evaluation(model.id, model.data_set, "test", "f1", 0.3)
    kept = library.evaluations(model.id)
    assert [(one.split, one.metric, one.value, one.run_id) for one in kept] == [
        ("test", "accuracy", 0.25, "r"),
        ("validation", "accuracy", 0.5, "r"),
        ("test", "f1", 0.3, None),
    ]
    for metric, value in (("accuracy", 97.0), ("loss", float("nan"))):
        with pytest.raises(CatalogError, match=rf"{metric} .* is not a f"):
            library.add_evaluation(model.id, model.data_set, "test", metric, value)
    with pytest.raises(CatalogError, match="data set 'no'"):
        library.add_evaluation(model.id, "no", "test", "f1", 0.3)
    assert len(library.evaluations(model.id)) == 3


def test_a_draft_waits_and_is_no_model(library: Library, draft: Draft) -> None:
    identifier = library.declare(draft)
    assert library.declare(draft) == identifier == draft.id
    assert list(library.drafts()) == [identifier]
    kept = library.drafts()[identifier]
    assert kept == replace(draft, preparation=library.network("lenet3.image").preparation)
    assert library.models() == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "none"}, "network 'none': not in the catalog"),
        ({"sub_region": "vision.color"}, "lives in vision.shape, vision.other"),
        ({"sub_region": "nose"}, "sub-region 'nose': not in the catalog"),
        ({"data_set": "CIFAR"}, "data set 'CIFAR': not in the catalog"),
        ({"optimizer": "lion"}, "optimizer 'lion': not in the catalog"),
        ({"platform": "Caffe"}, "platform 'Caffe': not in the catalog"),
    ],
)
def test_impossible_drafts_are_refused(
    library: Library, draft: Draft, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(CatalogError, match=message):
        library.declare(replace(draft, **changes))
    assert library.drafts() == {}


def test_a_run_keeps_its_scenario(library: Library) -> None:
    definition = {"name": "digits", "goal": {"target": "digit"}}
    first = library.add_run("r1", "digits", 0, "runs/r1", definition)
    second = library.add_run("r2", "digits", 1, "runs/r2", dict(reversed(definition.items())))
    assert first.scenario_sha256 == second.scenario_sha256
    assert first.scenario_sha256 is not None
    assert library.scenario(first.scenario_sha256) == definition
    with pytest.raises(CatalogError, match="scenario 'abc': not in the catalog"):
        library.scenario("abc")

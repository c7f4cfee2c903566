"""Supervised, semi-supervised and self-supervised pretraining of one run's networks."""

import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from brainray.catalog import Library, Model
from brainray.catalog.weights import load_weights
from brainray.errors import ScenarioError
from brainray.networks.interface import NetworkSpec, build_network
from brainray.pipeline.learning import (
    Learning,
    Lesson,
    count,
    endless,
    learning_of,
    rule_of,
    taken,
)
from brainray.pipeline.local import local_runner
from brainray.pipeline.run import run_scenario
from brainray.pipeline.tables import report_markdown
from brainray.scenario import Report, Scenario, parse_scenario
from brainray.seeding import torch_random
from brainray.settings import Settings
from brainray.testing.places import settings_below
from brainray.training.loop import Recipe
from brainray.training.self_supervised import SelfSupervised
from brainray.training.semi_supervised import SemiSupervised

TOKENS = 6
TEXT = NetworkSpec(
    name="fasttext.text",
    architecture="fasttext",
    category="FastText",
    modality="text",
    preparation={"name": "hashed_words", "tokens": TOKENS},
    sub_regions=("language.reading",),
)
KINDS = {"supervised": "supervised", "semi_supervised": "FixMatch", "self_supervised": "SimCLR"}


@pytest.fixture(scope="module")
def few_labels(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """Two texts, of which every second row of train has no target."""
    path = tmp_path_factory.mktemp("few") / "few.csv"
    rows = ["left,right,label,split"]
    for number in range(120):
        split = "train" if number < 80 else ("validation" if number < 100 else "test")
        first, second = ("low", "high")[number % 4 // 2], ("even", "odd")[number % 2]
        label = "" if split == "train" and number % 8 < 4 else number % 4
        texts = f"{first} big filler{number % 7},{second} small filler{number % 5}"
        rows.append(f"{texts},{label},{split}")
    path.write_text("\n".join(rows) + "\n")
    text = {"modality": "text", "networks": ["fasttext.text"]}
    return parse_scenario(
        {
            "name": "few-labels",
            "goal": {"target": "label"},
            "inputs": {"left": text, "right": text},
            "data": {"manifest": path},
            "search": {"budget": 4, "brood": 2, "epochs": 1, "depth": 1, "finalists": 1},
            "pretraining": {
                "epochs": 1,
                "optimizers": ["adam"],
                "semi_supervised": {"ratio": 2},
                "self_supervised": {"epochs": 1, "batch_size": 16},
            },
            "training": {"epochs": 1, "workers": 1},
        },
        origin="test",
    )


def learning(scenario: Scenario, kind: str, **others: Any) -> Scenario:
    pretraining = scenario.pretraining.model_copy(update={"learning": kind, **others})
    return scenario.model_copy(update={"pretraining": pretraining})


def models_of(report: Report, settings: Settings) -> dict[str, Model]:
    library = Library.open(settings)
    return {name: library.model(alone.model) for name, alone in report.unimodal.items()}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Of these tests alone, which count the models of a catalog."""
    return settings_below(tmp_path_factory.mktemp("learning"))


@pytest.fixture(scope="module")
def reports(few_labels: Scenario, settings: Settings) -> dict[str, Report]:
    return {
        kind: run_scenario(learning(few_labels, kind), 0, settings, local_runner) for kind in KINDS
    }


def test_a_run_says_how_many_rows_are_labelled_and_how_networks_learned(
    reports: dict[str, Report], settings: Settings
) -> None:
    for kind, rule in KINDS.items():
        report = reports[kind]
        assert report.data["rows"] == {
            "train": 40,
            "validation": 20,
            "test": 20,
            "unlabelled": 40,
        }
        assert {alone.learning for alone in report.unimodal.values()} == {rule}
        page = report_markdown(report, {})
        assert re.search(r"train, labelled +\| +40 ", page)
        assert re.search(r"train, unlabelled +\| +40 ", page)
        assert (f"left alone, {rule}" in page) == (kind != "supervised")
        for model in models_of(report, settings).values():
            assert model.learning == rule
            assert model.name.endswith(kind) == (kind != "supervised")
    semi = models_of(reports["semi_supervised"], settings)["left"]
    options = {"rule": "FixMatch", "ratio": 2, "threshold": 0.95, "weight": 1.0}
    assert semi.spec["learning"] == options


def test_models_that_learned_otherwise_are_never_taken_for_each_other(
    reports: dict[str, Report], few_labels: Scenario, settings: Settings
) -> None:
    found = [models_of(reports[kind], settings)["left"] for kind in KINDS]
    assert len({model.sha256 for model in found}) == len({model.recipe for model in found}) == 3
    before = len(Library.open(settings).models(kind="unimodal"))
    again = run_scenario(learning(few_labels, "self_supervised"), 0, settings, local_runner)
    assert again.unimodal == reports["self_supervised"].unimodal  # nothing was trained
    assert len(Library.open(settings).models(kind="unimodal")) == before == 6
    changed = learning(
        few_labels,
        "semi_supervised",
        semi_supervised=few_labels.pretraining.semi_supervised.model_copy(
            update={"threshold": 0.5}
        ),
    )
    run_scenario(changed, 0, settings, local_runner)
    assert len(Library.open(settings).models(kind="unimodal")) == 8


def test_the_same_seed_gives_the_same_weights(
    reports: dict[str, Report], few_labels: Scenario, settings: Settings, empty: Settings
) -> None:
    for kind in ("semi_supervised", "self_supervised"):
        again = run_scenario(learning(few_labels, kind, workers=2), 0, empty, local_runner)
        old, new = models_of(reports[kind], settings), models_of(again, empty)
        assert {name: model.sha256 for name, model in old.items()} == {
            name: model.sha256 for name, model in new.items()
        }


def test_supervised_learning_is_as_if_unlabelled_rows_were_not_there(
    reports: dict[str, Report],
    few_labels: Scenario,
    settings: Settings,
    tmp_path: Path,
    empty: Settings,
) -> None:
    assert few_labels.data.manifest is not None
    lines = few_labels.data.manifest.read_text().splitlines()
    manifest = tmp_path / "few.csv"
    manifest.write_text("\n".join(line for line in lines if ",,train" not in line) + "\n")
    data = few_labels.data.model_copy(update={"manifest": manifest})
    alone = few_labels.model_copy(update={"data": data})
    report = run_scenario(alone, 0, empty, local_runner)
    old, new = models_of(reports["supervised"], settings), models_of(report, empty)
    stores = [Library.open(place).store for place in (settings, empty)]
    for name in old:
        one, other = (
            load_weights(store, model.key)
            for store, model in zip(stores, (old[name], new[name]), strict=True)
        )
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_what_cannot_be_learned_from_is_refused(tiny: Scenario, empty: Settings) -> None:
    with pytest.raises(ScenarioError, match=r"semi_supervised needs rows without a target, and"):
        run_scenario(learning(tiny, "semi_supervised"), 0, empty, local_runner)
    wave = replace(TEXT, name="wave.audio", preparation={"name": "waveform", "samples": 100})
    chosen = learning(tiny, "self_supervised").pretraining
    with pytest.raises(ScenarioError, match=r"the preparation waveform of wave.audio does not"):
        learning_of(chosen, 5, "sound", wave)
    assert learning_of(chosen, 0, "left", TEXT) == SelfSupervised()
    assert rule_of(SemiSupervised(), wave) == "pseudo-labels"


def lesson(how: Learning | None, **changes: Any) -> Lesson:
    generator = np.random.default_rng(0)
    words = generator.integers(1, 50, (40, TOKENS))
    target_N = torch.from_numpy(words[:, 0] % 2)
    labelled = (words, np.arange(10))
    given = Lesson(
        spec=TEXT,
        classes=2,
        labelled=[labelled],
        target_N=target_N[:10],
        everything=[labelled, (words, np.arange(10, 40))],
        recipe=Recipe(1, 8, "adam", 3e-3),
        learning=how,
        augmentation=0.0,
        seed=0,
    )
    return replace(given, **changes)


def trained(given: Lesson) -> dict[str, torch.Tensor]:
    with torch_random(0):
        network = build_network(TEXT, 2)
    given.teach(network)
    assert all(parameter.requires_grad for parameter in network.parameters())
    return network.state_dict()


def test_only_the_head_learns_from_labels_if_it_alone_is_tuned() -> None:
    simclr = SelfSupervised(epochs=1, batch_size=8, tuned="head")
    once, longer = (
        trained(lesson(simclr, recipe=Recipe(epochs, 8, "adam", 3e-3))) for epochs in (1, 5)
    )
    fresh = trained(lesson(None, recipe=Recipe(1, 8, "sgd", 1e-30)))
    for name in once:
        in_head = name.startswith("head.")
        assert once[name].equal(longer[name]) != in_head
        # The head starts as that of a network that has learned nothing, the rest does not.
        assert not once[name].equal(fresh[name])


@pytest.mark.parametrize("how", [SemiSupervised(ratio=2, threshold=0.0), SelfSupervised(epochs=1)])
def test_unlabelled_rows_are_learned_from(how: Learning) -> None:
    given = lesson(how)
    other = np.random.default_rng(1).integers(1, 50, (30, TOKENS))
    foreign = [given.labelled[0], (other, np.arange(30))]
    one, again, changed = map(trained, (given, given, replace(given, everything=foreign)))
    assert all(one[name].equal(again[name]) for name in one)
    assert not one["embedding.weight"].equal(changed["embedding.weight"])


def test_samples_are_counted_through_all_parts() -> None:
    first, second = np.arange(10.0)[:, None], 100 + np.arange(5.0)[:, None]
    parts = [(first, np.array([1, 3])), (second, np.array([0, 4])), (first, np.array([], int))]
    assert count(parts) == 4
    assert taken(parts, torch.tensor([3, 0, 2, 1, 0])).flatten().tolist() == [104, 1, 100, 3, 1]
    assert taken(parts[:1], torch.tensor([1, 0])).flatten().tolist() == [3, 1]


def test_batches_go_through_all_rows_again_and_again() -> None:
    batches = list(itertools.islice(endless(5, 3, seed=0), 10))
    drawn = torch.cat(batches)
    for start in range(0, 30, 5):
        assert sorted(drawn[start : start + 5].tolist()) == [0, 1, 2, 3, 4]
    assert len(next(endless(2, 7, seed=0))) == 7

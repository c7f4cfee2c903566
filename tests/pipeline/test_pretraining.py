"""Which networks a run pretrains, and what they start from."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from brainray.catalog import Library, Model, load_weights
from brainray.catalog.weights import store_weights
from brainray.datasets.dataset import SPLITS, Dataset
from brainray.datasets.source import load_dataset
from brainray.errors import CatalogError, NetworkError, ScenarioError, TrainingError
from brainray.pipeline.checkpoints import StoredCheckpoints
from brainray.pipeline.columns import ColumnUnit
from brainray.pipeline.learning import Learning
from brainray.pipeline.local import local_runner
from brainray.pipeline.record import Record
from brainray.pipeline.region import Region
from brainray.pipeline.run import run_scenario
from brainray.pipeline.status import recorded_scenario
from brainray.pipeline.units import Parent, PretrainUnit, Together, pretrain
from brainray.scenario import Report, Scenario
from brainray.settings import Settings
from brainray.testing.places import settings_below
from brainray.training.checkpoint import Checkpoints
from brainray.training.loop import Recipe
from brainray.training.self_supervised import SelfSupervised
from brainray.training.semi_supervised import SemiSupervised


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_below(tmp_path_factory.mktemp("pretraining"))


def changed(scenario: Scenario, **sections: dict[str, Any]) -> Scenario:
    parts = {name: getattr(scenario, name).model_copy(update=u) for name, u in sections.items()}
    return scenario.model_copy(update=parts)


@pytest.fixture(scope="module")
def caption_only(scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """One input and two networks for it."""
    rows = pq.read_table(scenario.data.manifest).to_pylist()
    path = tmp_path_factory.mktemp("captions") / "captions.parquet"
    pq.write_table(pa.Table.from_pylist([row for row in rows if row["caption"]]), path)
    inputs = {"caption": scenario.inputs["caption"]}
    alone = changed(scenario, data={"manifest": path}, search={"budget": 4})
    return alone.model_copy(update={"inputs": inputs})


def using(scenario: Scenario, *networks: str) -> Scenario:
    part = scenario.inputs["caption"].model_copy(update={"networks": networks})
    return scenario.model_copy(update={"inputs": {"caption": part}})


def test_an_input_uses_the_networks_that_it_names(caption_only: Scenario, empty: Settings) -> None:
    report = run_scenario(using(caption_only, "textcnn.text"), 0, empty, local_runner)
    models = Library.open(empty).models(kind="unimodal")
    assert [model.network for model in models] == ["textcnn.text"]
    assert report.unimodal["caption"].model == models[0].id


def test_lost_weights_are_made_again_by_the_run_that_made_them(
    caption_only: Scenario, empty: Settings
) -> None:
    scenario = using(caption_only, "textcnn.text")
    first = run_scenario(scenario, 0, empty, local_runner)
    library = Library.open(empty)
    library.rename_region("language", "words")
    before, files = library.models(), library.store.files("models/")
    (column,) = library.models(kind="unimodal")
    (fused,) = library.models(kind="fused")
    store = Path(empty.store_url)
    for spoil in ((column, fused), (fused, column)):
        damaged, missing = (store / model.key for model in spoil)
        damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
        missing.unlink()
        assert not library.verify().whole
        with pytest.raises(CatalogError, match=r"`brainray catalog verify --repair`"):
            load_weights(library.store, spoil[0].key)
        with pytest.raises(CatalogError, match=r"not in the store; `brainray catalog verify --re"):
            load_weights(library.store, spoil[1].key)
        again = run_scenario(scenario, 0, empty, local_runner)
        assert again.best == first.best
        assert (library.models(), library.store.files("models/")) == (before, files)
        assert library.verify().findings == ()


def test_a_run_finds_its_models_where_they_have_moved(
    caption_only: Scenario, empty: Settings
) -> None:
    scenario = using(caption_only, "textcnn.text")
    first = run_scenario(scenario, 0, empty, local_runner)
    library = Library.open(empty)
    (made,) = library.models(kind="unimodal")
    library.rename_region("language", "words")
    second = run_scenario(scenario, 0, empty, local_runner)
    now = library.model(made.id)
    assert library.models(kind="unimodal") == [now]  # the same recipe: not trained again
    assert now.sub_region == made.sub_region.replace("language", "words")
    words = [name for name in second.pathway.sub_regions if name.startswith("words.")]
    assert not any(name.startswith("language.") for name in second.pathway.sub_regions)
    assert second.best.validation == first.best.validation
    library.merge_regions(sorted(words), "words.all")
    third = run_scenario(scenario, 0, empty, local_runner)
    assert "words.all" in third.pathway.sub_regions
    assert not set(words) & set(third.pathway.sub_regions)
    assert [model.id for model in library.models(kind="unimodal")] == [made.id]
    assert library.model(made.id).sub_region == "words.all"
    again = Region("words", empty)
    again.load(made.id)


def test_a_network_of_another_region_is_named(caption_only: Scenario, empty: Settings) -> None:
    with pytest.raises(
        ScenarioError,
        match=r"^inputs\.caption\.networks: 'lenet3\.image' is not offered by the activated "
        r"sub-regions, allowed are fasttext\.text, textcnn\.text$",
    ):
        run_scenario(using(caption_only, "lenet3.image"), 0, empty, local_runner)
    assert Library.open(empty).models() == []


@pytest.fixture(scope="module")
def dataset(caption_only: Scenario, settings: Settings) -> Dataset:
    found, source = load_dataset(caption_only.data, {"caption": "text"}, "label", 0, settings)
    Library.open(settings).add_data_set(found, source)
    return found


@pytest.fixture(scope="module")
def unit(dataset: Dataset, settings: Settings) -> PretrainUnit:
    library = Library.open(settings)
    spec = library.network("textcnn.text")
    return PretrainUnit(
        columns={
            split: ColumnUnit(library.store, dataset.sha256, "caption", split, spec.preparation)
            for split in SPLITS
        },
        spec=spec,
        sub_region="language.reading",
        classes=len(dataset.classes),
        recipe=Recipe(3, 16, "adam", 3e-3),
        seed=0,
    )


def frozen(unit: PretrainUnit, parent: Parent) -> PretrainUnit:
    """Return a unit that ends with the weights that it starts from, but for rounding."""
    return replace(unit, recipe=Recipe(1, 16, "sgd", 1e-30), parent=parent)


def test_a_unit_starts_from_the_weights_of_its_parent(
    unit: PretrainUnit, settings: Settings
) -> None:
    store = Library.open(settings).store
    trained = pretrain(unit)
    parent = Parent(trained.weights.key, trained.weights.sha256, same_classes=True)
    again = pretrain(frozen(unit, parent))
    assert again.validation == trained.validation
    old, new = (load_weights(store, made.weights.key) for made in (trained, again))
    assert all(torch.equal(old[name], new[name]) for name in old)


@pytest.mark.parametrize("classes", [0, 3])
def test_with_other_classes_all_but_the_head_is_taken(
    classes: int, unit: PretrainUnit, settings: Settings
) -> None:
    store = Library.open(settings).store
    trained = pretrain(unit).weights
    child = replace(unit, classes=unit.classes + classes)
    parent = Parent(trained.key, trained.sha256, same_classes=False)
    fresh = load_weights(
        store, pretrain(replace(child, recipe=Recipe(1, 16, "sgd", 1e-30))).weights.key
    )
    old = load_weights(store, trained.key)
    new = load_weights(store, pretrain(frozen(child, parent)).weights.key)
    head = {name for name in new if torch.equal(new[name], fresh[name])}
    assert head == {name for name in new if name.startswith("head.")}
    assert all(torch.equal(new[name], old[name]) for name in set(new) - head)


def test_weights_of_another_network_are_refused(unit: PretrainUnit) -> None:
    store = unit.columns["train"].store
    stored = store_weights(store, "language.reading", {"something": torch.zeros(2)})
    with pytest.raises(NetworkError, match=r"network textcnn\.text: nothing of the weights"):
        pretrain(replace(unit, parent=Parent(stored.key, stored.sha256, True)))


def test_another_way_to_learn_makes_another_recipe_that_travels_with_the_unit(
    unit: PretrainUnit,
) -> None:
    ways: list[Learning | None] = [None, SemiSupervised(), SemiSupervised(ratio=3)]
    ways += [SelfSupervised(), SelfSupervised(tuned="head")]
    units = [replace(unit, learning=way) for way in ways]
    recipes = [one.model_recipe for one in units]
    assert len(set(recipes)) == 5
    assert recipes[0] == unit.model_recipe
    assert [one.model_recipe for one in pickle.loads(pickle.dumps(units))] == recipes


def test_a_parent_makes_another_recipe(unit: PretrainUnit) -> None:
    parents = [None, Parent("k", "a" * 64, True), Parent("k", "a" * 64, False)]
    parents += [Parent("k", "b" * 64, True)]
    assert len({replace(unit, parent=parent).model_recipe for parent in parents}) == 4


def test_larger_inputs_weights_and_more_epochs_cost_more(
    unit: PretrainUnit, settings: Settings
) -> None:
    library = Library.open(settings)

    def cost(network: str, epochs: int = 1) -> float:
        recipe = replace(unit.recipe, epochs=epochs)
        return replace(unit, spec=library.network(network), recipe=recipe).cost

    assert cost("lenet3.audio") > cost("lenet3.image")
    assert cost("mediumnet.image") > cost("lenet3.image")
    assert cost("lenet3.image", epochs=3) == 3 * cost("lenet3.image")


def models_of(report: Report, settings: Settings) -> dict[str, Model]:
    """Return the models of one network each that a run has stored, by network."""
    models = Library.open(settings).models(kind="unimodal")
    return {model.network: model for model in models if model.run_id == report.run_id}


@pytest.fixture(scope="module")
def stored(caption_only: Scenario, settings: Settings) -> dict[str, Model]:
    """The models of a run with another seed, by network."""
    return models_of(run_scenario(caption_only, 1, settings, local_runner), settings)


@pytest.fixture(scope="module")
def started(stored: dict[str, Model], caption_only: Scenario, settings: Settings) -> Report:
    """A run that starts from one of them, which it names."""
    start = (stored["fasttext.text"].name,)
    scenario = changed(caption_only, pretraining={"start": start, "epochs": 1})
    return run_scenario(scenario, 0, settings, local_runner)


def test_a_run_starts_from_stored_models_and_says_so(
    stored: dict[str, Model], started: Report, settings: Settings
) -> None:
    parent = stored["fasttext.text"]
    library = Library.open(settings)
    assert {name: model.parent for name, model in models_of(started, settings).items()} == {
        "fasttext.text": parent.id,
        "textcnn.text": None,
    }
    # A name means the newest version, which now is another one: the run goes on with the old one.
    assert library.model(parent.name).id != parent.id
    recorded, seed = recorded_scenario(Record(settings.runs / started.run_id))
    assert recorded.pretraining.start == (parent.id,)
    again = run_scenario(recorded, seed, settings, local_runner, run_id=started.run_id)
    assert again.search.history == started.search.history


def test_what_cannot_be_started_from_is_named(
    stored: dict[str, Model],
    started: Report,
    caption_only: Scenario,
    settings: Settings,
    tmp_path: Path,
) -> None:
    library = Library.open(settings)
    fast, cnn = stored["fasttext.text"], stored["textcnn.text"]
    (fused,) = (m for m in library.models(kind="fused") if m.run_id == fast.run_id)
    other = models_of(started, settings)["fasttext.text"]
    here = settings.model_copy(update={"runs": tmp_path / "runs"})

    def refused(*start: str, networks: tuple[str, ...] = ()) -> str:
        scenario = changed(using(caption_only, *networks), pretraining={"start": start})
        with pytest.raises(ScenarioError) as error:
            run_scenario(scenario, 0, here, local_runner)
        return str(error.value)

    assert refused("nobody").startswith("pretraining.start: ")
    assert not here.runs.exists()
    assert refused(fused.id) == (
        f"pretraining.start: {fused.id} is a fused model, allowed are those of one network"
    )
    assert refused(cnn.id, networks=("fasttext.text",)) == (
        f"pretraining.start: {cnn.id} is of textcnn.text, which no input uses; "
        "used are fasttext.text"
    )
    assert refused(fast.id, other.id) == (
        f"pretraining.start: {other.id} and {fast.id} are both of fasttext.text, give one"
    )
    assert refused(fast.id, fast.id) == (
        f"pretraining.start: {fast.id} is named twice, name it once"
    )


def test_several_workers_train_one_network_together(unit: PretrainUnit, settings: Settings) -> None:
    """All-reduce does as one process does, but for rounding; the recipe tells both apart."""
    store = Library.open(settings).store
    shared = replace(unit, together=Together("all_reduce", {}, 2))
    assert shared.model_recipe != unit.model_recipe
    assert replace(shared, together=Together("all_reduce", {}, 3)).model_recipe not in (
        unit.model_recipe,
        shared.model_recipe,
    )
    with local_runner(settings, settings.runs) as runner:
        (alone, together) = runner.pretrain([unit, shared], 2, lambda number, result: None)
    old, new = (load_weights(store, made.weights.key) for made in (alone, together))
    for name in old:
        torch.testing.assert_close(old[name], new[name], rtol=0, atol=1e-3)
    assert abs(alone.validation - together.validation) < 0.02


def test_a_run_pretrains_by_the_strategy_of_its_scenario(
    caption_only: Scenario, empty: Settings
) -> None:
    how = {"strategy": "local_sgd", "options": {"period": 3}, "workers": 2, "optimizers": ("adam",)}
    wanted = changed(using(caption_only, "fasttext.text"), pretraining=how)
    report = run_scenario(wanted, 0, empty, local_runner)
    assert report.best.validation > 0


@pytest.mark.parametrize("learning", [None, SelfSupervised(1, 16)])
def test_a_network_that_diverged_names_what_to_change(
    unit: PretrainUnit, learning: Learning | None
) -> None:
    wild = replace(unit, recipe=Recipe(1, 16, "sgd", 1e30), learning=learning)
    with pytest.raises(TrainingError) as error:
        pretrain(wild)
    temperature = "a larger pretraining.self_supervised.temperature " if learning else ""
    assert str(error.value) == (
        "textcnn.text: its pretraining with sgd diverged; try other pretraining.optimizers"
        f"{', ' if learning else ' '}{temperature}or a larger pretraining.batch_size"
    )


def test_a_network_whose_checkpoint_is_damaged_is_trained_anew(
    unit: PretrainUnit, settings: Settings
) -> None:
    place = StoredCheckpoints(Library.open(settings).store, "damaged")
    kept = replace(unit, checkpoints=Checkpoints(place, 0))
    first = pretrain(kept)
    assert not first.anew
    assert not pretrain(kept).anew
    place.write(f"pretraining-{unit.model_recipe}", b"garbage that is no checkpoint")
    again = pretrain(kept)
    assert again == replace(first, anew=True)

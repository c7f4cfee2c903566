"""A scenario of one input grows a network: stored, loaded, resumed, and left alone by others."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brainray.catalog import Library
from brainray.catalog.code import encode
from brainray.datasets import open_dataset
from brainray.errors import ScenarioError
from brainray.networks.grown import layers_of
from brainray.pipeline.checkpoints import StoredCheckpoints
from brainray.pipeline.export.onnx_file import export_onnx
from brainray.pipeline.local import local_runner
from brainray.pipeline.predict import load_model
from brainray.pipeline.record import Event, Record
from brainray.pipeline.run import run_scenario
from brainray.pipeline.selection import chosen
from brainray.pipeline.status import recorded_scenario
from brainray.pipeline.tables import report_markdown
from brainray.scenario import Report, Scenario, parse_scenario
from brainray.settings import Settings
from brainray.testing.places import settings_below

SEED = 2


@pytest.fixture(scope="module")
def growing(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    rows = [row for row in pq.read_table(manifest).to_pylist() if row["picture"]][:160]
    path = tmp_path_factory.mktemp("pictures") / "pictures.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return parse_scenario(
        {
            "name": "pictures",
            "goal": {"target": "label"},
            "inputs": {"picture": {"modality": "image", "networks": ["lenet3.image"]}},
            "data": {"manifest": path},
            "search": {"budget": 6, "brood": 2, "finalists": 2},
            "grow": {"enabled": True, "depth": 3, "filters": [4, 8], "rows": 100, "epochs": 1},
            "pretraining": {"epochs": 1, "batch_size": 16, "optimizers": ["adam", "sgd"]},
            "training": {"workers": 2},
        },
        origin="test",
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_below(tmp_path_factory.mktemp("growing"))


@pytest.fixture(scope="module")
def report(growing: Scenario, home: Settings) -> Report:
    return run_scenario(growing, SEED, home, local_runner)


def test_the_grown_network_is_stored_where_the_pathway_excites_most(
    report: Report, home: Settings
) -> None:
    assert report.grown is not None
    assert (report.search.evaluated, report.search.failed) == (6, 0)
    assert len({tuple(candidate.genome) for candidate in report.search.history}) == 6
    library = Library.open(home)
    model = library.model(report.best.models["picture"])
    assert (model.kind, model.network) == ("unimodal", report.grown.network)
    assert model.sub_region == report.grown.sub_region
    places = [place for place in report.pathway.sub_regions if place.startswith("vision.")]
    homes = library.network("lenet3.image").sub_regions
    assert report.grown.sub_region == next(place for place in places if place in homes)
    assert model.metrics == {"validation": report.best.validation, "test": report.best.test}
    spec = library.network(model.network)
    assert len(layers_of(spec.architecture)) == report.best.depth == len(report.grown.layers)
    code = encode(library.code(model.id))
    assert f"/{report.grown.sub_region}/classification/Grown/" in code
    assert report.gate.margin == pytest.approx(
        report.best.validation - report.unimodal["picture"].validation
    )
    better = "grown" if report.gate.margin > 0 else "unimodal"
    assert report.gate.chosen == better
    assert model.name == ("pictures" if better == "grown" else "pictures.rejected")


def test_it_answers_as_the_report_says(report: Report, home: Settings) -> None:
    library = Library.open(home)
    predictor = load_model(library, report.best.models["picture"])
    dataset_path = library.dataset_path(report.data["sha256"])
    dataset = open_dataset(dataset_path)
    labels = [dataset.classes[number] for number in dataset.target("test")]
    right = [
        predictor({"picture": raw}).label == label
        for raw, label in zip(dataset.column("test", "picture"), labels, strict=True)
        if raw is not None
    ]
    assert sum(right) / len(right) == pytest.approx(report.best.test)


def test_it_is_exported(report: Report, home: Settings, tmp_path: Path) -> None:
    library = Library.open(home)
    predictor = load_model(library, report.best.models["picture"])
    exported = export_onnx(library.store, predictor, tmp_path / "grown.onnx")
    assert exported.samples > 0
    assert exported.difference < 1e-5


def test_the_page_and_the_pictures_tell_its_layers(report: Report, home: Settings) -> None:
    page = report_markdown(report, {})
    assert report.grown is not None
    assert report.grown.architecture in page
    assert f"grown, depth {report.best.depth}" in page
    assert (home.runs / report.run_id / "report.png").stat().st_size > 1000


class Killed(BaseException):
    """As if the process had been killed."""


def test_an_interrupted_run_of_any_number_of_workers_ends_the_same(
    growing: Scenario, report: Report, home: Settings, empty: Settings
) -> None:
    training = growing.training.model_copy(update={"workers": 1})
    alone = growing.model_copy(update={"training": training})
    elsewhere = empty.model_copy(update={"cache": home.cache})

    def kill(event: Event) -> None:
        if event["event"] == "brood" and event["index"] == 1:
            raise Killed

    with pytest.raises(Killed):
        run_scenario(alone, SEED, elsewhere, local_runner, kill)
    (folder,) = elsewhere.runs.iterdir()
    wanted, seed = recorded_scenario(Record(folder))
    events: list[Event] = []
    again = run_scenario(wanted, seed, elsewhere, local_runner, events.append, folder.name)
    assert [event["index"] for event in events if event["event"] == "brood"] == [2]
    assert again.search.history == report.search.history
    assert (again.best, again.grown, again.model) == (report.best, report.grown, report.model)


def test_finalists_whose_checkpoints_are_damaged_are_trained_anew(
    growing: Scenario, report: Report, empty: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StoredCheckpoints, "read", lambda place, name: b"garbage")
    again = run_scenario(growing, SEED, empty, local_runner)
    assert again.search.history == report.search.history
    assert again.best.validation == report.best.validation
    events = list(Record(empty.runs / again.run_id).events("training"))
    assert len(events) == 4  # two finalists by two optimizers
    assert all(event["anew"] and event["epochs"] == 0 for event in events)


def test_later_runs_use_it_only_where_they_name_it(
    growing: Scenario, report: Report, home: Settings
) -> None:
    assert report.grown is not None
    library = Library.open(home)
    offered = {spec.name: spec for spec in library.networks(["vision"], "image")}
    grow = growing.grow.model_copy(update={"enabled": False})

    def used(*names: str) -> list[str]:
        part = growing.inputs["picture"].model_copy(update={"networks": names})
        scenario = growing.model_copy(update={"grow": grow, "inputs": {"picture": part}})
        return [spec.name for spec in chosen(scenario, {"picture": [*offered.values()]})["picture"]]

    assert report.grown.network in offered
    assert report.grown.network not in used()
    assert used(report.grown.network) == [report.grown.network]


def test_only_a_single_image_or_sound_can_grow() -> None:
    document = {
        "name": "mine",
        "goal": {"target": "label"},
        "inputs": {"a": {"modality": "image"}, "b": {"modality": "audio"}},
        "data": {"name": "audio_visual_digits"},
        "grow": {"enabled": True},
    }
    with pytest.raises(ScenarioError, match=r"grow\.enabled: is for one input, not for a, b"):
        parse_scenario(document, origin="test")
    text = document | {"inputs": {"a": {"modality": "text"}}}
    with pytest.raises(ScenarioError, match=r"grow\.enabled: is for an image or a sound, a is a t"):
        parse_scenario(text, origin="test")
    numbers = document | {"grow": {"kernels": [3, 4]}}
    with pytest.raises(ScenarioError, match=r"grow\.kernels\.1: must be odd, not 4"):
        parse_scenario(numbers, origin="test")
    falling = document | {"grow": {"filters": [16, 8]}}
    with pytest.raises(ScenarioError, match=r"grow\.filters: must rise"):
        parse_scenario(falling, origin="test")

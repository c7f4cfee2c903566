import gc
import json
import math
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brainray.catalog import Library
from brainray.datasets import open_dataset
from brainray.errors import (
    CatalogError,
    ClusterError,
    DataError,
    NetworkError,
    RunError,
    ScenarioError,
)
from brainray.pipeline import run as module
from brainray.pipeline.local import LocalRunner, local_runner
from brainray.pipeline.predict import Backbones, load_model
from brainray.pipeline.record import Event, Record
from brainray.pipeline.region import Region
from brainray.pipeline.run import run_scenario
from brainray.pipeline.status import recorded_scenario
from brainray.scenario import Report, Scenario
from brainray.settings import Settings

SEED = 4


@pytest.fixture(scope="module")
def report(scenario: Scenario, settings: Settings) -> Report:
    return run_scenario(scenario, SEED, settings, local_runner)


def test_a_manifest_of_ones_own_becomes_a_stored_network(
    report: Report, settings: Settings
) -> None:
    assert report.search.evaluated == 24
    genomes = [tuple(candidate.genome) for candidate in report.search.history]
    assert len(set(genomes)) == 24
    assert report.search.failed == 0
    assert set(report.unimodal) == set(report.reheaded) == {"picture", "caption"}
    # A caption leaves two digits open, a noisy picture some more: together they tell.
    assert report.best.test > max(part.test for part in report.unimodal.values())
    assert report.gate.chosen == "fused"
    assert report.data["source"] == "manifest"
    model = Library.open(settings).model(report.model.id)
    assert model.parameters == report.model.parameters
    assert model.metrics["test"] == report.best.test
    assert report.units is not None
    assert report.units.by == "row"
    assert report.units.count == report.data["rows"]["test"]
    assert report.gain is not None
    alone = max(part.test for part in report.unimodal.values())
    assert report.gain.unimodal.value == pytest.approx(report.best.test - alone)
    # Half of the answer is in each input, and the network was trained to do without one.
    for part in report.robustness.values():
        assert part.missing.test < report.best.test
        assert part.shuffled.test < report.best.test
    assert report.best.network_taps["caption"][-1] == "logits"
    for level in report.best.taps:
        assert all(tap in report.best.network_taps[name] for name, tap in level.items())


def test_the_stored_network_answers_as_it_was_tested(report: Report, settings: Settings) -> None:
    library = Library.open(settings)
    predictor = load_model(library, report.model.id)
    dataset = open_dataset(library.dataset_path(report.data["sha256"]))
    columns = {name: dataset.column("test", name) for name in predictor.inputs}
    right = 0
    for number, target in enumerate(dataset.target("test")):
        inputs = {n: column[number] for n, column in columns.items() if column[number] is not None}
        answer = predictor(inputs)
        assert answer.inputs == tuple(n for n in predictor.inputs if n in inputs)
        assert math.isclose(sum(answer.probabilities.values()), 1, abs_tol=1e-5)
        right += answer.label == dataset.classes[target]
    assert right / dataset.rows("test") == pytest.approx(report.best.test)
    with pytest.raises(DataError, match="allowed are picture, caption"):
        predictor({"sound": "x"})
    with pytest.raises(DataError, match="at least one of picture, caption"):
        predictor({})
    with pytest.raises(NetworkError):
        predictor({"picture": "a text"})


def test_a_batch_is_answered_as_its_samples_alone(report: Report, settings: Settings) -> None:
    library = Library.open(settings)
    predictor = load_model(library, report.model.id)
    dataset = open_dataset(library.dataset_path(report.data["sha256"]))
    columns = {name: dataset.column("test", name) for name in predictor.inputs}
    samples = [
        {name: column[row] for name, column in columns.items() if column[row] is not None}
        for row in range(12)
    ]
    samples += [{name: raw} for sample in samples for name, raw in sample.items()]
    together = predictor.answer([predictor.prepare(sample) for sample in samples])
    for sample, answer in zip(samples, together, strict=True):
        alone = predictor(sample)
        assert (answer.label, answer.inputs) == (alone.label, alone.inputs)
        assert answer.probabilities == pytest.approx(alone.probabilities, abs=1e-6)


def test_models_share_their_backbones_as_long_as_one_uses_them(
    report: Report, settings: Settings
) -> None:
    library = Library.open(settings)
    backbones = Backbones(library)
    fused = load_model(library, report.model.id, backbones)
    part = library.model(fused.model.backbones[0])
    alone = load_model(library, part.id, backbones)
    name = part.spec["input"]
    assert alone.backbones[name] is fused.backbones[name]
    kept = weakref.ref(alone.backbones[name])
    del alone, fused
    gc.collect()
    assert kept() is None


def test_a_unimodal_model_answers_too(report: Report, settings: Settings) -> None:
    predictor = load_model(Library.open(settings), report.unimodal["caption"].model)
    assert predictor({"caption": "two three"}).label in {"digit 2", "digit 3"}


def test_the_same_seed_gives_the_same_run_whatever_is_in_the_catalog(
    report: Report, scenario: Scenario, settings: Settings
) -> None:
    library = Library.open(settings)
    before = {model.id for model in library.models(kind="fused")}
    again = run_scenario(scenario, SEED, settings, local_runner)
    assert {model.id for model in library.models(kind="fused")} == before
    other = run_scenario(scenario, SEED + 1, settings, local_runner)
    assert again.search.history == report.search.history
    assert again.best == report.best
    assert again.model == report.model
    assert again.run_id != report.run_id
    assert other.search.history != report.search.history
    assert other.model.id not in before


class Killed(BaseException):
    """As if the process had been killed."""


# Every moment of a smaller run is tried in test_kill_points.
@pytest.mark.parametrize("moment", ["brood", "solution"])
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(
    moment: str, report: Report, scenario: Scenario, settings: Settings, empty: Settings
) -> None:
    elsewhere = empty.model_copy(update={"cache": settings.cache})
    seen: list[Event] = []

    def kill(event: Event) -> None:
        seen.append(event)
        if event["event"] == moment and (moment != "brood" or event["index"] == 2):
            raise Killed

    with pytest.raises(Killed):
        run_scenario(scenario, SEED, elsewhere, local_runner, kill)
    (folder,) = elsewhere.runs.iterdir()
    with (folder / "record.jsonl").open("a") as file:
        file.write('{"event":"bro')  # what a kill in the middle of a write leaves
    wanted, seed = recorded_scenario(Record(folder))
    assert (wanted, seed) == (scenario, SEED)
    events: list[Event] = []
    resumed = run_scenario(wanted, seed, elsewhere, local_runner, events.append, folder.name)
    assert resumed.search.history == report.search.history
    assert resumed.best == report.best
    assert resumed.run_id == folder.name
    before = [event["index"] for event in seen if event["event"] == "brood"]
    after = [event["index"] for event in events if event["event"] == "brood"]
    assert sorted(before + after) == list(range(6))  # no brood is evaluated twice
    assert Library.open(elsewhere).run(folder.name).status == "finished"


def test_an_asynchronous_search_goes_on_by_its_record(
    report: Report, scenario: Scenario, settings: Settings
) -> None:
    search = scenario.search.model_copy(update={"mode": "asynchronous"})
    other = scenario.model_copy(update={"search": search})
    before: list[Event] = []

    def kill(event: Event) -> None:
        before.append(event)
        if event["event"] == "asked" and event["index"] == 3:
            raise Killed

    with pytest.raises(Killed):
        run_scenario(other, SEED, settings, local_runner, kill)
    (run,) = (event["run_id"] for event in before if event["event"] == "started")
    events: list[Event] = []
    resumed = run_scenario(other, SEED, settings, local_runner, events.append, run)
    assert [e["index"] for e in before + events if e["event"] == "brood"] == list(range(6))
    asked = [(e["index"], e["seen"]) for e in before + events if e["event"] == "asked"]
    assert asked == [(index, index) for index in range(6)]  # one worker knows all there is
    assert resumed.search.mode == "asynchronous"
    assert resumed.search.evaluated == report.search.evaluated


def test_the_record_tells_the_run(report: Report, settings: Settings) -> None:
    record = Record(settings.runs / report.run_id)
    kinds = [event["event"] for event in record.events()]
    assert kinds[:3] == ["started", "data", "pathway"]
    assert kinds.count("pretrained") == 4
    assert kinds.count("brood") == 6
    done = [kind for kind in kinds if kind != "training"]
    assert done[-4:] == ["searched", "solution", "registered", "finished"]
    (started,) = record.events("started")
    assert started["seed"] == SEED
    assert "torch" in started["versions"]
    (finished,) = record.events("finished")
    assert Report.model_validate(finished["report"]) == report


def test_the_gate_returns_the_unimodal_network_if_fusion_does_not_help(
    scenario: Scenario, empty: Settings, tmp_path: Path
) -> None:
    rows = [
        {"picture": None, "caption": f"word{i % 3} filler{i}", "label": i % 3} for i in range(90)
    ]
    good = pq.read_table(scenario.data.manifest).to_pylist()
    rows += [
        {"picture": good[i]["picture"], "caption": f"word{i % 3}", "label": i % 3}
        for i in range(90)
    ]
    path = tmp_path / "useless-pictures.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    data = scenario.data.model_copy(update={"manifest": path})
    pretraining = scenario.pretraining.model_copy(update={"epochs": 30})
    useless = scenario.model_copy(update={"data": data, "pretraining": pretraining})
    report = run_scenario(useless, 0, empty, local_runner)
    assert report.unimodal["caption"].validation == 1.0
    assert report.gate.chosen == "unimodal"
    assert report.gate.margin <= 0
    assert report.model.id == report.unimodal["caption"].model


def test_bad_data_leave_nothing_behind(scenario: Scenario, empty: Settings, tmp_path: Path) -> None:
    rows = pq.read_table(scenario.data.manifest).to_pylist()
    rows[5]["picture"] = b"no picture"
    path = tmp_path / "broken.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    data = scenario.data.model_copy(update={"manifest": path})
    with pytest.raises(DataError, match=r"broken\.parquet.*row 5.*picture"):
        run_scenario(scenario.model_copy(update={"data": data}), 0, empty, local_runner)
    home = empty.runs.parent
    assert not home.exists() or not [path for path in home.rglob("*") if path.is_file()]


def test_a_failure_is_recorded_and_said(
    scenario: Scenario, empty: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> Any:
        raise CatalogError("the store is gone")

    monkeypatch.setattr(module, "register_fused", fail)
    with pytest.raises(CatalogError, match="the store is gone"):
        run_scenario(scenario, SEED, empty, local_runner)
    (run,) = Library.open(empty).runs()
    assert run.status == "failed"
    (event,) = Record(Path(run.record).parent).events("failed")
    assert event["error"] == "CatalogError: the store is gone"


def test_regions_hold_the_models_of_their_sub_regions(report: Report, settings: Settings) -> None:
    region = Region("vision", settings)
    model = report.unimodal["picture"].model
    region.load(model)
    status = region.status()
    assert status["models"] == [model]
    assert status["parameters"] > 1000
    library = Library.open(settings)
    dataset = open_dataset(library.dataset_path(report.data["sha256"]))
    raws = [raw for raw in dataset.column("test", "picture") if raw is not None][:3]
    features = region.features(model, raws)
    assert features["logits"].shape == (3, 4)
    region.unload(model)
    assert region.status()["models"] == []
    with pytest.raises(CatalogError, match="lives in language"):
        region.load(report.unimodal["caption"].model)
    with pytest.raises(CatalogError, match="lives in multisensory"):
        region.load(report.model.id)
    with pytest.raises(CatalogError, match="'nose': is not in the catalog"):
        Region("nose", settings)


def test_a_single_input_is_a_scenario_too(
    scenario: Scenario, empty: Settings, tmp_path: Path
) -> None:
    rows = pq.read_table(scenario.data.manifest).to_pylist()
    path = tmp_path / "captions.parquet"
    pq.write_table(pa.Table.from_pylist([row for row in rows if row["caption"]]), path)
    alone = scenario.model_copy(
        update={
            "inputs": {"caption": scenario.inputs["caption"]},
            "data": scenario.data.model_copy(update={"manifest": path}),
        }
    )
    report = run_scenario(alone, 0, empty, local_runner)
    assert set(report.unimodal) == {"caption"}
    assert json.loads(report.model_dump_json())["best"]["models"].keys() == {"caption"}


def test_an_input_that_a_split_never_has_is_named(
    scenario: Scenario, empty: Settings, tmp_path: Path
) -> None:
    rows = pq.read_table(scenario.data.manifest).to_pylist()
    for number, row in enumerate(rows):
        row["split"] = ("train", "train", "validation", "test")[number % 4]
        if row["split"] == "validation":
            row["picture"], row["caption"] = None, row["caption"] or "zero one"
    path = tmp_path / "blind.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    blind = scenario.model_copy(
        update={"data": scenario.data.model_copy(update={"manifest": path})}
    )
    with pytest.raises(DataError, match=r"inputs\.picture: no labelled sample of the split v"):
        run_scenario(blind, 0, empty, local_runner)


def test_an_unknown_function_leaves_no_run_behind(scenario: Scenario, empty: Settings) -> None:
    part = scenario.inputs["caption"].model_copy(update={"functions": ("readin",)})
    wrong = scenario.model_copy(update={"inputs": scenario.inputs | {"caption": part}})
    with pytest.raises(ScenarioError, match=r"inputs\.caption\.functions: unknown function"):
        run_scenario(wrong, 0, empty, local_runner)
    assert not empty.runs.exists()
    assert Library.open(empty).runs() == []


def test_a_run_does_not_go_on_with_other_data(
    report: Report, scenario: Scenario, settings: Settings, tmp_path: Path
) -> None:
    rows = pq.read_table(scenario.data.manifest).to_pylist()
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.Table.from_pylist(rows[:-1]), path)
    data = scenario.data.model_copy(update={"manifest": path})
    changed = scenario.model_copy(update={"data": data})
    with pytest.raises(RunError, match="its data have changed since it was recorded"):
        run_scenario(changed, SEED, settings, local_runner, run_id=report.run_id)


def test_a_run_that_never_began_leaves_no_folder(scenario: Scenario, empty: Settings) -> None:
    @contextmanager
    def failing(settings: Settings, folder: Path) -> Iterator[LocalRunner]:
        raise ClusterError("Ray local: cannot be used")
        yield

    with pytest.raises(ClusterError):
        run_scenario(scenario, SEED, empty, failing)
    assert list(empty.runs.iterdir()) == []


def test_ctrl_c_while_the_lease_ends_does_not_take_the_result_away(
    scenario: Scenario, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    coordinate = LocalRunner.coordinate

    def interrupted(self: LocalRunner, method: str, *arguments: Any) -> Any:
        if method == "release":
            raise KeyboardInterrupt
        return coordinate(self, method, *arguments)

    monkeypatch.setattr(LocalRunner, "coordinate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_scenario(scenario, SEED, settings, local_runner)
    run = Library.open(settings).runs()[0]
    assert run.status == "finished"
    assert run.model_id is not None
    *_, last = Record(Path(run.record).parent).events()
    assert last["event"] == "finished"

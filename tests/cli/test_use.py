"""``brainray predict``, ``evaluate`` and ``export`` on the model of one small run."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import brainray as package
from brainray.catalog import Library
from brainray.client import Client
from brainray.datasets.dataset import open_dataset
from brainray.pipeline.answers import ANSWERS_FILE
from brainray.pipeline.local import local_runner
from brainray.pipeline.run import run_scenario
from brainray.scenario import Report, load_scenario
from brainray.settings import Settings
from brainray.testing.places import places_below, settings_below
from brainray.testing.web import listening
from serve.apps import predict_app

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("use")


@pytest.fixture(scope="module")
def settings(home: Path) -> Settings:
    return settings_below(home)


@pytest.fixture(scope="module")
def report(scenario: Path, settings: Settings, home: Path) -> Report:
    """A run on rows some of which lack an input."""
    lines = (scenario / "data.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    for number, row in enumerate(rows):
        if number % 9 in (2, 5):
            row[number % 9 == 5] = ""
    folder = home / "scenario"
    folder.mkdir()
    (folder / "data.csv").write_text("\n".join([lines[0], *map(",".join, rows)]) + "\n")
    (folder / "scenario.yaml").write_text((scenario / "scenario.yaml").read_text())
    return run_scenario(load_scenario(folder), 0, settings, local_runner)


@pytest.fixture
def model(report: Report, settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The fused model, in the catalog that commands use now."""
    for name, value in places_below(home).items():
        monkeypatch.setenv(name, value)
    (fused,) = Library.open(settings).models(kind="fused")
    return fused.id


@pytest.fixture
def rows(report: Report, home: Path, tmp_path: Path) -> Path:
    """The test rows of the run without their target, in the order of its stored answers."""
    answers = pq.read_table(home / "runs" / report.run_id / ANSWERS_FILE)
    with (home / "scenario/data.csv").open() as file:
        every = list(csv.DictReader(file))
    path = tmp_path / "rows.csv"
    lines = [f"{every[n]['left']},{every[n]['right']}" for n in answers["row"].to_pylist()]
    path.write_text("\n".join(["left,right", *lines]) + "\n")
    assert any(line.startswith(",") for line in lines)
    assert any(line.endswith(",") for line in lines)
    return path


def stored(report: Report, home: Path) -> list[str]:
    answers: list[str] = pq.read_table(home / "runs" / report.run_id / ANSWERS_FILE)[
        "fused"
    ].to_pylist()
    return answers


@pytest.mark.parametrize("command", ["predict", "evaluate", "export"])
def test_every_command_has_help(brainray: Call, command: str) -> None:
    done = brainray(command, "--help")
    assert done.code == 0
    assert "Usage:" in done.out


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_answers_are_those_of_the_run_and_of_python(
    brainray: Call, model: str, report: Report, home: Path, rows: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"answers/all.{suffix}"
    done = brainray("predict", model, "--data", rows, "--out", out, "--batch", "7", "--json", "-")
    assert done.code == 0, done.err
    summary = json.loads(done.out)
    expected = stored(report, home)
    assert summary["rows"] == len(expected)
    assert summary["labels"] == {label: expected.count(label) for label in "0123"}
    if suffix == "parquet":
        found = pq.read_table(out).to_pylist()
    elif suffix == "jsonl":
        found = [json.loads(line) for line in out.read_text().splitlines()]
    else:
        with out.open() as file:
            found = [
                {
                    "row": int(row["row"]),
                    "label": row["label"],
                    "probability": float(row["probability"]),
                    "inputs": row["inputs"].split("+"),
                    "probabilities": {n: float(row[f"probabilities.{n}"]) for n in "0123"},
                }
                for row in csv.DictReader(file)
            ]
    assert [row["label"] for row in found] == expected
    loaded = package.load(model)
    with rows.open() as file:
        for number, (row, raws) in enumerate(zip(found, csv.DictReader(file), strict=True)):
            answer = loaded({name: raw for name, raw in raws.items() if raw})
            assert row["row"] == number
            assert row["probabilities"] == pytest.approx(answer.probabilities, abs=1e-6)
            assert row["probability"] == row["probabilities"][row["label"]]
            assert tuple(row["inputs"]) == answer.inputs
    assert list(out.parent.iterdir()) == [out]


def test_answers_over_http_are_those_of_the_run(
    model: str, report: Report, settings: Settings, home: Path, rows: Path
) -> None:
    library = Library.open(settings)
    library.deploy(model, "texts")
    loaded = package.load(model)
    with rows.open() as file:
        given = [{name: raw for name, raw in row.items() if raw} for row in csv.DictReader(file)]
    with listening(predict_app(library)) as url, Client(url) as client:
        answers = [client.predict("texts", raws) for raws in given]
    assert [answer.label for answer in answers] == stored(report, home)
    for answer, raws in zip(answers, given, strict=True):
        assert answer.probabilities == pytest.approx(loaded(raws).probabilities, abs=1e-6)
        assert set(answer.inputs) == set(raws)


def test_without_a_file_the_first_answers_are_shown(
    brainray: Call, model: str, rows: Path, report: Report, home: Path
) -> None:
    done = brainray("predict", model, "--data", rows)
    assert done.code == 0
    assert "--out FILE writes them all" in done.out
    document = json.loads(brainray("predict", model, "--data", rows, "--json", "-").out)
    assert [answer["label"] for answer in document["answers"]] == stored(report, home)


def test_one_input_alone_is_enough(brainray: Call, model: str, tmp_path: Path) -> None:
    path = tmp_path / "left.parquet"
    pq.write_table(pa.table({"left": ["low", "high"], "else": [1, 2]}), path)
    document = json.loads(brainray("predict", model, "--data", path, "--json", "-").out)
    assert [answer["inputs"] for answer in document["answers"]] == [["left"], ["left"]]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"left": ["low", None], "right": ["odd", None]}, "row 1: all inputs are missing (left"),
        ({"left": [1, 2]}, "row 0, column left: must be a text, not int"),
        ({"other": ["low"]}, "has no column of an input (left, right), there are other"),
    ],
)
def test_what_cannot_be_answered_is_one_line_and_no_file(
    brainray: Call, model: str, tmp_path: Path, table: dict[str, list[Any]], says: str
) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table(table), path)
    out = tmp_path / "out/answers.csv"
    done = brainray("predict", model, "--data", path, "--out", out, "--batch", "1")
    assert done.code == 1
    (line,) = done.err.splitlines()
    assert line.startswith(f"brainray: {path}: {says}")
    assert not out.exists()
    assert not list(out.parent.glob(".*"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("predict", "nosuch", "--data", "rows.csv"), "nosuch"),
        (("predict", "MODEL", "--data", "nosuch.csv"), "nosuch.csv: cannot be read"),
        (("predict", "MODEL", "--data", "rows.txt"), "a manifest ends in .parquet or .csv"),
        (
            ("predict", "MODEL", "--data", "rows.csv", "--out", "a.txt"),
            "must end in .parquet, .csv",
        ),
        (("evaluate", "MODEL", "--split", "all"), "--split 'all': allowed are train, validation"),
        (("evaluate", "MODEL", "--data", "nosuch.csv"), "nosuch.csv: cannot be read"),
        (("export", "MODEL"), "give --onnx, --card or --folder"),
        (("export", "MODEL", "--card", "a", "--folder", "b"), "give neither --onnx nor --card"),
        (("export", "MODEL", "--card", "a", "--data", "b.csv"), "--data: is for --onnx"),
    ],
)
def test_bad_input_is_one_line(
    brainray: Call, model: str, rows: Path, arguments: tuple[str, ...], says: str
) -> None:
    known = {"MODEL": model, "rows.csv": str(rows)}
    done = brainray(*(known.get(argument, argument) for argument in arguments))
    assert done.code == 1
    (line,) = done.err.splitlines()
    assert says in line


def test_a_model_reaches_on_its_own_data_what_its_run_says(
    brainray: Call, model: str, report: Report, settings: Settings
) -> None:
    document = json.loads(brainray("evaluate", model, "--json", "-").out)
    assert document["accuracy"] == report.best.test
    assert document["noted"]
    assert report.confusion is not None
    assert document["confusion"] == report.confusion.model_dump()
    low, high = document["interval"]
    assert low <= document["accuracy"] <= high
    last = Library.open(settings).evaluations(model)[-1]
    assert (last.split, last.metric, last.value) == ("test", "accuracy", report.best.test)
    assert last.run_id is None


def test_a_manifest_is_judged_and_noted_once_its_data_are_added(
    brainray: Call, model: str, tmp_path: Path, settings: Settings
) -> None:
    path = tmp_path / "others.csv"
    path.write_text("left,right,label,group\nlow,even,0,a\nlow,odd,1,a\nhigh,odd,0,b\n")
    first = json.loads(brainray("evaluate", model, "--data", path, "--json", "-").out)
    assert first["units"] == {"by": "group", "count": 2}
    assert first["rows"] == 3
    assert not first["noted"]
    before = len(Library.open(settings).evaluations(model))
    done = brainray("evaluate", model, "--data", path, "--add")
    assert "noted in the catalog" in done.out
    library = Library.open(settings)
    added = library.evaluations(model)[-1]
    assert len(library.evaluations(model)) == before + 1
    assert added.value == first["accuracy"]
    dataset = open_dataset(library.dataset_path(added.data_set))
    assert dataset.sha256 == first["data_set"]["sha256"]
    assert dataset.row_counts == {"train": 0, "validation": 0, "test": 3}
    assert json.loads(brainray("evaluate", model, "--data", path, "--json", "-").out)["noted"]
    path.write_text("left,right,label\nlow,even,7\n")
    done = brainray("evaluate", model, "--data", path)
    assert done.code == 1
    assert "row 0, column label: '7' is no class of the model, allowed are 0, 1, 2, 3" in done.err


def test_a_folder_has_the_file_and_its_card(
    brainray: Call, model: str, report: Report, rows: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "exported"
    done = brainray("export", model, "--folder", folder, "--data", rows, "--json", "-")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert document["largest_difference"] < 1e-5
    assert document["batch"] == "any"
    assert document["size_bytes"] == (folder / "model.onnx").stat().st_size
    opened = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    assert opened.get_modelmeta().custom_metadata_map["model_id"] == model
    card = (folder / "README.md").read_text()
    _, front, body = card.split("---\n", 2)
    parsed = yaml.safe_load(front)
    assert parsed["license"] == "unknown"
    assert parsed["datasets"] == ["data"]
    (index,) = parsed["model-index"]
    values = {
        (one["dataset"]["name"], one["dataset"]["split"]): one["metrics"][0]["value"]
        for one in index["results"]
    }
    assert values["data", "test"] == round(report.best.test, 6)
    assert values["data", "validation"] == round(report.best.validation, 6)
    assert model in body
    for part in report.best.models.values():
        assert part in body
    assert "hashed_words" in body

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainray import load, load_settings
from brainray.pipeline import run as pipeline

Call = Callable[..., Any]


def test_a_run_from_the_file_to_the_catalog(brainray: Call, scenario: Path, tmp_path: Path) -> None:
    done = brainray("run", scenario, "--local", "--json", tmp_path / "report.json")
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "report.json").read_text())
    for name in ("left alone", "right, re-headed", "fused, depth 1"):
        assert name in done.out
    assert report["model"]["id"] in done.out
    folder = load_settings().runs / report["run_id"]
    assert (folder / "report.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((folder / "report.json").read_text()) == report
    assert f"Report: {folder / 'report.md'}" in done.out
    assert list((folder / "tensorboard").iterdir())
    for stage in ("pretraining networks", "searching candidates", "8 candidates"):
        assert stage in done.err

    (row,) = json.loads(brainray("runs", "list", "--json", "-").out)
    assert (row["id"], row["status"]) == (report["run_id"], "finished")
    assert row["model_id"] == report["model"]["id"]
    shown = brainray("runs", "show", report["run_id"], "--json", "-")
    assert json.loads(shown.out) == report
    models = json.loads(brainray("catalog", "list", "--json", "-").out)
    assert report["model"]["id"] in {model["id"] for model in models}
    assert len(models) == 5  # two networks for each input, and the fused one

    answer = load(report["model"]["id"])({"left": "high", "right": "odd"})
    assert answer.label == "3"


@pytest.fixture
def badly_searching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs a searcher that cannot be asked."""
    info = tmp_path / "bad-1.0.dist-info"
    info.mkdir()
    (tmp_path / "badly_searching.py").write_text(
        "from brainray.search.random_search import RandomSearch\n"
        "class Bad(RandomSearch):\n"
        "    def ask(self, brood_index):\n"
        "        raise RuntimeError('no')\n"
    )
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[brainray.searchers]\nbad = badly_searching:Bad\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_json_to_stdout_stands_alone(brainray: Call, scenario: Path) -> None:
    done = brainray("run", scenario, "--local", "--seed", "3", "--json", "-")
    assert done.code == 0, done.err
    assert json.loads(done.out)["seed"] == 3


def test_a_stopped_run_says_how_to_go_on_and_does(
    brainray: Call, scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:

        def interrupt(*arguments: Any) -> Any:
            raise KeyboardInterrupt

        patched.setattr(pipeline, "decide", interrupt)
        done = brainray("run", scenario, "--local")
    assert done.code == 130
    last = done.err.splitlines()[-1]
    assert last.startswith("brainray: stopped; go on with: brainray run --resume two-texts-")
    run_id = last.rpartition(" ")[2]
    shown = brainray("runs", "show", run_id)
    assert shown.code == 1
    assert f"it is stopped: KeyboardInterrupt; go on with: brainray run --resume {run_id}" in (
        shown.err.replace("\n", " ")
    )
    done = brainray("run", "--resume", run_id, "--local", "--set", "training.epochs=4")
    assert done.code == 1
    assert "--set training.epochs: cannot change when a run goes on, allowed are" in done.err
    more = ("--set", "training.workers=3")
    done = brainray("run", "--resume", run_id, "--local", "--json", "-", *more)
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert (report["run_id"], report["training"]["workers"]) == (run_id, 3)
    # It has finished now: another resume changes nothing.
    record = load_settings().runs / run_id / "record.jsonl"
    before, row = record.read_bytes(), brainray("runs", "list", "--json", "-").out
    done = brainray("run", "--resume", run_id, "--local", "--json", "-")
    assert done.code == 0, done.err
    assert json.loads(done.out) == report
    assert done.err == f"run {run_id}: is finished, this is its report\n"
    assert report["model"]["id"] in brainray("run", "--resume", run_id).out
    assert record.read_bytes() == before
    assert brainray("runs", "list", "--json", "-").out == row


@pytest.mark.usefixtures("badly_searching")
def test_what_a_searcher_raises_is_said_in_one_line(brainray: Call, scenario: Path) -> None:
    done = brainray("run", scenario, "--local", "--set", "search.algorithm=bad")
    assert done.code == 1
    assert done.err.splitlines()[-1] == "brainray: searcher 'bad': ask(0) raised RuntimeError: no"


def test_a_finished_tracking_run_is_not_gone_on_with(brainray: Call, tmp_path: Path) -> None:
    path = tmp_path / "walks.yaml"
    path.write_text(
        "name: walks\ngoal: {task: tracking}\n"
        "data: {source: embedded, sequences: [walk-1]}\n"
        "search: {budget: 2, brood: 2, min_scores: [0], trackers: {sort: {max_age: [1, 5]}}}\n"
    )
    done = brainray("run", path, "--local", "--json", "-")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    record = load_settings().runs / report["run_id"] / "record.jsonl"
    before = record.read_bytes()
    done = brainray("run", "--resume", report["run_id"], "--local", "--json", "-")
    assert json.loads(done.out) == report
    assert done.err == f"run {report['run_id']}: is finished, this is its report\n"
    assert record.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("left,label\nlow,0", "right"),
        ("left,right,label,split\na,b,0,train\na,b,1,train\na,b,,validation\na,b,1,test", "row 2"),
        ("left,right,label,split\na,b,0,train\na,b,1,train\na,b,0,validation\na,b,2,test", "2"),
    ],
    ids=["missing column", "missing label", "label seen only in test"],
)
def test_bad_data_give_one_line_and_nothing_else(
    brainray: Call, scenario: Path, tmp_path: Path, line: str, says: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(line + "\n")
    done = brainray("run", scenario, "--local", "--set", f"data.manifest={path}")
    assert done.code == 1
    last = done.err.splitlines()[-1]
    assert last.startswith(f"brainray: {path}: ")
    assert says in last
    assert "Traceback" not in done.err
    settings = load_settings()
    assert not settings.runs.exists()
    assert not Path(settings.store_url).exists()


def test_scenarios_are_listed_and_checked(brainray: Call, scenario: Path) -> None:
    entry, other = json.loads(brainray("scenarios", "list", "--json", "-").out)
    assert entry["name"] == "audio_visual_digits"
    assert entry["inputs"] == {"image": "image", "audio": "audio"}
    assert (other["name"], other["task"], other["target"]) == (
        "multi_object_tracking",
        "tracking",
        None,
    )
    shown = json.loads(brainray("scenarios", "show", scenario, "--json", "-").out)
    assert shown["search"]["budget"] == 8
    assert shown["search"]["lag"] == 3

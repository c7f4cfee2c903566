"""What is sent to a cluster, and what is refused before; tests/services meets a real cluster."""

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainray.cli import job
from brainray.cli.sending import kept_boxes
from brainray.cli.submit import pack
from brainray.errors import ScenarioError
from brainray.scenario import TrackingScenario, load_scenario
from brainray.settings import load_settings
from brainray.tracking.sequences import read_sequences, sha256_of_sequences

Call = Callable[..., Any]


@pytest.fixture
def nobody() -> str:
    """An address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def test_what_is_sent_is_the_same_scenario_and_needs_no_other_file(
    scenario: Path, tmp_path: Path
) -> None:
    wanted = load_scenario(scenario, ["search.budget=12", "training.learning_rate=1e-3"])
    pack(wanted, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.parquet", "scenario.yaml"]
    sent = load_scenario(tmp_path)
    assert sent.data.manifest == tmp_path / "data.parquet"
    data = wanted.data.model_copy(update={"manifest": sent.data.manifest})
    assert sent == wanted.model_copy(update={"data": data})


def test_a_map_of_the_brain_is_sent_too(scenario: Path, tmp_path: Path) -> None:
    scan = tmp_path / "here" / "scan.nii.gz"
    scan.parent.mkdir()
    scan.write_bytes(b"of a brain")
    pack(load_scenario(scenario, [f"activation.map={scan}"]), tmp_path / "here" / "sent")
    sent = load_scenario(tmp_path / "here" / "sent").activation.map
    assert sent == tmp_path / "here" / "sent" / "scan.nii.gz"
    assert sent.read_bytes() == b"of a brain"


def test_a_map_that_is_not_there_is_named(scenario: Path, tmp_path: Path) -> None:
    wanted = load_scenario(scenario, ["activation.map=/no/scan.nii"])
    with pytest.raises(ScenarioError, match=r"^activation\.map: /no/scan\.nii: cannot be read"):
        pack(wanted, tmp_path)


def a_walk(folder: Path) -> Path:
    """A scenario of a MOT sequence."""
    walk = folder / "walk-a"
    for number, name in enumerate(("det/det.txt", "gt/gt.txt", "img1/1.jpg")):
        (walk / name).parent.mkdir(parents=True)
        rows = "".join(f"{n},1,{5 * n},10,20,40,0.9\n" for n in range(1, 9 - number))
        (walk / name).write_text(rows)
    (walk / "seqinfo.ini").write_text("[Sequence]\nname=walk-a\n")
    path = folder / "walk.yaml"
    path.write_text(
        "name: walk\ngoal: {task: tracking}\ndata: {input: walk-a}\n"
        "search: {budget: 2, brood: 2, workers: 1, min_scores: [0], trackers: {sort: {}}}\n"
    )
    return path


@pytest.mark.usefixtures("brainray")
def test_boxes_are_sent_and_no_pictures(tmp_path: Path) -> None:
    path = a_walk(tmp_path)
    wanted = load_scenario(path)
    pack(wanted, tmp_path / "sent")
    sent = load_scenario(tmp_path / "sent")
    assert isinstance(sent, TrackingScenario)
    (before,), (after,) = (
        read_sequences(one.data.input, one.data.detections, one.data.truth)
        for one in (wanted, sent)
    )
    assert sha256_of_sequences([after]) == sha256_of_sequences([before])
    assert not list((tmp_path / "sent").rglob("*.jpg"))
    det, gt = tmp_path / "walk-a" / "det" / "det.txt", tmp_path / "walk-a" / "gt" / "gt.txt"
    files = [f"data.detections=[{det}]", f"data.truth={gt}"]
    pack(load_scenario(path, ["data.input=null", *files]), tmp_path / "alone")
    # What was sent may go when the job has ended.
    kept = load_scenario(kept_boxes(tmp_path / "alone", load_settings()))
    shutil.rmtree(tmp_path / "alone")
    (found,) = read_sequences(None, kept.data.detections, kept.data.truth)
    assert (found.name, len(found.boxes["det"]), len(found.truth)) == ("walk-a", 8, 7)


def test_pictures_that_are_to_be_looked_at_are_not_sent(tmp_path: Path) -> None:
    path = a_walk(tmp_path)
    live = load_scenario(path, ["detectors.live.detector=hog"])
    with pytest.raises(ScenarioError, match=r"^detectors: looks at pictures, which are not sent"):
        pack(live, tmp_path / "sent")
    camera = load_scenario(path, ["search.trackers.two_stage.camera=[true, pictures]"])
    with pytest.raises(ScenarioError, match=r"^search\.trackers: looks at pictures, which are not"):
        pack(camera, tmp_path / "sent")
    pictures = load_scenario(path, ["data.input=walk-a/img1"])
    with pytest.raises(ScenarioError, match=r"^data\.input: .*img1: is no MOT sequence; pictures"):
        pack(pictures, tmp_path / "sent")


def test_a_built_in_scenario_is_sent_alone(tmp_path: Path) -> None:
    wanted = load_scenario("audio_visual_digits")
    pack(wanted, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["scenario.yaml"]
    assert load_scenario(tmp_path) == wanted


@pytest.mark.usefixtures("brainray")
def test_a_job_runs_what_was_sent_and_prints_its_report(
    scenario: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    pack(load_scenario(scenario), tmp_path / "sent")
    monkeypatch.chdir(tmp_path / "sent")
    monkeypatch.setattr("sys.argv", ["job", "--seed", "3"])
    monkeypatch.setattr(job, "RUN", ("run", "--local"))
    job.main()
    lines = capfd.readouterr().out.splitlines()
    pieces = [line.removeprefix(job.REPORT_MARK) for line in lines if job.REPORT_MARK in line]
    report = json.loads("".join(pieces))
    assert report["seed"] == 3
    # A resume finds the data when what was sent is gone.
    record = load_settings().runs / report["run_id"] / "record.jsonl"
    started = json.loads(record.read_text().splitlines()[0])
    manifest = Path(started["scenario"]["data"]["manifest"])
    assert manifest.is_relative_to(load_settings().cache)
    assert manifest.read_bytes() == (tmp_path / "sent" / "data.parquet").read_bytes()


def test_an_address_where_nothing_listens_is_said(brainray: Call, nobody: str) -> None:
    done = brainray("submit", "audio_visual_digits", "--address", f"http://{nobody}")
    assert done.code == 1
    assert done.err.startswith(f"brainray: address 'http://{nobody}': must be http://host:port")
    assert done.err.count("\n") == 1


def test_the_address_is_that_of_ray_address(
    brainray: Call, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", nobody)
    done = brainray("submit", "audio_visual_digits")
    assert done.err.startswith(f"brainray: address '{nobody}': must be http://host:port")


def test_bad_input_is_said_before_anything_is_connected(brainray: Call) -> None:
    done = brainray("submit", "audio_visual_digits", "--set", "search.budget=0")
    assert done.code == 1
    assert "search.budget" in done.err


@pytest.mark.parametrize("command", ["up", "status", "down"])
def test_cluster_needs_ray_address(brainray: Call, command: str) -> None:
    done = brainray("cluster", command)
    assert done.code == 1
    assert done.err.startswith("brainray: RAY_ADDRESS: names no standing cluster")

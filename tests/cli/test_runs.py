import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainray import load_settings

Call = Callable[..., Any]


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A manifest with a group and a number beside each row of the tiny scenario."""
    rows = ["left,right,label,group,loudness"]
    for number in range(240):
        first, second = ("low", "high")[number % 4 // 2], ("even", "odd")[number % 2]
        texts = f"{first} filler{number % 7},{second} filler{number % 5}"
        # Two rows a recording, and a loudness that a few rows lack.
        loudness = "" if number % 20 == 7 else str(number % 50)
        rows.append(f"{texts},{number % 4},recording {number // 8 * 4 + number % 4},{loudness}")
    path = tmp_path / "recordings.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def report(brainray: Call, scenario: Path, recordings: Path) -> dict[str, Any]:
    changes = (f"data.manifest={recordings}", "data.strata=[loudness]")
    options = [part for change in changes for part in ("--set", change)]
    done = brainray("run", scenario, "--local", *options, "--json", "-")
    assert done.code == 0, done.err
    document: dict[str, Any] = json.loads(done.out)
    return document


def test_a_report_is_shown_as_table_as_json_and_as_markdown(
    brainray: Call, report: dict[str, Any], tmp_path: Path
) -> None:
    assert report["units"]["by"] == "group"
    assert report["units"]["count"] * 2 == report["data"]["rows"]["test"]
    found = report["strata"]["loudness"]
    assert 0 < sum(part["rows"] for part in found) < report["data"]["rows"]["test"]
    run, folder = report["run_id"], load_settings().runs / report["run_id"]
    assert (folder / "accuracy_over_loudness.png").is_file()

    shown = brainray("runs", "show", run)
    assert shown.code == 0, shown.err
    assert "Gain +" in shown.out.replace("Gain -", "Gain +")
    low, high = report["best"]["interval"]
    assert f"[{100 * low:.1f}, {100 * high:.1f}]" in shown.out
    assert max(map(len, shown.out.split("\nGain")[0].splitlines())) <= 80

    page = brainray("runs", "show", run, "--markdown", "-").out
    assert page.startswith("# two-texts\n")
    assert f"](<{folder / 'accuracy_over_loudness.png'}>)" in page
    both = brainray(
        "runs", "show", run, "--markdown", tmp_path / "a.md", "--json", tmp_path / "a.json"
    )
    assert "left alone" in both.out
    assert (tmp_path / "a.md").read_text() == page
    assert json.loads((tmp_path / "a.json").read_text()) == report
    in_folder = (folder / "report.md").read_text()
    assert page.replace(f"{folder}/", "") == in_folder


def test_what_cannot_be_written_is_one_line(
    brainray: Call, report: dict[str, Any], recordings: Path
) -> None:
    run = report["run_id"]
    done = brainray("runs", "show", run, "--markdown", recordings / "in-a-file.md")
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("brainray: --markdown ")
    done = brainray("runs", "show", run, "--markdown", "-", "--json", "-")
    assert done.code == 1
    assert "--markdown -: stands alone on stdout" in done.err


def test_a_run_of_the_first_version_is_still_shown(brainray: Call, report: dict[str, Any]) -> None:
    path = load_settings().runs / report["run_id"] / "record.jsonl"
    old = {key: value for key, value in report.items() if key in FIRST_VERSION}
    for part in (old["best"], *old["unimodal"].values(), *old["reheaded"].values()):
        del part["interval"]
    for key in ("network_taps", "representation", "feedback"):
        del old["best"][key]
    events = [json.loads(line) for line in path.read_text().splitlines()]
    events[-1]["report"] = old
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    shown = brainray("runs", "show", report["run_id"])
    assert shown.code == 0, shown.err
    assert "fused, depth 1" in shown.out
    assert "Gain" not in shown.out
    page = brainray("runs", "show", report["run_id"], "--markdown", "-").out
    assert "## Gain" not in page


FIRST_VERSION = {
    "run_id",
    "scenario",
    "seed",
    "versions",
    "data",
    "pathway",
    "search",
    "training",
    "best",
    "unimodal",
    "reheaded",
    "gate",
    "model",
    "seconds",
}
"""The parts of a report that have always been there."""

"""Ctrl-C, SIGTERM and ``brainray runs stop``: one line, an exit code, and the run goes on later."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from brainray import load_settings
from brainray.pipeline.record import Record

Call = Callable[..., Any]
COMMAND = str(Path(sys.executable).with_name("brainray"))


def started(scenario: Path) -> tuple[subprocess.Popen[str], Record]:
    """Return a process that runs a scenario, in the middle of its search, and its record."""
    process = subprocess.Popen(
        [COMMAND, "run", str(scenario), "--local", "--set", "search.epochs=200"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None
        assert time.monotonic() < deadline
        for path in load_settings().runs.glob("*/record.jsonl"):
            record = Record(path.parent)
            if any(record.events("pretrained")):
                return process, record
        time.sleep(0.02)


def ended(process: subprocess.Popen[str], record: Record, code: int) -> None:
    """Wait until a process has ended in order."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert out == ""
    last = err.splitlines()[-1]
    assert last == f"brainray: stopped; go on with: brainray run --resume {record.folder.name}"
    assert "Traceback" not in err


def test_ctrl_c_ends_a_run_in_order(brainray: Call, scenario: Path) -> None:
    process, record = started(scenario)
    process.send_signal(signal.SIGINT)
    ended(process, record, 130)
    (row,) = json.loads(brainray("runs", "list", "--json", "-").out)
    assert row["status"] == "stopped"


def test_a_run_is_stopped_from_elsewhere_and_goes_on(brainray: Call, scenario: Path) -> None:
    """By a SIGTERM, as anybody may send one."""
    process, record = started(scenario)
    run = record.folder.name
    (row,) = json.loads(brainray("runs", "list", "--json", "-").out)
    assert row["status"] == "running"
    done = brainray("run", "--resume", run, "--local")
    assert done.code == 1
    assert f"run {run}: is being executed by process {process.pid}" in done.err
    done = brainray("runs", "stop", run)
    assert done.code == 0, done.err
    assert done.err == f"run {run}: is stopped; go on with: brainray run --resume {run}\n"
    ended(process, record, 143)
    done = brainray("runs", "stop", run)
    assert done.code == 1
    assert f"run {run}: no process of this machine executes it" in done.err
    done = brainray("run", "--resume", run, "--local", "--json", "-")
    assert done.code == 0, done.err


def test_a_killed_run_is_shown_as_killed(brainray: Call, scenario: Path) -> None:
    process, record = started(scenario)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    run = record.folder.name
    (row,) = json.loads(brainray("runs", "list", "--json", "-").out)
    assert row["status"] == "killed"
    shown = brainray("runs", "show", run)
    assert shown.code == 1
    assert f"it is killed; go on with: brainray run --resume {run}" in shown.err.replace("\n", " ")
    found = json.loads(brainray("doctor", "--json", "-").out)
    (finding,) = [one for one in found if one["check"] == f"run {run}"]
    assert finding == {
        "check": f"run {run}",
        "level": "warning",
        "value": "was killed",
        "fix": f"brainray run --resume {run}",
    }
    with record.path.open("r+b") as file:
        file.write(b"#")
    (row,) = json.loads(brainray("runs", "list", "--json", "-").out)
    assert row["status"] == "damaged"


def test_other_versions_are_for_a_resume(brainray: Call, scenario: Path) -> None:
    done = brainray("run", scenario, "--local", "--other-versions")
    assert done.code == 1
    assert "--other-versions: is for --resume alone" in done.err

"""Runs on clusters of one and two CPUs, each cluster in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys, ray, logging
ray.init(address="local", num_cpus={cpus}, include_dashboard=False, log_to_driver=False,
         namespace="brainray", logging_level=logging.ERROR)
from brainray.cli.main import main
sys.argv = ["brainray", "run", {scenario!r}, "--json", "-", *{changes!r}]
try:
    main()
except SystemExit as end:
    print("exit", end.code, file=sys.stderr)
"""
QUICK = ("search.budget=4", "pretraining.epochs=1", "training.epochs=1")


def brainray(cpus: int, scenario: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the scenario, made shorter, on a cluster of so many CPUs."""
    changes = [word for change in QUICK for word in ("--set", change)]
    script = SCRIPT.format(cpus=cpus, scenario=str(scenario), changes=changes)
    return subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, timeout=550
    )


def test_two_processors_do(scenario: Path, tmp_path: Path) -> None:
    done = brainray(2, scenario, tmp_path)
    assert done.stderr.splitlines()[-1] == "exit 0", done.stderr
    report = json.loads(done.stdout)  # the JSON stands alone on stdout
    assert report["search"]["evaluated"] == 4
    training = report["training"]
    assert (training["strategy"], training["workers"]) == ("all_reduce", 2)
    assert training["bytes_sent"] > 0


def test_one_processor_is_refused(scenario: Path, tmp_path: Path) -> None:
    done = brainray(1, scenario, tmp_path)
    refused, end = done.stderr.splitlines()[-2:]
    assert refused == "brainray: training.workers: needs 2 CPUs, the cluster has 1"
    assert end == "exit 1"
    assert "Traceback" not in done.stderr
    assert not done.stdout

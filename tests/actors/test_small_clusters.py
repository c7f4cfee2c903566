"""Whole runs on clusters of one and two CPUs, each in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys, ray, logging
ray.init(address="local", num_cpus={cpus}, include_dashboard=False, log_to_driver=False,
         namespace="brainray", logging_level=logging.ERROR)
from brainray.cli.main import main
sys.argv = ["brainray", "run", {scenario!r}, "--json", "-", *{changes!r}]
main()
"""

SCENARIO = """
name: two-texts
goal: {{target: label}}
inputs: {{left: {{modality: text}}, right: {{modality: text}}}}
data: {{manifest: {manifest}}}
search: {{budget: 12, brood: 4, epochs: 1, depth: 1, finalists: 1}}
pretraining: {{epochs: 1, optimizers: [adam]}}
training: {{epochs: 1, workers: 2}}
"""


@pytest.fixture
def scenario(tmp_path: Path, manifest: Path) -> Path:
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO.format(manifest=manifest))
    return path


def brainray(
    cpus: int, scenario: Path, folder: Path, *changes: str
) -> subprocess.CompletedProcess[str]:
    script = SCRIPT.format(cpus=cpus, scenario=str(scenario), changes=list(changes))
    return subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, timeout=300
    )


def test_two_processors_do(scenario: Path, tmp_path: Path) -> None:
    done = brainray(2, scenario, tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)  # the JSON stands alone on stdout
    assert report["search"]["evaluated"] == 12
    assert report["training"] == {
        "strategy": "all_reduce",
        "workers": 2,
        "seconds": report["training"]["seconds"],
    }


def test_one_processor_is_refused_or_told_to_use_one_worker(scenario: Path, tmp_path: Path) -> None:
    done = brainray(1, scenario, tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "brainray: training.workers: needs 2 CPUs, the cluster has 1"
    )
    assert "Traceback" not in done.stderr
    done = brainray(1, scenario, tmp_path, "--set", "training.workers=1")
    assert done.returncode == 0, done.stderr

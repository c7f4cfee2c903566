"""A training on a cluster whose nodes leave and join, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import safetensors.torch
import torch

from brainray.pipeline.local import LocalRunner
from brainray.pipeline.runner import Group
from brainray.testing.places import library_below, settings_below
from brainray.testing.problems import SlowTraining

SCRIPT = """
import json, os, signal, subprocess, sys, threading, time
from pathlib import Path
import ray, safetensors.torch
from ray.cluster_utils import Cluster
from actors import groups
from actors.runner import RayRunner, QUIET
from brainray.pipeline.checkpoints import StoredCheckpoints
from brainray.pipeline.runner import Group
from brainray.testing.places import library_below, settings_below
from brainray.testing.problems import SlowTraining
from brainray.training.checkpoint import Checkpoints

home, folder = Path(sys.argv[1]), Path(sys.argv[2])
os.environ |= QUIET
groups.GROWTH_SECONDS = 1.0
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
ray.init(address=cluster.address, namespace="brainray", log_to_driver=False)

def join():
    command = [Path(sys.executable).with_name("ray"), "start", "--address", cluster.address,
               "--num-cpus", "1", "--block"]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)

def nodes(count):
    while int(ray.cluster_resources().get("CPU", 0)) != count:
        time.sleep(0.1)

node = join()
nodes(2)
library = library_below(home)
checkpoints = Checkpoints(StoredCheckpoints(library.store, "run-1"), 0)
gate = folder / "gate"
problem = SlowTraining(checkpoints=checkpoints, gate=gate)
begun = []

def watch(name, progress):
    global node
    if progress.begins:
        begun.append([progress.workers, progress.epochs])
        print(begun, flush=True)
    if len(begun) == 1 and progress.epochs >= 3 and node is not None:
        os.killpg(node.pid, signal.SIGKILL)
        node = None
    elif len(begun) == 2 and progress.epochs > begun[1][1] and node is None:
        node = join()
    elif len(begun) == 3:
        gate.touch()

runner = RayRunner(settings_below(home), home / "runs" / "run-1", stays=True)
runner.coordinate("acquire", "run-1", "here:1")
solution = runner.finish(problem, [(0,) * 8], Group(2), watch)
safetensors.torch.save_file(dict(solution.weights), folder / "weights.safetensors")
(folder / "begun.json").write_text(json.dumps(begun))
ray.shutdown()
os.killpg(node.pid, signal.SIGKILL)
cluster.shutdown()
"""


def test_who_is_left_goes_on_and_who_joins_is_taken(tmp_path: Path) -> None:
    library_below(tmp_path / "home")
    subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "home", tmp_path],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=400,
    )
    begun = json.loads((tmp_path / "begun.json").read_text())
    assert [workers for workers, _ in begun] == [2, 1, 2]
    assert begun[0][1] == 0
    assert 3 <= begun[1][1] < begun[2][1]  # each goes on from the last checkpoint
    undisturbed = LocalRunner(settings_below(tmp_path / "home")).finish(
        SlowTraining(gate=tmp_path / "gate"), [(0,) * 8], Group(2)
    )
    weights = safetensors.torch.load_file(tmp_path / "weights.safetensors")
    for name, value in undisturbed.weights.items():
        torch.testing.assert_close(weights[name], value, rtol=0, atol=1e-9)

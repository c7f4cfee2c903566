"""A search on a cluster that changes while it runs, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json, os, signal, subprocess, sys, threading, time
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from actors.search import search_on_tune
from brainray.search.evolution import Evolution
from brainray.search.schedule import Schedule
from brainray.testing.problems import OnUnevenWorkers

notes, folder = Path(sys.argv[1]), Path(sys.argv[2])

def worker(name, seconds):
    return {"num_cpus": 1, "env_vars": {"WORKER": name, "SECONDS_PER_BROOD": str(seconds)}}

def noted(name):
    return sum(line.startswith(name) for line in notes.read_text().splitlines())

def wait_for(name, count):
    while noted(name) < count:
        time.sleep(0.05)

notes.touch()
cluster = Cluster(initialize_head=True, head_node_args=worker("slow", 1.0))
ray.init(address=cluster.address, namespace="brainray", log_to_driver=False)

def change():
    wait_for("slow", 1)
    joined = subprocess.Popen(
        [Path(sys.executable).with_name("ray"), "start", "--address", cluster.address,
         "--num-cpus", "1", "--block"],
        env=os.environ | worker("fast", 0.1)["env_vars"],
        start_new_session=True,
    )
    wait_for("fast", 12)
    os.killpg(joined.pid, signal.SIGKILL)

threading.Thread(target=change, daemon=True).start()
problem = OnUnevenWorkers(notes=notes)
schedule = Schedule(
    problem.space, Evolution(problem.space, 1), seed=1, budget=100, brood_size=1, lag=100
)
search_on_tune(problem, schedule, None, lambda *brood: None, folder)
(folder / "history.json").write_text(json.dumps(schedule.history))
ray.shutdown()
cluster.shutdown()
"""


def test_a_fast_worker_that_joins_does_more_and_what_it_takes_along_is_asked_again(
    tmp_path: Path,
) -> None:
    notes = tmp_path / "notes"
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(notes), str(tmp_path)],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=240,
    )
    evaluated = [line.split() for line in notes.read_text().splitlines()]
    joined = next(row for row, (name, _) in enumerate(evaluated) if name == "fast")
    left = max(row for row, (name, _) in enumerate(evaluated) if name == "fast")
    names = [name for name, _ in evaluated[joined : left + 1]]
    assert names.count("fast") >= 12 > 2 * names.count("slow")

    broods = [int(brood) for _, brood in evaluated]
    assert set(broods) == set(range(100))
    again = {brood for brood in broods if broods.count(brood) > 1}
    assert again <= {int(brood) for name, brood in evaluated if name == "fast"}
    history = json.loads((tmp_path / "history.json").read_text())
    assert len({tuple(genome) for genome, _ in history}) == 100

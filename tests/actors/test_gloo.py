import subprocess
import sys
from pathlib import Path

from brainray import plugins

WORKER = Path(__file__).parent / "gloo_worker.py"


def test_strategies_give_over_gloo_what_they_give_in_one_process(tmp_path: Path):
    """Two real processes; each compares its weights with those of simulated workers."""
    workers = [
        subprocess.Popen(
            [sys.executable, WORKER, str(rank), tmp_path / "rendezvous"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for worker in workers:
            out, err = worker.communicate(timeout=120)
            assert worker.returncode == 0, err
            done = {line.split()[0] for line in out.splitlines()}
            assert done == set(plugins.names("strategies")) - {"parameter_server"}
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()

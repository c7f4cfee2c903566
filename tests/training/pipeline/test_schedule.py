import subprocess
import sys
from pathlib import Path

WORKER = Path(__file__).parent / "gloo_worker.py"
DONE = [
    "equal 1f1b",
    "in flight 1f1b",
    "equal gpipe",
    "in flight gpipe",
    "without parameters",
    "limited",
    "resumed",
    "another cut",
    "begun anew",
    "refusals",
    "example",
]


def test_two_stages_over_gloo_equal_the_unsplit_network(tmp_path: Path):
    """Two real processes; each compares its stage with the whole network at every step."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", WORKER, str(rank), tmp_path / "rendezvous"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        ended = [worker.communicate(timeout=120) for worker in workers]
        for out, err in ended:
            assert out.splitlines() == DONE, err
        assert [worker.returncode for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()

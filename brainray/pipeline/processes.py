"""Workers of a pipeline as processes of this machine, without Ray.

Each process is ``python -m brainray.pipeline.processes RANK FOLDER``; the folder, which is this
user's alone, has the unit and gets the result.
"""

import math
import pickle
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import torch.distributed

from brainray.errors import BrainrayError, TrainingError
from brainray.pipeline.units import Pretrained, PretrainUnit, pretrain

UNIT, OUTCOME, RENDEZVOUS = "unit.pickle", "outcome.pickle", "rendezvous"
POLL_SECONDS = 0.05
PEER_SECONDS = 300.0
"""How long a worker waits for another one before it gives up."""
GRACE_SECONDS = 5.0
"""For workers to end by themselves when another one has failed."""


def pretrain_in_processes(unit: PretrainUnit) -> Pretrained:
    """Train a network by as many processes as its unit says, and return what was made.

    Raises:
        BrainrayError: that a worker has raised.
        TrainingError: a worker ended without a result.
    """
    assert unit.together is not None
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        (folder / UNIT).write_bytes(pickle.dumps(unit))
        command = [sys.executable, "-P", "-m", __name__]
        workers = [
            subprocess.Popen(
                [*command, str(rank), str(folder)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            for rank in range(unit.together.workers)
        ]
        try:
            deadline = math.inf
            while any(worker.poll() is None for worker in workers):
                if any(worker.poll() for worker in workers):  # the others may wait for it for ever
                    deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
                if time.monotonic() > deadline:
                    break
                time.sleep(POLL_SECONDS)
        finally:
            for worker in workers:
                worker.kill()
            errors = [worker.communicate()[1].decode(errors="replace") for worker in workers]
        if not (folder / OUTCOME).exists():
            last = next((error.strip().splitlines()[-1] for error in errors if error.strip()), "")
            raise TrainingError(f"{unit.spec.name}: a worker of the pipeline has ended: {last}")
        outcome: Pretrained | BrainrayError = pickle.loads((folder / OUTCOME).read_bytes())
    if isinstance(outcome, BrainrayError):
        raise outcome
    return outcome


def main(rank: int, folder: Path) -> None:
    """Be one of the workers; the first one writes the result, or why there is none."""
    unit: PretrainUnit = pickle.loads((folder / UNIT).read_bytes())
    assert unit.together is not None
    size = unit.together.workers
    torch.distributed.init_process_group(
        "gloo",
        init_method=(folder / RENDEZVOUS).as_uri(),
        rank=rank,
        world_size=size,
        timeout=timedelta(seconds=PEER_SECONDS),
    )
    outcome: Pretrained | BrainrayError
    try:
        outcome = pretrain(unit)
    except BrainrayError as error:
        if rank > 0:
            sys.exit(str(error))  # if the first one does not raise it, too, this is what is said
        outcome = error
    if rank == 0:
        partial = folder / f"{OUTCOME}.partial"
        partial.write_bytes(pickle.dumps(outcome))
        partial.replace(folder / OUTCOME)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))

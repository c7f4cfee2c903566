"""The finalists on Ray Train: one trainer, data-parallel workers, all finalists in turn."""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ray.train
import ray.train.torch
import safetensors.torch

from actors.communicator import TorchCommunicator
from actors.groups import Size, fit, run_config, scaling
from actors.news import Teller, heard
from brainray.errors import RunError
from brainray.pipeline.local import for_worker
from brainray.search.interface import Genome, Problem, Solution
from brainray.training.progress import WatchAll

WEIGHTS_FILE = "weights.safetensors"
SOLUTION_FILE = "solution.json"


def finish_on_train(
    problem: Problem,
    genomes: Sequence[Genome],
    size: Size,
    watch: WatchAll,
    coordinate: Callable[..., Any],
    run_id: str,
    folder: Path,
) -> Solution:
    """Call ``problem.finish`` on data-parallel workers and return their solution.

    When workers are lost, or with a size that may change others join, Train ends all and starts a
    new group of those that can be had (`brainray.training.membership`). It calls ``problem.finish``
    again, which goes on from its own checkpoints.

    Args:
        problem: sent to every worker.
        genomes: the finalists, best first.
        size: number of processes, one CPU each.
        watch: told how trainings go on.
        coordinate: calls a method of the coordinator.
        run_id: of the run.
        folder: where Train keeps the solution's checkpoint.

    Raises:
        BrainrayError: a worker raised it, as it is.
        RunError: the workers ended without a solution.
    """
    trainer = ray.train.torch.TorchTrainer(
        finish_on_worker,
        train_loop_config={"problem": problem, "genomes": list(genomes), "run_id": run_id},
        scaling_config=scaling(size),
        torch_config=ray.train.torch.TorchConfig(backend="gloo"),
        run_config=run_config("training", folder, size),
    )
    with heard(coordinate, run_id, watch):
        result = fit(trainer)
    if result.checkpoint is None:
        raise RunError("training: the workers reported no solution")
    with result.checkpoint.as_directory() as directory:
        return read_solution(Path(directory))


def finish_on_worker(config: dict[str, Any]) -> None:
    """What each worker does; the first one reports the solution, which all have."""
    teller = Teller(config["run_id"])
    problem = for_worker(config["problem"], TorchCommunicator(), teller)
    solution = problem.finish(config["genomes"])
    metrics = {"validation": solution.value}
    if ray.train.get_context().get_world_rank() > 0:
        ray.train.report(metrics)
        return
    with tempfile.TemporaryDirectory() as directory:
        write_solution(solution, Path(directory))
        ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(directory))


def write_solution(solution: Solution, folder: Path) -> None:
    """Write a solution as JSON and safetensors: nothing that has to be unpickled."""
    safetensors.torch.save_file(dict(solution.weights), folder / WEIGHTS_FILE)
    document = {
        "genome": list(solution.genome),
        "value": solution.value,
        "details": solution.details,
        "effort": solution.effort,
    }
    (folder / SOLUTION_FILE).write_text(json.dumps(document), encoding="utf-8")


def read_solution(folder: Path) -> Solution:
    """Return what `write_solution` wrote."""
    document = json.loads((folder / SOLUTION_FILE).read_text(encoding="utf-8"))
    return Solution(
        genome=tuple(document["genome"]),
        value=document["value"],
        weights=safetensors.torch.load_file(folder / WEIGHTS_FILE),
        details=document["details"],
        effort=document["effort"],
    )

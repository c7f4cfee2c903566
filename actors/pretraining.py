"""Pretraining on Ray Train: one trainer whose workers pull units from the regions' actors.

Train wants a main thread of its own and blocks, but the run wants to see every model as soon as
there is one. So the trainer runs in a task, and the driver looks after the regions meanwhile.
What is lost is done again: a unit that a dead worker held by its successor, what a restarted
region forgot because the driver assigns it again.
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ray
import ray.train
import ray.train.torch
import torch.distributed
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.calls import ask
from actors.cluster import own_errors, own_interrupts
from actors.communicator import TorchCommunicator
from actors.groups import Size, fit, run_config, scaling
from actors.names import NAMESPACE, region_name
from brainray.errors import BrainrayError, ClusterError, RunError
from brainray.pipeline.assignment import Outcome
from brainray.pipeline.units import Pretrained, PretrainUnit, pretrain
from brainray.training.interface import Communicator
from brainray.training.loop import ALONE

POLL_SECONDS = 0.2
END_SECONDS = 30.0
"""For the trainer to end by itself before it is made to."""


def pretrain_on_train(
    units: Sequence[PretrainUnit],
    size: Size,
    on_done: Callable[[int, Pretrained], None],
    coordinate: Callable[..., Any],
    run_id: str,
    folder: Path,
) -> list[Pretrained]:
    """Train networks on the workers of one trainer; return what was made, in the units' order.

    Args:
        units: to train, at least one; the longest are begun first.
        size: number of processes, one CPU each.
        on_done: called with a unit's number and result as each one ends.
        coordinate: calls a method of the coordinator.
        run_id: under which regions keep the units.
        folder: where Train keeps its files.

    Raises:
        BrainrayError: of the first unit that cannot be done, as it is.
        RunError: workers were lost again and again.
    """
    order = sorted(range(len(units)), key=lambda number: units[number].cost, reverse=True)
    left = {number: units[number] for number in order}
    regions = list(dict.fromkeys(unit.region for unit in left.values()))
    results: dict[int, Pretrained] = {}
    # On this node, where the run's folder is.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)

    def collect() -> None:
        outcomes: dict[int, Outcome] = coordinate("assign", run_id, left)
        for number in sorted(outcomes.keys() & left.keys()):
            outcome = outcomes[number]
            if isinstance(outcome, BrainrayError):
                raise outcome
            results[number] = outcome
            del left[number]
            on_done(number, outcome)

    coordinate("forget", run_id, regions)
    try:
        # One trainer does it all, unless a region is restarted just after its last unit was done.
        while left:
            before = len(left)
            collect()
            training = train.options(scheduling_strategy=here).remote(
                run_id, regions, size, folder, units[0].together is not None
            )
            try:
                while left and not _ended(training, POLL_SECONDS):
                    collect()
                if left:
                    with own_errors():
                        ray.get(training)
                    collect()
                else:
                    _ended(training, END_SECONDS)
            finally:
                _end(training)
            if len(left) == before:
                raise RunError(f"pretraining: the workers ended with {before} networks untrained")
    finally:
        with contextlib.suppress(ClusterError):  # a run forgets before it begins, too
            coordinate("forget", run_id, regions)
    return [results[number] for number in range(len(units))]


def _end(training: Any) -> None:
    """End the trainer, so that it gives its processors back.

    One that has ended is left alone: Ray 2.60 ends the whole driver, without a word, if a task is
    canceled while its result is still being taken in.
    """
    if _ended(training, 0):
        return
    ray.cancel(training)
    if not _ended(training, END_SECONDS):
        ray.cancel(training, force=True)


def _ended(training: Any, timeout_seconds: float) -> bool:
    return bool(ray.wait([training], timeout=timeout_seconds)[0])


@ray.remote(num_cpus=0, max_retries=1)
def train(run_id: str, regions: Sequence[str], size: Size, folder: Path, together: bool) -> None:
    """Run the trainer to its end.

    A group that trains is not ended for a larger one: each worker would begin its network again.
    """
    trainer = ray.train.torch.TorchTrainer(
        train_units,
        train_loop_config={"run_id": run_id, "regions": list(regions), "together": together},
        scaling_config=scaling(size, grows=False),
        torch_config=ray.train.torch.TorchConfig(backend="gloo"),
        run_config=run_config("pretraining", folder, size),
    )
    with own_errors(), own_interrupts():
        fit(trainer)


def train_units(config: dict[str, Any]) -> None:
    """What each worker does: train one unit after the other until no region has one for it.

    Where all workers train each unit together, the first one alone talks to the regions.
    """
    if config["together"]:
        _train_together(config)
        return
    worker, run_id = ray.train.get_context().get_world_rank(), config["run_id"]
    for region in config["regions"]:
        actor = ray.get_actor(region_name(region), namespace=NAMESPACE)
        while (given := _next_unit(actor, run_id, worker)) is not None:
            number, unit = given
            _finish_unit(actor, run_id, number, _outcome(unit, ALONE))


def _train_together(config: dict[str, Any]) -> None:
    communicator, run_id = TorchCommunicator(), config["run_id"]
    for region in config["regions"]:
        actor = ray.get_actor(region_name(region), namespace=NAMESPACE)
        while True:
            given: list[Any] = [None]
            if communicator.rank == 0:
                given = [_next_unit(actor, run_id, communicator.rank)]
            torch.distributed.broadcast_object_list(given, src=0)
            if given[0] is None:
                break
            number, unit = given[0]
            outcome = _outcome(unit, communicator)
            if communicator.rank == 0:
                _finish_unit(actor, run_id, number, outcome)
            elif isinstance(outcome, BrainrayError):
                raise outcome  # the first worker, which may have none, would wait for this one


def _outcome(unit: PretrainUnit, communicator: Communicator) -> Outcome:
    try:
        return pretrain(unit, communicator)
    except BrainrayError as error:  # for the driver; another try would end the same way
        return error


# RunError: the region was restarted, and the driver will assign it its units again.


def _next_unit(actor: Any, run_id: str, worker: int) -> tuple[int, PretrainUnit] | None:
    given: tuple[int, PretrainUnit] | None
    given = ask(actor, "next_unit", run_id, worker, retried=(RunError,))
    return given


def _finish_unit(actor: Any, run_id: str, number: int, outcome: Outcome) -> None:
    ask(actor, "finish_unit", run_id, number, outcome, retried=(RunError,))

"""How a run stands, what it was to do and has found, and how to end one that goes on."""

import os
import signal
import time
from pathlib import Path

from brainray.catalog.values import ENDS, Run
from brainray.errors import RunError
from brainray.pipeline.record import Record
from brainray.scenario import AnyReport, AnyScenario, parse_scenario
from brainray.scenario.tasks import parse_report

KILLED = "killed"
STOP_SECONDS = 60.0
"""Ray needs some of them to end its processes."""


def status_of(run: Run) -> str:
    """Return how a run stands: ``running``, ``finished``, ``failed``, ``stopped`` or ``killed``.

    The catalog takes a run that could not say its end for a running one; where its record is on
    this machine, that knows better.

    Args:
        run: as the catalog has it.

    Raises:
        RunError: its record is damaged.
    """
    folder = Path(run.record).parent
    if run.status != "running" or not folder.is_dir():
        return run.status
    record = Record(folder)
    if record.executor() is not None:
        return run.status
    last = [event["event"] for event in record.events()][-1:] if record.path.exists() else []
    return last[0] if last and last[0] in ENDS else KILLED


def recorded_scenario(record: Record) -> tuple[AnyScenario, int]:
    """Return the scenario and the seed of a recorded run, with what its last resume has changed.

    Raises:
        RunError: the record has no start.
    """
    for event in list(record.events("started"))[-1:]:
        scenario = parse_scenario(event["scenario"], origin=str(record.path))
        return scenario, int(event["seed"])
    raise RunError(f"{record.path}: says nothing of a start")


def finished_report(run: Run) -> AnyReport:
    """Return the report of a run.

    Args:
        run: of the catalog.

    Raises:
        RunError: it has none, for it did not finish.
    """
    record = Record(Path(run.record).parent)
    if finished := list(record.events("finished")):
        return parse_report(finished[-1]["report"])
    try:
        status = status_of(run)
    except RunError:
        status = "damaged"
    errors = [event["error"] for kind in ("failed", "stopped") for event in record.events(kind)]
    reason = f": {errors[-1]}" if errors else ""
    raise RunError(
        f"run {run.id}: has no report, it is {status}{reason}; "
        f"go on with: brainray run --resume {run.id}"
    )


def stop(run: Run) -> str:
    """End a run that a process of this machine executes, as Ctrl-C would; return its status.

    Raises:
        RunError: no process of this machine executes it, or it does not end.
    """
    folder = Path(run.record).parent
    executor = Record(folder).executor() if folder.is_dir() else None
    if executor is None:
        raise RunError(f"run {run.id}: no process of this machine executes it")
    try:
        # Not SIGINT, which a shell lets processes ignore that it starts in the background.
        os.kill(executor, signal.SIGTERM)
    except PermissionError as error:
        raise RunError(f"run {run.id}: process {executor} is another user's") from error
    deadline = time.monotonic() + STOP_SECONDS
    while Record(folder).executor() == executor:
        if time.monotonic() > deadline:
            raise RunError(
                f"run {run.id}: process {executor} has not ended within {STOP_SECONDS:.0f} s"
            )
        time.sleep(0.1)
    return status_of(run)

"""What detectors of a run find in the pictures of its sequences: units of work, kept in its folder.

A detector is slow, a search looks at its boxes many times, and a run that goes on does not look
again.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from brainray.errors import BrainrayError, ScenarioError
from brainray.files import write_atomically
from brainray.networks.detectors.interface import make_detector
from brainray.pipeline.record import Event, Record
from brainray.pipeline.runner import Runner
from brainray.pipeline.tracking.files import file_of
from brainray.pipeline.tracking.watching import mean_times
from brainray.scenario import TrackingScenario
from brainray.seeding import one_thread
from brainray.tracking.detecting import as_rows, detections_in
from brainray.tracking.frames import read_frames
from brainray.tracking.reading import as_parquet, read_boxes
from brainray.tracking.rows import Rows
from brainray.tracking.sequences import LabelledSequence

FOLDER = "detections"


@dataclass(frozen=True)
class DetectUnit:
    """One detector and one sequence.

    Attributes:
        name: of the detector, in the scenario.
        detector: of ``brainray.detectors``.
        options: of it.
        source: where the pictures are.
        sequence: whose.
    """

    name: str
    detector: str
    options: Mapping[str, Any]
    source: Path
    sequence: str


@dataclass(frozen=True)
class Looked:
    """What was found.

    Attributes:
        rows: the boxes.
        milliseconds: CPU time a frame, reading it included.
    """

    rows: Rows
    milliseconds: float


def look(unit: DetectUnit) -> Looked:
    """Look at all pictures of a sequence.

    Raises:
        DataError: sequence and frame are named.
    """
    detector = make_detector(unit.detector, unit.options)
    frames = read_frames(unit.source)[unit.sequence]
    start = time.process_time()
    with one_thread():  # the same boxes wherever it runs
        found = list(detections_in(detector, frames))
    spent = time.process_time() - start
    return Looked(as_rows(found), 1000 * spent / max(1, len(found)))


def check_detectors(scenario: TrackingScenario, sequences: Sequence[LabelledSequence]) -> None:
    """Make each detector once, so that what is wrong is said before the run leaves a trace.

    Raises:
        ScenarioError: a detector cannot be made, has the name of recorded boxes, or there are no
            pictures.
    """
    for name, live in scenario.detectors.items():
        recorded = [one.name for one in sequences if name in one.boxes]
        if recorded:
            raise ScenarioError(f"detectors.{name}: {recorded[0]} has recorded boxes of this name")
        if not any(one.frames is not None for one in sequences):
            raise ScenarioError(f"detectors.{name}: the sequences have no pictures")
        try:
            make_detector(live.detector, live.arguments())
        except BrainrayError as error:
            raise ScenarioError(f"detectors.{name}: {error}") from error


def with_detections(
    scenario: TrackingScenario,
    sequences: Sequence[LabelledSequence],
    runner: Runner,
    record: Record,
    done: Sequence[Event],
) -> tuple[list[LabelledSequence], dict[str, float]]:
    """Return sequences with what the scenario's detectors find in their pictures.

    Args:
        scenario: with detectors.
        sequences: those without pictures stay as they are.
        runner: does the work.
        record: of the run; boxes are kept beside it.
        done: events of an interrupted execution, whose boxes are read again.

    Returns:
        The sequences, and the mean CPU time a frame of each detector in milliseconds.
    """
    known = {
        (event["detector"], event["sequence"]): event["milliseconds"]
        for event in done
        if event["event"] == "detected"
    }
    source = scenario.data.input
    units = [
        DetectUnit(name, live.detector, live.arguments(), source, one.name)
        for name, live in scenario.detectors.items()
        for one in sequences
        if one.frames is not None and source is not None
    ]
    new = [unit for unit in units if (unit.name, unit.sequence) not in known]
    count = len(units) - len(new)

    def on_done(number: int, looked: Looked) -> None:
        nonlocal count
        unit = new[number]
        data = as_parquet({unit.sequence: looked.rows})
        write_atomically(file_of(record, FOLDER, unit.name, unit.sequence, ".parquet"), data)
        known[unit.name, unit.sequence] = round(looked.milliseconds, 3)
        record.append(
            "detected",
            detector=unit.name,
            sequence=unit.sequence,
            boxes=len(looked.rows),
            milliseconds=known[unit.name, unit.sequence],
        )
        count += 1
        record.progress("detect", count, len(units))

    if new:
        record.progress("detect", count, len(units))
        runner.map(look, new, on_done)
    found: dict[str, dict[str, Rows]] = {one.name: dict(one.boxes) for one in sequences}
    nothing = Rows.of(np.empty(0, dtype=np.int64), np.empty((0, 4)))
    for unit in units:
        rows = read_boxes(file_of(record, FOLDER, unit.name, unit.sequence, ".parquet"))
        found[unit.sequence][unit.name] = rows.get(unit.sequence, nothing)
    return (
        [replace(one, boxes=found[one.name]) for one in sequences],
        mean_times((unit.name, known[unit.name, unit.sequence], 1) for unit in units),
    )

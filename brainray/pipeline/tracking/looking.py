"""What boxes of a run look like in the pictures."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainray.catalog import Library
from brainray.errors import BrainrayError, DataError, ScenarioError
from brainray.pipeline.record import Event, Record
from brainray.pipeline.runner import Runner
from brainray.pipeline.tracking.watching import Looking, with_boxes
from brainray.scenario import TrackingScenario
from brainray.settings import Settings
from brainray.shapes import FloatArray
from brainray.tracking.appearance import with_appearance
from brainray.tracking.frames import read_frames
from brainray.tracking.looks import appearance_of
from brainray.tracking.rows import Rows
from brainray.tracking.sequences import LabelledSequence

SEEING = Looking("looks", "seen", "look", "boxes")


@dataclass(frozen=True)
class LookUnit:
    """The boxes of one detector in one sequence.

    Attributes:
        detector: whose boxes.
        sequence: whose pictures.
        rows: the boxes.
        source: where the pictures are.
        appearance: what sees them.
        settings: where the catalog is.
    """

    detector: str
    sequence: str
    rows: Rows
    source: Path
    appearance: str
    settings: Settings


def see(unit: LookUnit) -> tuple[FloatArray, float]:
    """Return a vector a box, `(N, D)`, and the CPU time of each in milliseconds, reading included.

    Raises:
        DataError: sequence and frame are named.
    """
    appearance = appearance_of(unit.appearance, lambda: Library.open(unit.settings))
    start = time.process_time()
    try:
        rows = with_appearance(unit.rows, read_frames(unit.source)[unit.sequence], appearance)
    except DataError as error:
        raise DataError(f"seq {unit.sequence}: {error}") from error
    assert rows.features_ND is not None
    spent = 1000 * (time.process_time() - start) / max(1, len(rows))
    return rows.features_ND.astype(np.float32), spent


def check_appearance(
    scenario: TrackingScenario, sequences: Sequence[LabelledSequence], settings: Settings
) -> None:
    """Open the network once, so that what is wrong is said before the run leaves a trace.

    Raises:
        ScenarioError: it cannot be used, or there are no pictures.
    """
    appearance = scenario.data.appearance
    if appearance is None:
        return
    for one in sequences:
        if one.frames is None:
            raise ScenarioError(f"data.appearance: seq {one.name} has no pictures")
    try:
        appearance_of(appearance, lambda: Library.open(settings))
    except BrainrayError as error:
        raise ScenarioError(f"data.appearance: {error}") from error


def with_looks(
    scenario: TrackingScenario,
    sequences: Sequence[LabelledSequence],
    runner: Runner,
    record: Record,
    done: Sequence[Event],
    settings: Settings,
) -> tuple[list[LabelledSequence], dict[str, float]]:
    """Return sequences whose boxes have appearance vectors, if the scenario wants them.

    Beside them: the mean CPU time a box of each detector in milliseconds.

    Args:
        scenario: with or without ``data.appearance``.
        sequences: with the boxes of all detectors.
        runner: does the work.
        record: of the run; vectors are kept beside it.
        done: events of an interrupted execution, whose vectors are read again.
        settings: where the catalog is.
    """
    source, appearance = scenario.data.input, scenario.data.appearance
    if source is None or appearance is None:
        return list(sequences), {}
    units = [
        LookUnit(detector, one.name, rows, source, appearance, settings)
        for one in sequences
        for detector, rows in one.boxes.items()
    ]
    found, milliseconds = SEEING.found(units, see, runner, record, done)
    fields = ((unit, {"features_ND": features_ND}) for unit, features_ND in found)
    return with_boxes(sequences, fields), milliseconds

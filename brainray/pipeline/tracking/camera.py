"""How the camera moves in the pictures of a run's sequences.

Boxes hide what may move on its own, so that each detector sees a background of its own, the same as
in ``brainray track`` or at an endpoint.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainray.errors import BrainrayError, DataError, ScenarioError
from brainray.pipeline.record import Event, Record
from brainray.pipeline.runner import Runner
from brainray.pipeline.tracking.watching import Looking, with_boxes
from brainray.scenario import TrackingScenario
from brainray.tracking.camera import CameraMotion, with_motion
from brainray.tracking.choices import see_the_camera
from brainray.tracking.frames import read_frames
from brainray.tracking.motion import Similarity
from brainray.tracking.rows import Rows
from brainray.tracking.sequences import LabelledSequence

WATCHING = Looking("motions", "moved", "camera", "pictures")
Motions = NDArray[np.complex128]
"""Frame's number, turn and shift of each picture, shape `(F, 3)`."""


@dataclass(frozen=True)
class CameraUnit:
    """The boxes of one detector in one sequence.

    Attributes:
        detector: whose boxes.
        sequence: whose pictures.
        rows: the boxes.
        source: where the pictures are.
    """

    detector: str
    sequence: str
    rows: Rows
    source: Path


def follow_camera(unit: CameraUnit) -> tuple[Motions, float]:
    """Return the camera's motions and the CPU time a picture in milliseconds, reading it included.

    Raises:
        DataError: sequence and frame are named.
        NetworkError: OpenCV is not installed.
    """
    start = time.process_time()
    try:
        rows = with_motion(unit.rows, read_frames(unit.source)[unit.sequence])
    except DataError as error:
        raise DataError(f"seq {unit.sequence}: {error}") from error
    motions_F3 = np.array(
        [(number, one.turn, one.shift) for number, one in (rows.motions or {}).items()],
        dtype=np.complex128,
    ).reshape(-1, 3)
    return motions_F3, 1000 * (time.process_time() - start) / max(1, len(motions_F3))


def check_camera(scenario: TrackingScenario, sequences: Sequence[LabelledSequence]) -> None:
    """Say what is wrong before the run leaves a trace.

    Raises:
        ScenarioError: a tracker is to see the camera move, and there are no pictures or no OpenCV.
    """
    if not see_the_camera(scenario.search.trackers):
        return
    for one in sequences:
        if one.frames is None:
            raise ScenarioError(
                f"search.trackers: the camera is to be seen in pictures, seq {one.name} has none"
            )
    try:
        CameraMotion()
    except BrainrayError as error:
        raise ScenarioError(f"search.trackers: {error}") from error


def with_motions(
    scenario: TrackingScenario,
    sequences: Sequence[LabelledSequence],
    runner: Runner,
    record: Record,
    done: Sequence[Event],
) -> tuple[list[LabelledSequence], dict[str, float]]:
    """Return sequences whose boxes know how the camera moves, if a tracker may want it.

    Beside them: the mean CPU time a picture of each detector in milliseconds.

    Args:
        scenario: with the trackers that may be chosen.
        sequences: with the boxes of all detectors.
        runner: does the work.
        record: of the run; motions are kept beside it.
        done: events of an interrupted execution, whose motions are read again.
    """
    source = scenario.data.input
    if source is None or not see_the_camera(scenario.search.trackers):
        return list(sequences), {}
    units = [
        CameraUnit(detector, one.name, rows, source)
        for one in sequences
        for detector, rows in one.boxes.items()
    ]
    found, milliseconds = WATCHING.found(units, follow_camera, runner, record, done)
    fields = ((unit, {"motions": _motions(motions_F3)}) for unit, motions_F3 in found)
    return with_boxes(sequences, fields), milliseconds


def _motions(motions_F3: Motions) -> dict[int, Similarity]:
    return {
        int(number.real): Similarity(turn, shift) for number, turn, shift in motions_F3.tolist()
    }

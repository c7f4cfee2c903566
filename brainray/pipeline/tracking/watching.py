"""What pictures tell of the boxes of each detector in each sequence: units of work, kept in a run's
folder.

Looking at pictures is slow, and a run that goes on does not look again.
"""

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from brainray.files import write_atomically
from brainray.pipeline.record import Event, Record
from brainray.pipeline.runner import Runner
from brainray.pipeline.tracking.files import file_of
from brainray.shapes import Array
from brainray.tracking.rows import Rows
from brainray.tracking.sequences import LabelledSequence


class PictureUnit(Protocol):
    """The boxes of one detector in one sequence, and what is needed to look at its pictures."""

    @property
    def detector(self) -> str:
        """Whose boxes."""

    @property
    def sequence(self) -> str:
        """Whose pictures."""

    @property
    def rows(self) -> Rows:
        """The boxes."""


Unit = TypeVar("Unit", bound=PictureUnit)


@dataclass(frozen=True)
class Looking:
    """One kind of looking.

    Attributes:
        folder: of the run's folder, for what is found.
        event: of the record.
        stage: as progress is told.
        counted: what an array has a row for, as the event names it.
    """

    folder: str
    event: str
    stage: str
    counted: str

    def found(
        self,
        units: Sequence[Unit],
        work: Callable[[Unit], tuple[Array, float]],
        runner: Runner,
        record: Record,
        done: Sequence[Event],
    ) -> tuple[list[tuple[Unit, Array]], dict[str, float]]:
        """Return each unit with what is found in it, memory-mapped, and what that took.

        The latter is the mean CPU time of a row in milliseconds, by detector.

        Args:
            units: what to look at.
            work: returns an array `(N, ...)`, and the CPU time of a row of it in milliseconds.
            runner: does the work.
            record: of the run, beside which arrays are kept.
            done: events of an interrupted execution, whose arrays are read again.
        """
        known = {
            (one["detector"], one["sequence"]): one["milliseconds"]
            for one in done
            if one["event"] == self.event
        }
        new = [unit for unit in units if (unit.detector, unit.sequence) not in known]
        count = len(units) - len(new)

        def on_done(number: int, found: tuple[Array, float]) -> None:
            nonlocal count
            unit, (array_N, milliseconds) = new[number], found
            buffer = io.BytesIO()
            np.save(buffer, array_N)
            write_atomically(
                file_of(record, self.folder, unit.detector, unit.sequence, ".npy"),
                buffer.getvalue(),
            )
            known[unit.detector, unit.sequence] = round(milliseconds, 3)
            record.append(
                self.event,
                detector=unit.detector,
                sequence=unit.sequence,
                milliseconds=known[unit.detector, unit.sequence],
                **{self.counted: len(array_N)},
            )
            count += 1
            record.progress(self.stage, count, len(units))

        if new:
            record.progress(self.stage, count, len(units))
            runner.map(work, new, on_done)
        found = []
        for unit in units:
            path = file_of(record, self.folder, unit.detector, unit.sequence, ".npy")
            found.append((unit, np.load(path, mmap_mode="r")))
        return found, mean_times(
            (unit.detector, known[unit.detector, unit.sequence], len(array_N))
            for unit, array_N in found
        )


def mean_times(times: Iterable[tuple[str, float, int]]) -> dict[str, float]:
    """Return the mean time of each detector, in its sequences together.

    Args:
        times: of a detector in a sequence, and how often it was taken there.
    """
    spent: dict[str, list[tuple[float, int]]] = {}
    for detector, milliseconds, count in times:
        spent.setdefault(detector, []).append((milliseconds, count))
    return {
        detector: sum(time * count for time, count in some) / max(1, sum(n for _, n in some))
        for detector, some in spent.items()
    }


def with_boxes(
    sequences: Sequence[LabelledSequence], found: Iterable[tuple[Unit, dict[str, Any]]]
) -> list[LabelledSequence]:
    """Return sequences whose boxes know more.

    Args:
        sequences: with the boxes of all detectors.
        found: fields of `Rows` that the boxes of each unit are to have.
    """
    boxes: dict[str, dict[str, Rows]] = {one.name: {} for one in sequences}
    for unit, fields in found:
        boxes[unit.sequence][unit.detector] = replace(unit.rows, **fields)
    return [replace(one, boxes=boxes[one.name]) for one in sequences]

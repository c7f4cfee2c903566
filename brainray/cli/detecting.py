"""What ``brainray track`` detects itself, in the frames of its INPUT."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from brainray.cli.output import new_console
from brainray.errors import DataError
from brainray.networks.detectors.interface import make_detector
from brainray.shapes import Array
from brainray.tracking.detecting import as_rows, detections_in
from brainray.tracking.frames import Frames, read_frames
from brainray.tracking.pairing import by_names
from brainray.tracking.rows import Rows

if TYPE_CHECKING:
    from brainray.networks.appearance import Appearance


@dataclass(frozen=True)
class Detected:
    """The boxes of one sequence.

    Attributes:
        rows: of all its frames.
        first: number of the first frame.
        frames: how many frames were looked at, those without a box included.
        milliseconds: CPU time a frame, reading it included.
    """

    rows: Rows
    first: int
    frames: int
    milliseconds: float


def detect(
    source: Path | None,
    detector: str,
    options: Mapping[str, Any],
    appearance: "Appearance | None" = None,
    looks_from: float = -math.inf,
) -> dict[str, Detected]:
    """Return what a detector finds in each sequence, and show on a terminal how far it is.

    Args:
        source: of the pictures.
        detector: of ``brainray.detectors``.
        options: of the detector.
        appearance: sees how the boxes look; None if nothing does.
        looks_from: what has a lower score is not looked at.

    Raises:
        DataError: there is no INPUT, or a frame that cannot be read, which is named.
        NetworkError: the detector cannot be made.
    """
    if source is None:
        raise DataError(f"--detector {detector}: has nothing to look at, give INPUT")
    made = make_detector(detector, options)
    found = {}
    for name, frames in read_frames(source).items():
        start = time.process_time()
        try:
            detected = list(detections_in(made, _watched(frames), appearance, looks_from))
        except DataError as error:
            raise _of_sequence(name, error) from error
        if not detected:
            raise DataError(f"seq {name}: has no frame")
        spent = time.process_time() - start
        found[name] = Detected(
            as_rows(detected), detected[0][0], len(detected), 1000 * spent / len(detected)
        )
    return found


def seen(
    source: Path,
    boxes: Mapping[str, Rows],
    see: Callable[[Rows, Iterable[tuple[int, Array]]], Rows],
) -> dict[str, Rows]:
    """Return boxes with what pictures tell of them, and show on a terminal how far it is.

    One video and the boxes of one sequence belong together, whatever their names.

    Args:
        source: of the pictures.
        boxes: of each sequence.
        see: given boxes and the frames of their sequence, returns boxes that know more.

    Raises:
        DataError: a sequence or a frame has no picture, or one that cannot be read.
    """
    frames = by_names(boxes, read_frames(source))
    found = {}
    for name, rows in boxes.items():
        if name not in frames:
            raise DataError(f"seq {name}: has no frames, there are those of {', '.join(frames)}")
        try:
            found[name] = see(rows, _watched(frames[name]))
        except DataError as error:
            raise _of_sequence(name, error) from error
    return found


def _of_sequence(name: str, error: DataError) -> DataError:
    where = f"seq {name}, "
    return error if str(error).startswith(where) else DataError(f"{where}{error}")


def _watched(frames: Frames) -> Iterator[tuple[int, Array]]:
    console = new_console(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(f"frames of {frames.name}", total=frames.count)
        for number, image_HWC in frames:
            yield number, image_HWC
            progress.advance(task)

"""Detections as lines of JSON, a frame each."""

from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brainray.errors import DataError
from brainray.tracking.interface import BOX, MOST_BOXES, MOST_SCORE, Detections, FrameError
from brainray.tracking.reading import UNKNOWN

SHOWN = 60
"""Characters of what was given that a message repeats."""


class GivenBox(BaseModel):
    """A detected box: pixels, and how sure the detector is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    left: float
    top: float
    width: float
    height: float
    conf: float = Field(
        default=1.0,
        description=f"How sure the detector is, mostly 0 to 1, at most {MOST_SCORE:,.0f} from 0. "
        f"{UNKNOWN} says that it is not known, as in MOTChallenge's files, and counts as 1.",
    )


class GivenFrame(BaseModel):
    """The boxes that were detected in a frame: one line of the body."""

    model_config = ConfigDict(extra="forbid", strict=True)

    frame: int = Field(ge=-(2**53), le=2**53)
    boxes: list[GivenBox] = Field(max_length=MOST_BOXES)


def read_lines(path: Path, longest: int) -> Iterator[tuple[int, Detections]]:
    """Yield the number of each frame and what was detected in it; empty lines are left out.

    Args:
        path: of the file, UTF-8 with or without a byte order mark.
        longest: line that is read, in bytes.

    Raises:
        FrameError: naming the line or the frame, the value and what is allowed.
    """
    last: int | None = None
    with path.open("rb") as file:
        number = 0
        while line := file.readline(longest + 1):
            if not number:
                line = line.removeprefix(BOM_UTF8)
            number += 1
            where = f"line {number}" + ("" if last is None else f", after frame {last}")
            if len(line) > longest:
                raise FrameError(f"{where}: is longer than {longest} bytes", None)
            line = line.strip()  # the end of it would count as a line more where JSON is cut off
            if not line:
                continue
            try:
                given = GivenFrame.model_validate_json(line)
            except ValidationError as error:
                raise FrameError(f"{where}: {_wrong(line, error)}", None) from error
            last = given.frame
            try:
                found = _detections(given)
            except DataError as error:
                raise FrameError(f"frame {last}: {error}", last) from error
            yield last, found


def _detections(given: GivenFrame) -> Detections:
    boxes_M4 = [[getattr(box, side) for side in BOX] for box in given.boxes]
    # Of files all rows decide whether -1 is a confidence; here the rows to come are not known.
    scores_M = [1.0 if box.conf == UNKNOWN else box.conf for box in given.boxes]
    return Detections(
        np.array(boxes_M4, dtype=np.float64).reshape(-1, 4), np.array(scores_M, dtype=np.float64)
    )


def _wrong(line: bytes, error: ValidationError) -> str:
    """Return which value of a line is wrong, and what is allowed."""
    first = error.errors()[0]
    if not first["loc"]:
        reason = first.get("ctx", {}).get("error", first["msg"])
        reason = str(reason).replace("at line 1 column ", "at character ")
        return (
            f"{_short(line.decode(errors='replace'))}: is no frame in JSON ({reason}), allowed are "
            'Parquet or lines of JSON such as {"frame": 1, "boxes": []}'
        )
    field = ".".join(map(str, first["loc"]))
    match first["type"]:
        case "missing":
            return f"{field}: Field required in {_short(first['input'])}"
        case "extra_forbidden":
            return f"{field}: is no field, allowed are {', '.join(_fields(first['loc']))}"
        case _:
            return f"{field}: {first['msg']}, not {_short(first['input'])}"


def _fields(place: tuple[int | str, ...]) -> list[str]:
    """Return the fields that there are where an unknown one is."""
    return list((GivenFrame if len(place) == 1 else GivenBox).model_fields)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"

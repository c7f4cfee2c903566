"""From the body of a request to frames: pictures, or the boxes that were detected in them."""

import asyncio
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from python_multipart.multipart import parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request

from brainray.datasets.samples import decode_image
from brainray.errors import DataError
from brainray.shapes import Array
from brainray.tracking.frames import Frames, VideoFile, as_rgb
from brainray.tracking.interface import Detections, FrameError
from brainray.tracking.reading import read_sequence

from .bodies import CLOSE
from .limits import TrackLimits
from .lines import read_lines
from .spool import Spool
from .threads import Thread

VIDEO, FRAMES, DETECTIONS = "video", "frames", "detections"
"""The fields of a form: one file, or as many pictures as there are frames, or one file."""
FORM, LINES, PARQUET, BYTES = (
    "multipart/form-data",
    "application/x-ndjson",
    "application/vnd.apache.parquet",
    "application/octet-stream",
)
"""Types of bodies; but for a form, a body is one file of detections."""
CONTAINERS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts", "mpeg", "ogg")
"""FFmpeg's names of containers that hold a video themselves: playlists open other files."""


@dataclass(frozen=True)
class Frame:
    """A frame as the request brought it: its picture, or the boxes in it.

    Attributes:
        number: rising.
        image_HWC: RGB, uint8; None where the boxes are given.
        detections: None where a detector has to find them.
        seconds: when a video shows it.
    """

    number: int
    image_HWC: Array | None = None
    detections: Detections | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Allowed:
    """What a request may bring.

    Attributes:
        pictures: whether there is a detector to look at them.
        boxes: whether they are enough, or pictures are needed, too.
    """

    pictures: bool
    boxes: bool

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields, of which one is given."""
        return (VIDEO, FRAMES) * self.pictures + (DETECTIONS,) * self.boxes

    @property
    def why(self) -> str:
        """Why others are refused."""
        without = "" if self.pictures else "; the endpoint has no detector"
        return without + ("" if self.boxes else "; its tracker needs pictures")


Reading: TypeAlias = Generator[Frame, None, None]
"""Frames that are read while they are asked for."""


async def read_frames(
    request: Request,
    allowed: Allowed,
    stack: AsyncExitStack,
    thread: Thread,
    limits: TrackLimits,
) -> Iterator[Frame]:
    """Read the body of a request into a file and return the frames in it.

    Args:
        request: whose body has not been read.
        allowed: what it may bring.
        stack: closes what the frames need.
        thread: in which the frames are to be read.
        limits: of the body.

    Raises:
        HTTPException: 400, 408, 413, 415 or 422, with what is wrong and what is allowed.
        DataError: a video or Parquet that cannot be read, or detections of no frame.
        FrameError: from the iterator, a frame that cannot be read, or there is none.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    media = kind.decode("latin-1").lower()
    if media not in (FORM, LINES, PARQUET, BYTES):
        raise HTTPException(
            415,
            f"Content-Type {media or 'is missing'!r}: allowed are {FORM}, {LINES}, {PARQUET} and "
            f"{BYTES}",
            CLOSE,
        )
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="brainray-track-")
    stack.push_async_callback(asyncio.to_thread, folder.cleanup)
    spool = Spool(Path(folder.name) / VIDEO, limits.frames)
    stack.push_async_callback(thread.do, spool.close)
    size, seconds = limits.body_bytes, limits.body_seconds
    if media == FORM:
        await spool.take_form(request, options.get(b"boundary", b""), size, seconds)
    else:
        await spool.take_whole(request, DETECTIONS, size, seconds)
    field = _field(spool, allowed)
    frames: Reading
    if field == VIDEO:
        frames = await thread.do(_video, spool, limits)
    elif field == FRAMES:
        frames = _numbered(_Pictures(spool, limits.pixels))
    elif await thread.do(_starts_with, spool, b"PAR1"):
        frames = await thread.do(_parquet, spool, limits)
    elif spool.parts[0].size:
        frames = _detected(read_lines(spool.path, limits.line_bytes))
    else:
        raise _no_frame(DETECTIONS)
    stack.push_async_callback(thread.do, frames.close)
    return _bounded(frames, field, limits.frames)


def _field(spool: Spool, allowed: Allowed) -> str:
    """Return the one field that a body has."""
    names = list(dict.fromkeys(part.name for part in spool.parts))
    wrong = next((name for name in names if name not in allowed.fields), None)
    if wrong is not None or len(names) != 1:
        given = repr(wrong[:40]) if wrong is not None else ", ".join(names) or "there are none"
        fields = " or ".join(allowed.fields)
        raise HTTPException(422, f"fields: {given}: give {fields}{allowed.why}")
    if names[0] != FRAMES and len(spool.parts) > 1:
        raise HTTPException(422, f"field {names[0]!r}: is given {len(spool.parts)} times")
    return names[0]


def _starts_with(spool: Spool, magic: bytes) -> bool:
    with spool.path.open("rb") as file:
        return file.read(len(magic)) == magic


class _Pictures(Frames):
    """The pictures of a form in its order, counted from 1."""

    def __init__(self, spool: Spool, most_pixels: int) -> None:
        self.name, self.count = FRAMES, len(spool.parts)
        self._spool = spool
        self._most_pixels = most_pixels

    def _read(self) -> Iterator[tuple[int, Array]]:
        for number, part in enumerate(self._spool.parts, start=1):
            try:
                yield number, as_rgb(decode_image(self._spool.read(part), self._most_pixels))
            except DataError as error:
                raise self._error(number, str(error)) from error

    def _error(self, number: int, what: str) -> FrameError:
        return FrameError(f"frame {number}: {what}", number)


class _Video(VideoFile):
    """A video in the file of a request, which messages do not name."""

    def _error(self, number: int, what: str) -> FrameError:
        return FrameError(f"frame {number}: {_unnamed(what, self._path)}", number)


def _unnamed(what: str, path: Path) -> str:
    return what.replace(f"{path}: ", "").replace(str(path), VIDEO)


def _video(spool: Spool, limits: TrackLimits) -> Reading:
    try:
        return _numbered(_Video(spool.path, CONTAINERS, limits.pixels))
    except DataError as error:
        raise DataError(f"{VIDEO}: {_unnamed(str(error), spool.path)}") from error


def _numbered(frames: Frames) -> Reading:
    for number, image_HWC in frames:
        yield Frame(number, image_HWC, seconds=getattr(frames, "seconds", None))


def _parquet(spool: Spool, limits: TrackLimits) -> Reading:
    try:
        rows = read_sequence(spool.path, limits.boxes)
    except DataError as error:
        raise DataError(f"{DETECTIONS}: {error}") from error
    if not len(rows):
        raise _no_frame(DETECTIONS)
    return _detected(rows.by_frame())


def _detected(given: Iterable[tuple[int, Detections]]) -> Reading:
    for number, found in given:
        yield Frame(number, detections=found)


def _bounded(frames: Iterator[Frame], field: str, most: int) -> Iterator[Frame]:
    count = 0
    for count, frame in enumerate(frames, start=1):
        if count > most:
            what = f"frame {frame.number}: at most {most} frames are allowed"
            raise FrameError(what, frame.number)
        yield frame
    if not count:  # only reading shows it, of a video or of empty lines
        raise _no_frame(field)


def _no_frame(field: str) -> FrameError:
    return FrameError(f"{field}: has no frame, at least one is needed", None)

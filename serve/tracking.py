"""Frames become lines of tracked boxes, which are sent as they come."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from brainray.errors import BrainrayError
from brainray.tracking.camera import CameraMotion
from brainray.tracking.interface import BOX, Detections, FrameError, Tracker, Tracks

from .bodies import CLOSE
from .detection import Detection, Setup
from .frames import LINES, Frame
from .threads import Thread

_log = logging.getLogger("brainray.serve")

FULL = {"Retry-After": "1", **CLOSE}


async def tracked(
    frames: Iterator[Frame],
    thread: Thread,
    tracker: Tracker,
    camera: CameraMotion | None,
    setup: Setup | None,
    detection: Detection,
    min_score: float | None,
) -> AsyncIterator[bytes]:
    """Yield a line of JSON for each frame; what goes wrong ends them with a line that says so.

    Its ``error`` names the frame that cannot be read or tracked; of what should not be, only that
    it was, for its place is the log.

    Args:
        frames: that come one after the other.
        thread: in which they are read and tracked.
        tracker: a new one.
        camera: sees how it moves, a new one, too; None where that is not needed.
        setup: of the detector; None where boxes are given.
        detection: detects.
        min_score: boxes of lower scores do not count; None leaves none out.
    """
    frame = Frame(0)
    try:
        while (read := await thread.do(next, frames, None)) is not None:
            frame = read
            found = frame.detections
            if frame.image_HWC is not None and setup is not None:
                found = await detection.detect(setup, frame.image_HWC)
            assert found is not None
            if camera is not None:
                found = await thread.do(_with_motion, camera, frame, found)
            if min_score is not None:
                found = found[found.scores_M >= min_score]
            yield await thread.do(_tracked_line, tracker, frame, found)
    except FrameError as error:
        yield _line({"error": str(error), "frame": error.frame})
    except BrainrayError as error:
        where, what = f"frame {frame.number}", str(error)
        yield _line({"error": what if where in what else f"{where}: {what}", "frame": frame.number})
    except Exception:  # the answer has begun: else it would only be cut off
        _log.exception("a stream ended at frame %s", frame.number)
        said = f"frame {frame.number}: an error of the service, which its log has"
        yield _line({"error": said, "frame": frame.number})


class Streams:
    """Counts the streams of a process.

    Args:
        most: that there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0

    def begin(self, stack: AsyncExitStack) -> None:
        """Count one more until the stack is closed.

        Raises:
            HTTPException: 429, there are as many as there may be.
        """
        if self._open == self._most:
            raise HTTPException(
                429, f"{self._most} streams are being tracked, which is the most", FULL
            )
        self._open += 1
        stack.callback(self._end)

    def _end(self) -> None:
        self._open -= 1


class Lines(StreamingResponse):
    """Sends lines as they come, and lets go of what they need however it ends.

    Args:
        lines: to send.
        stack: is closed at the end.
        send_seconds: that the client may take to receive a line.
    """

    def __init__(
        self, lines: AsyncIterator[bytes], stack: AsyncExitStack, send_seconds: float
    ) -> None:
        super().__init__(lines, media_type=LINES, headers={"Cache-Control": "no-store"})
        self._stack = stack
        self._send_seconds = send_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""

        async def within(message: Message) -> None:
            async with asyncio.timeout(self._send_seconds):
                await send(message)

        try:
            await super().__call__(scope, receive, within)
        finally:
            await asyncio.shield(self._stack.aclose())


def _with_motion(camera: CameraMotion, frame: Frame, found: Detections) -> Detections:
    assert frame.image_HWC is not None
    return replace(found, motion=camera.update(frame.image_HWC, found.boxes_M4))


def _tracked_line(tracker: Tracker, frame: Frame, found: Detections) -> bytes:
    tracks = tracker.update(frame.number, found)
    size = {}
    if frame.image_HWC is not None:
        size = {"width": frame.image_HWC.shape[1], "height": frame.image_HWC.shape[0]}
    seconds = {} if frame.seconds is None else {"seconds": round(frame.seconds, 4)}
    return _line({"frame": frame.number, **seconds, **size, "boxes": _boxes(tracks)})


def _boxes(tracks: Tracks) -> list[dict[str, Any]]:
    """Return boxes as JSON values, pixels to a hundredth."""
    return [
        {"id": identity, **dict(zip(BOX, box, strict=True)), "conf": conf}
        for identity, box, conf in zip(
            tracks.ids_N.tolist(),
            tracks.boxes_N4.round(2).tolist(),
            tracks.scores_N.round(4).tolist(),
            strict=True,
        )
    ]


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode() + b"\n"

"""A real video whose camera is shaken: who keeps the identities that the steady one has."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from reporting import goal
from tracking_video import FRAMES, RECORDED, SEQUENCE, SURE, VIDEO, Measured, there

from brainray.seeding import numpy_generator
from brainray.shapes import Array
from brainray.tracking.camera import CameraMotion, with_motion
from brainray.tracking.frames import VideoFile
from brainray.tracking.interface import make_tracker
from brainray.tracking.reading import read_boxes
from brainray.tracking.rows import Rows, track
from brainray.tracking.scores import Scores, score

MARGIN, WINDOW = 64, (448, 640)
"""Of 576 x 768 pixels a window is seen, which lies so far from the edges and moves within them."""
SHAKE, EVERY = 12.0, 8
"""Standard deviation of a hand that shakes, in pixels; frames from one jerk to the next."""
CAMERAS: tuple[Literal[True, False, "pictures"], ...] = (False, True, "pictures")


def compare_cameras(folder: Path | None, quick: bool) -> Measured:
    """Return idf1 with each way to know the camera, against the tracks of the steady video.

    The video has no ground truth as a file: what counts as true are the tracks of the same boxes,
    unshaken, by the same tracker without a camera step.
    """
    if folder is None or not there(folder) or find_spec("cv2") is None:
        if not quick:
            raise SystemExit("bench_tracking: the video, av or cv2 is missing: brainray[vision]")
        return [], []
    last = 60 if quick else FRAMES
    boxes = read_boxes(folder / RECORDED)[SEQUENCE]
    boxes = boxes[(boxes.scores_N > SURE) & (boxes.frames_N <= last)]
    truth = track(make_tracker("two_stage", {"camera": False}), boxes)
    rows, scores = [], {}
    for name, way_F2 in ways(last).items():
        seen = Shaken(folder / VIDEO, way_F2)
        moving = with_motion(seen.cut(boxes), seen)
        spent = milliseconds(moving, seen)
        for camera in CAMERAS:
            tracks = track(make_tracker("two_stage", {"camera": camera}), moving)
            found = scores[name, camera] = score(seen.cut(truth), tracks)
            rows.append(row(name, camera, found, spent))
    if quick:
        return rows, []
    gains = {name: scores[name, "pictures"].idf1 - scores[name, True].idf1 for name in ways(1)}
    return rows, [
        goal("camera: idf1 that pictures add where it jerks", gains["jerks"], 0.0),
        goal("camera: idf1 that pictures add where it shakes", gains["shakes"], 0.0),
        goal("camera: idf1 that pictures add where it is steady", gains["steady"], -0.01),
    ]


def ways(last: int) -> dict[str, Array]:
    """Return how far the window lies from the middle in each frame: right and down, in pixels."""
    generator = numpy_generator(0, "bench_camera")
    shake_F2 = generator.normal(0, SHAKE, (last, 2))
    jerk_F2 = generator.uniform(-MARGIN, MARGIN, (last // EVERY + 1, 2)).repeat(EVERY, axis=0)
    return {
        name: way_F2.round().clip(-MARGIN, MARGIN).astype(int)
        for name, way_F2 in {
            "steady": np.zeros((last, 2)),
            "shakes": shake_F2,
            "jerks": jerk_F2[:last],
        }.items()
    }


@dataclass(frozen=True)
class Shaken:
    """A window of a video that moves.

    Attributes:
        path: of the video.
        way_F2: as of `ways`, for its first frames.
    """

    path: Path
    way_F2: Array

    def __iter__(self) -> Iterator[tuple[int, Array]]:
        """Yield what is seen."""
        height, width = WINDOW
        for number, image_HWC in self._frames():
            if number > len(self.way_F2):
                return
            left, top = (self.way_F2[number - 1] + MARGIN).tolist()
            yield number, np.ascontiguousarray(image_HWC[top : top + height, left : left + width])

    def _frames(self) -> Iterable[tuple[int, Array]]:
        return VideoFile(self.path)

    def cut(self, rows: Rows) -> Rows:
        """Return boxes in pixels of the window, those whose middles lie in it."""
        boxes_N4 = rows.boxes_N4.copy()
        boxes_N4[:, :2] -= self.way_F2[rows.frames_N - 1] + MARGIN
        middle_N2 = boxes_N4[:, :2] + boxes_N4[:, 2:] / 2
        seen_N: Array = np.asarray(((middle_N2 >= 0) & (middle_N2 < WINDOW[::-1])).all(axis=1))
        return replace(rows, boxes_N4=boxes_N4)[seen_N]


def milliseconds(boxes: Rows, frames: Iterable[tuple[int, Array]]) -> float:
    """Return the CPU time that the camera's motion takes a frame, reading it not included."""
    camera, spent, count = CameraMotion(), 0.0, 0
    detected = dict(boxes.by_frame())
    for number, image_HWC in frames:
        boxes_M4 = detected[number].boxes_M4 if number in detected else np.empty((0, 4))
        start = time.process_time()
        camera.update(image_HWC, boxes_M4)
        spent += time.process_time() - start
        count += 1
    return 1000 * spent / max(1, count)


def row(video: str, camera: bool | str, found: Scores, spent: float) -> dict[str, Any]:
    """Return a row of the report."""
    return {
        "work": "camera",
        "video": video,
        "camera": camera,
        "idf1": round(found.idf1, 4),
        "switches": found.switches,
        "cpu_milliseconds_a_frame": round(spent, 2) if camera == "pictures" else 0.0,
    }

"""A real video from the file to the tracks, and which detector suits it."""

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from reporting import goal

from brainray.networks.appearance import Appearance
from brainray.networks.detectors.interface import make_detector
from brainray.shapes import Array
from brainray.tracking.association import assign, overlaps
from brainray.tracking.detecting import detections_in
from brainray.tracking.frames import VideoFile
from brainray.tracking.interface import make_tracker
from brainray.tracking.reading import read_boxes
from brainray.tracking.rows import Rows

LOOKS = Path("models", "appearance_mobilenetv2_224.onnx")
VIDEO, FRAMES = Path("pets09_s2l1_video", "vtest.avi"), 795
RECORDED = Path("mot15", "detections_frcnn_sort.parquet")
SEQUENCE, SURE = "PETS09-S2L1", 0.5
"""Recorded boxes of Faster R-CNN that count, for there is no ground truth."""
SAME = 0.5
LOOPS, EVERY = 10, 20
DETECTORS: dict[str, dict[str, Any]] = {
    "nanodet": {"weights": "nanodet_416.onnx", "min_score": 0.2},
    "centernet": {"weights": "centernet_512.onnx", "min_score": 0.2},
    "hog": {"min_score": 0.0},
}
THRESHOLDS = np.arange(0.2, 1.5, 0.05)
CONFIDENCES = {"high_score": 0.5, "birth_score": 0.5}
"""Of the tracker: NanoDet's threshold, as the first half chooses it, makes a box sure."""

Measured = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def there(folder: Path) -> bool:
    """Return whether the video is, and what reads it."""
    return (folder / VIDEO).is_file() and find_spec("av") is not None


def follow_video(folder: Path | None, quick: bool) -> Measured:
    """Return frames a second and the memory of loop after loop, in a process of its own.

    Boxes are found by NanoDet and seen by MobileNetV2, and followed with their looks.
    """
    if folder is None or not there(folder):
        if not quick:
            raise SystemExit(f"bench_tracking: {VIDEO} in BRAINRAY_DATA, or av, is missing")
        return [], []
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        loops = pool.submit(_loops, folder, 1 if quick else LOOPS, 40 if quick else None).result()
    rows = [{"work": "video", "loop": number} | one for number, one in enumerate(loops, start=1)]
    if quick:
        return rows, []
    # The first loop fills caches.
    mebibytes = [one["resident_mib"] for one in loops[1:]]
    slope = float(np.polyfit(np.arange(len(mebibytes)), mebibytes, 1)[0])
    slowest = min(one["frames_a_second"] for one in loops)
    lost = max(abs(FRAMES - one["frames"]) for one in loops)
    return rows, [
        goal("video: frames a second, with looks, the slowest loop", slowest, 10.0),
        goal("video: MiB more a loop of 795 frames", slope, 1.0, "lower"),
        goal("video: frames lost in a loop", lost, 0, "lower"),
    ]


def _loops(folder: Path, loops: int, most: int | None) -> list[dict[str, Any]]:
    detector = make_detector("nanodet", _options(folder, "nanodet"))
    appearance = Appearance.of_file(folder / LOOKS)
    found = []
    for _ in range(loops):
        tracker, frames, boxes = make_tracker("two_stage", CONFIDENCES), 0, 0
        start = time.perf_counter()
        for number, seen in detections_in(
            detector, _frames(folder, 1, most), appearance, tracker.looks_from
        ):
            boxes += len(tracker.update(number, seen).ids_N)
            frames += 1
        seconds = time.perf_counter() - start
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        found.append(
            {
                "frames": frames,
                "boxes": boxes,
                "frames_a_second": round(frames / seconds, 2),
                "resident_mib": round(pages * 4096 / 2**20, 2),
            }
        )
    return found


def _frames(folder: Path, every: int, most: int | None = None) -> Iterator[tuple[int, Array]]:
    for number, image_HWC in VideoFile(folder / VIDEO):
        if most is not None and number > most:
            return
        if number % every == 0:
            yield number, image_HWC


def _options(folder: Path, name: str) -> dict[str, Any]:
    options = {"classes": ["person"]} | DETECTORS[name]
    if "weights" in options:
        options["weights"] = folder / "models" / options["weights"]
    return options


@dataclass(frozen=True)
class Found:
    """What a detector finds in some frames, and what is recorded there."""

    frames: list[tuple[Array, Array, Array]]

    def f1(self, threshold: float) -> float:
        """Return F1 of the boxes from a score on, an IoU of `SAME` making two the same."""
        matched = boxes = 0
        for boxes_M4, scores_M, truth_N4 in self.frames:
            sure_K4 = boxes_M4[scores_M >= threshold]
            matched += len(assign(overlaps(sure_K4, truth_N4), SAME)[0])
            boxes += len(sure_K4) + len(truth_N4)
        return 2 * matched / max(1, boxes)


def compare_detectors(folder: Path | None, quick: bool) -> Measured:
    """Return F1 of each detector on both halves, its threshold being the first half's best."""
    names = [name for name in DETECTORS if name != "hog" or find_spec("cv2") is not None]
    if folder is None or not there(folder) or len(names) < len(DETECTORS):
        if not quick:
            raise SystemExit("bench_tracking: the video, av or cv2 is missing: brainray[vision]")
        return [], []
    recorded = read_boxes(folder / RECORDED)[SEQUENCE]
    recorded = recorded[recorded.scores_N > SURE]
    every = 10 * EVERY if quick else EVERY
    rows: list[dict[str, Any]] = []
    for name in names:
        start = time.process_time()
        first, second = _looked(folder, name, every, recorded)
        spent = 1000 * (time.process_time() - start) / (len(first.frames) + len(second.frames))
        best = max(THRESHOLDS, key=first.f1)
        rows.append(
            {
                "work": "detectors",
                "detector": name,
                "threshold": round(float(best), 2),
                "first_half_f1": round(first.f1(best), 4),
                "second_half_f1": round(second.f1(best), 4),
                "cpu_milliseconds_a_frame": round(spent, 1),
            }
        )
    if quick:
        return rows, []
    chosen = max(rows, key=lambda row: row["first_half_f1"])
    regret = max(row["second_half_f1"] for row in rows) - chosen["second_half_f1"]
    what = f"detectors: F1 that the best one has more than {chosen['detector']}, chosen before"
    return rows, [goal(what, regret, 0.0, "lower")]


def _looked(folder: Path, name: str, every: int, recorded: Rows) -> tuple[Found, Found]:
    detector = make_detector(name, _options(folder, name))
    halves: tuple[list[Any], list[Any]] = ([], [])
    for number, seen in detections_in(detector, _frames(folder, every)):
        truth_N4 = recorded.boxes_N4[recorded.frames_N == number]
        halves[number > FRAMES // 2].append((seen.boxes_M4, seen.scores_M, truth_N4))
    return Found(halves[0]), Found(halves[1])

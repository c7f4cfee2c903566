"""Trackers and scores against the package trackers, in one run on the same detections.

- trackers: MOT17's five sequences of $BRAINRAY_DATA/mot17, frames after the middle, YOLOX-x boxes,
  no pictures, defaults; the same with an option chosen on four sequences and judged on the fifth,
  in turn; TUD-Campus and TUD-Stadtmitte with Faster R-CNN boxes;
- peer: the peer's trackers, also with the score filter that suits them best; CPU time of
  association on sequence 4, of both in turn, and of scoring;
- search: the scenario multi_object_tracking, chosen on the first halves, judged on the second,
  against the paper's Tables 3 and 4 and the best detector after the fact, with the objectives idf1
  and mota, also without YOLOX-x;
- detectors: which of NanoDet, CenterNet and HOG is the best one of the first half of a real video,
  and whether it is on the second;
- camera: that video with a camera that shakes or jerks, followed without a camera step, by what
  boxes tell and by what pictures tell of it, and what that costs;
- video: that video ten times from the file to the tracks, frames a second and memory.

The peer is ``pip install trackers==2.6.1``; without it the full form fails. ``--quick`` follows
made-up people where data are missing, and leaves out what is not there. Called again with the same
``--json`` it goes on where it stopped; ``--only video`` measures a part.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from reporting import document, goal
from tracking_camera import compare_cameras
from tracking_peer import CLASSES, PEER, Peer
from tracking_search import OBJECTIVES, search
from tracking_video import compare_detectors, follow_video

from brainray.files import write_atomically
from brainray.seeding import numpy_generator
from brainray.tracking.interface import make_tracker
from brainray.tracking.reading import read_boxes
from brainray.tracking.rows import Rows, track
from brainray.tracking.scores import Scores, overall, score

Set = Mapping[str, tuple[Rows, Rows]]
"""Detections and truth of each sequence."""

LENGTHS = {"2": 600, "4": 1050, "5": 837, "9": 525, "10": 654}
TIMED = "4"
OURS: dict[str, tuple[str, dict[str, Any]]] = {
    "sort": ("sort", {}),
    "sort, scores from .6": ("sort", {"min_score": 0.6}),
    "deep_sort": ("deep_sort", {}),
    "deep_sort, scores from .6": ("deep_sort", {"min_score": 0.6}),
    "two_stage": ("two_stage", {}),
}
BEST = "two_stage"
CHOICES: list[dict[str, Any]] = [
    {},
    *({"max_age": value} for value in (30, 60)),
    *({"high_score": value} for value in (0.6, 0.7)),
    *({"birth_score": value} for value in (0.65, 0.75)),
    *({"first_match": value} for value in (0.15, 0.25)),
    *({"enlarge": value} for value in (0.15, 0.2)),
]
TUD_CHOICES = {"sort, max_age 30": ("sort", {"max_age": 30, "min_hits": 1})}


def halves(folder: Path) -> Set:
    """Return the second half of each MOT17 sequence."""
    boxes = read_boxes(folder / "mot17" / "detections.parquet", "YOLOX-x")
    truths = read_boxes(folder / "mot17" / "gt.parquet")

    def second(rows: Rows, length: int) -> Rows:
        return rows[rows.frames_N > length // 2]

    return {
        name: (second(boxes[name], length), second(truths[name], length))
        for name, length in LENGTHS.items()
    }


def tud(folder: Path) -> Set:
    """Return the two TUD sequences."""
    boxes = read_boxes(folder / "mot15" / "detections_frcnn_sort.parquet")
    truths = read_boxes(folder / "mot15" / "gt.parquet")
    return {name: (boxes[name], truth) for name, truth in truths.items()}


def made_up() -> Set:
    """Return people who walk on lines, some of them not detected."""
    generator = numpy_generator(0, "bench_tracking")
    frame, person = np.meshgrid(np.arange(1, 61), np.arange(12), indexing="ij")
    left = generator.uniform(0, 900, 12)[person] + generator.uniform(-4, 4, 12)[person] * frame
    boxes = np.stack([left, 60.0 * person, left * 0 + 40, left * 0 + 100], -1).reshape(-1, 4)
    scores = generator.uniform(0.2, 1, len(boxes))
    truth = Rows.of(frame.ravel(), boxes, ids_N=person.ravel() + 1)
    found = Rows.of(frame.ravel(), boxes + generator.normal(0, 1, boxes.shape), scores)
    return {TIMED: (found, truth)}


def judged(data: Set, follow: Callable[[Rows], Rows]) -> tuple[dict[str, Scores], dict[str, Rows]]:
    """Return scores and tracks of each sequence."""
    tracks = {name: follow(boxes) for name, (boxes, _) in data.items()}
    return {name: score(data[name][1], found) for name, found in tracks.items()}, tracks


def ours(name: str, options: Mapping[str, Any]) -> Callable[[Rows], Rows]:
    return lambda boxes: track(make_tracker(name, options), boxes)


def row(work: str, tracker: str, scores: Mapping[str, Scores]) -> dict[str, Any]:
    together = overall(list(scores.values())).figures()
    return {"work": work, "tracker": tracker} | {
        name: round(value, 4) for name, value in together.items()
    }


def left_out(data: Set) -> dict[str, Any]:
    """Choose an option on all sequences but one, and judge it on that one, in turn."""
    tried = [judged(data, ours(BEST, options))[0] for options in CHOICES]
    chosen = {}
    for name in data:
        others = [
            overall([found for other, found in scores.items() if other != name]).idf1
            for scores in tried
        ]
        chosen[name] = tried[int(np.argmax(others))][name]
    return row("MOT17, sequence left out", BEST, chosen)


def milliseconds(follow: Callable[[], Any], frames: int) -> float:
    """Return the CPU time a frame."""
    start = time.process_time()
    follow()
    return 1000 * (time.process_time() - start) / frames


Measured = tuple[list[dict[str, Any]], list[dict[str, Any]]]
"""Rows and goals of a part."""


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        folder: of the ready data sets, None where there are none.
        quick: whether it is only to run.
        peer: whether the peer is there.
    """

    folder: Path | None
    quick: bool
    peer: bool

    @property
    def data(self) -> Set:
        """The sequences that are tracked."""
        if self.folder is None:
            return made_up()
        data = halves(self.folder)
        if not self.quick:
            return data
        boxes, truth = data[TIMED]
        return {TIMED: (boxes[boxes.frames_N < 600], truth[truth.frames_N < 600])}


def trackers(plan: Plan) -> Measured:
    """Return the scores of our trackers."""
    data = plan.data
    found = {label: judged(data, ours(*how))[0] for label, how in OURS.items()}
    rows = [row("MOT17", label, scores) for label, scores in found.items()]
    if plan.quick or plan.folder is None:
        return rows, []
    best = overall(list(found[BEST].values()))
    held = left_out(data)
    rows.append(held)
    goals = [
        goal("idf1", 100 * best.idf1, 81.5),
        goal("mota", 100 * best.mota, 78.9),
        goal("switches", best.switches, 125, "lower"),
        goal("HOTA", 100 * best.hota.value, 69.0),
        goal("idf1, option chosen on other sequences", 100 * held["idf1"], 81.5),
    ]
    small = tud(plan.folder)
    for label, (name, options) in (OURS | TUD_CHOICES).items():
        scores, _ = judged(small, ours(name, options))
        rows.append(row("TUD", label, scores))
        both = overall(list(scores.values()))
        if label == "sort":
            wanted = (0.705, 0.696, 16)
            same = (round(both.idf1, 3), round(both.mota, 3), both.switches) == wanted
            goals.append(goal("SORT on TUD is .705/.696/16", float(same), 1.0))
        if label == BEST:
            goals.append(goal("TUD idf1", both.idf1, 0.79))
            goals.append(goal("TUD mota", both.mota, 0.70))
    return rows, goals


def peers(plan: Plan) -> Measured:
    """Return the scores of the peer's trackers, and both sides' CPU times."""
    if not plan.peer:
        return [], []
    data, repeats, peer = plan.data, 1 if plan.quick else 3, Peer()
    rows = []
    for name in CLASSES:
        for least in (0.01,) if plan.quick else (0.01, 0.3, 0.6):
            scores, _ = judged(data, partial(peer.follow, name, least=least))
            rows.append(row("MOT17", f"{PEER} {name}, scores from {least:g}", scores))
    boxes = data[TIMED][0]
    frames = len(np.unique(boxes.frames_N))
    spent: dict[str, list[float]] = {}
    for _ in range(repeats):  # in turn, as the machine is not always as fast
        spent.setdefault(BEST, []).append(milliseconds(lambda: ours(BEST, {})(boxes), frames))
        for name in CLASSES:
            spent.setdefault(f"{PEER} {name}", []).append(peer.milliseconds(name, boxes))
    rows += [
        {"work": "CPU ms a frame", "tracker": name, "value": round(min(times), 3)}
        for name, times in spent.items()
    ]
    fastest = min(min(times) for name, times in spent.items() if name != BEST)
    truths = {name: truth for name, (_, truth) in data.items()}
    scoring = peer.compare_scoring(truths, judged(data, ours(BEST, {}))[1], repeats)
    rows.append({"work": "scoring"} | scoring)
    return rows, [
        goal(
            "CPU time of association to the fastest peer's",
            min(spent[BEST]) / fastest,
            0.5,
            "lower",
        ),
        goal("CPU time of scoring to the peer's", scoring["ratio"], 0.5, "lower"),
        goal("largest difference of a score", scoring["difference"], 1e-9, "lower"),
    ]


def searched(plan: Plan, objective: str, without: bool) -> Measured:
    """Return what the scenario chooses, and how that does on the second halves."""
    return search(plan.folder, 0, plan.quick, objective, without)


PARTS: dict[str, Callable[[Plan], Measured]] = {
    "trackers": trackers,
    "peer": peers,
    **{
        f"search_{objective}{'_without' * without}": partial(
            searched, objective=objective, without=without
        )
        for objective in OBJECTIVES
        for without in (False, True)
    },
    "detectors": lambda plan: compare_detectors(plan.folder, plan.quick),
    "camera": lambda plan: compare_cameras(plan.folder, plan.quick),
    "video": lambda plan: follow_video(plan.folder, plan.quick),
}


def before(path: Path, quick: bool) -> dict[str, Any]:
    """Return the report that is there of an earlier call."""
    if path.exists():
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if report["quick"] == quick:
            return report
    return {"rows": [], "goals": [], "setting": {"load": {}}}


def main() -> None:
    """Measure, print, and write the JSON after each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", required=True, type=Path)
    parser.add_argument("--quick", action="store_true", help="only prove that it runs")
    parser.add_argument("--only", action="append", choices=PARTS, help="a part; may be repeated")
    arguments = parser.parse_args()
    quick = arguments.quick
    folder = Path(os.environ.get("BRAINRAY_DATA", ""), "mot17").parent
    there = (folder / "mot17" / "detections.parquet").is_file()
    if not there and not quick:
        raise SystemExit(f"bench_tracking: {folder / 'mot17'}: is missing; set BRAINRAY_DATA")
    with_peer = find_spec("trackers") is not None
    if not with_peer and not quick:
        raise SystemExit(f"bench_tracking: {PEER} is missing: pip install {PEER}")
    plan = Plan(folder if there else None, quick, with_peer)
    known = before(arguments.json, quick)
    rows, goals, load = known["rows"], known["goals"], known["setting"]["load"]
    for part in arguments.only or PARTS:
        if part in load:
            continue  # measured before
        print(f"{part} ...", file=sys.stderr)
        new_rows, new_goals = PARTS[part](plan)
        rows, goals = rows + new_rows, goals + new_goals
        load[part] = round(os.getloadavg()[0], 1)
        peer = PEER if with_peer else None
        setting = {"sequences": list(LENGTHS), "data": there, "peer": peer, "load": load}
        report = document(quick, setting, rows, goals)
        write_atomically(arguments.json, (json.dumps(report, indent=2) + "\n").encode())
    for one in goals:
        print("met    " if one["met"] else "NOT MET", one["name"], one["value"], one["goal"])


if __name__ == "__main__":
    main()

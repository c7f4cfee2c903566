"""Trackers and scores against the package trackers, in one run on the same detections.

- MOT17's five sequences of $BRAINRAY_DATA/mot17, frames after the middle, YOLOX-x boxes, no
  pictures, defaults of both sides; peers also with the score filter that suits them best;
- the same with an option chosen on four sequences and judged on the fifth, in turn;
- TUD-Campus and TUD-Stadtmitte with Faster R-CNN boxes;
- CPU time of association on sequence 4, and of scoring;
- the scenario multi_object_tracking: chosen on the first halves, judged on the second, against the
  paper's Tables 3 and 4 and the best detector after the fact, also without YOLOX-x.

The peer is ``pip install trackers==2.6.1``; without it the full form fails. ``--quick`` follows
made-up people where data are missing, and leaves the peer out where it is.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from reporting import document, goal
from tracking_peer import CLASSES, PEER, Peer
from tracking_search import search

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
    return {
        name: tuple(rows[rows.frames_N > length // 2] for rows in (boxes[name], truths[name]))
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


def milliseconds(follow: Callable[[Rows], Rows], boxes: Rows, repeats: int) -> float:
    """Return the CPU time a frame, the least of some repeats."""
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        follow(boxes)
        spent.append(time.process_time() - start)
    return 1000 * min(spent) / len(np.unique(boxes.frames_N))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", required=True, type=Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    quick = arguments.quick
    folder = Path(os.environ.get("BRAINRAY_DATA", ""), "mot17").parent
    there = (folder / "mot17" / "detections.parquet").is_file()
    if not there and not quick:
        raise SystemExit(f"bench_tracking: {folder / 'mot17'}: is missing; set BRAINRAY_DATA")
    with_peer = find_spec("trackers") is not None
    if not with_peer and not quick:
        raise SystemExit(f"bench_tracking: {PEER} is missing: pip install {PEER}")
    data = halves(folder) if there else made_up()
    if quick and there:
        data = {TIMED: tuple(rows[rows.frames_N < 600] for rows in data[TIMED])}
    rows, goals, repeats = [], [], 1 if quick else 3
    found = {}
    for label, (name, options) in OURS.items():
        found[label], tracks = judged(data, ours(name, options))
        rows.append(row("MOT17", label, found[label]))
    best = overall(list(found[BEST].values()))
    speed = milliseconds(ours(BEST, {}), data[TIMED][0], repeats)
    rows.append({"work": "CPU ms a frame", "tracker": BEST, "value": round(speed, 3)})
    if not quick:
        held = left_out(data)
        rows.append(held)
        goals += [
            goal("idf1", 100 * best.idf1, 81.5),
            goal("mota", 100 * best.mota, 78.9),
            goal("switches", best.switches, 125, "lower"),
            goal("HOTA", 100 * best.hota.value, 69.0),
            goal("idf1, option chosen on other sequences", 100 * held["idf1"], 81.5),
        ]
        small = tud(folder)
        for label, (name, options) in (OURS | TUD_CHOICES).items():
            scores, _ = judged(small, ours(name, options))
            rows.append(row("TUD", label, scores))
            if label == "sort":
                both = overall(list(scores.values()))
                wanted = (0.705, 0.696, 16)
                same = (round(both.idf1, 3), round(both.mota, 3), both.switches) == wanted
                goals.append(goal("SORT on TUD is .705/.696/16", float(same), 1.0))
            if label == BEST:
                both = overall(list(scores.values()))
                goals.append(goal("TUD idf1", both.idf1, 0.79))
                goals.append(goal("TUD mota", both.mota, 0.70))
    if with_peer:
        peer = Peer()
        fastest = np.inf
        for name in CLASSES:
            for least in (0.01,) if quick else (0.01, 0.3, 0.6):
                scores, _ = judged(data, lambda b, n=name, s=least: peer.follow(n, b, s))
                rows.append(row("MOT17", f"{PEER} {name}, scores from {least:g}", scores))
            theirs = peer.milliseconds(name, data[TIMED][0], repeats)
            rows.append(
                {"work": "CPU ms a frame", "tracker": f"{PEER} {name}", "value": round(theirs, 3)}
            )
            fastest = min(fastest, theirs)
        truths = {name: truth for name, (_, truth) in data.items()}
        scoring = peer.compare_scoring(truths, tracks, repeats)
        rows.append({"work": "scoring"} | scoring)
        goals += [
            goal("CPU time of association to the fastest peer's", speed / fastest, 0.5, "lower"),
            goal("CPU time of scoring to the peer's", scoring["ratio"], 0.5, "lower"),
            goal("largest difference of a score", scoring["difference"], 1e-9, "lower"),
        ]
    chosen, of_search = search(folder if there else None, 0, quick)
    rows += chosen
    goals += of_search
    setting = {"sequences": list(data), "data": there, "peer": PEER if with_peer else None}
    report = document(quick, setting, rows, goals)
    write_atomically(arguments.json, (json.dumps(report, indent=2) + "\n").encode())
    for one in goals:
        print("met    " if one["met"] else "NOT MET", one["name"], one["value"], one["goal"])


if __name__ == "__main__":
    main()

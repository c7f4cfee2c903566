"""The package trackers, which `bench_tracking.py` compares with."""

import time
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from brainray.tracking.rows import Rows
from brainray.tracking.scores import score

PEER = "trackers==2.6.1"
CLASSES = ("SORTTracker", "ByteTrackTracker", "OCSORTTracker", "CBIoUTracker", "BoTSORTTracker")


class Peer:
    """Its trackers with their defaults, and its scores."""

    def __init__(self) -> None:
        import supervision
        import trackers
        import trackers.eval
        from trackers.io import mot

        self._boxes, self._package, self._mot = supervision.Detections, trackers, mot

    def follow(self, name: str, rows: Rows, least: float) -> Rows:
        """Return the tracks that it finds in boxes of at least this score."""
        frames = self._frames(rows, least)
        found = self._run(name, frames)
        kept = [
            (frame, box, identity)
            for (frame, _), tracked in zip(frames, found, strict=True)
            for box, identity in zip(tracked.xyxy, tracked.tracker_id, strict=True)
            if identity >= 0
        ]
        corners_N4 = np.array([box for _, box, _ in kept], dtype=float).reshape(-1, 4)
        boxes_N4 = np.hstack([corners_N4[:, :2], corners_N4[:, 2:] - corners_N4[:, :2]])
        return Rows.of(
            np.array([frame for frame, _, _ in kept], dtype=np.int64),
            boxes_N4,
            ids_N=np.array([identity for _, _, identity in kept], dtype=np.int64),
        )

    def milliseconds(self, name: str, rows: Rows) -> float:
        """Return the CPU time a frame; its boxes are made before."""
        frames = self._frames(rows, 0.01)
        start = time.process_time()
        self._run(name, frames)
        return 1000 * (time.process_time() - start) / len(frames)

    def _frames(self, rows: Rows, least: float) -> list[tuple[int, Any]]:
        corners_N4 = rows.boxes_N4.copy()
        corners_N4[:, 2:] += corners_N4[:, :2]
        frames = []
        for frame in range(int(rows.frames_N.min()), int(rows.frames_N.max()) + 1):
            here = (rows.frames_N == frame) & (rows.scores_N >= least)
            boxes = self._boxes(xyxy=corners_N4[here], confidence=rows.scores_N[here])
            frames.append((frame, boxes))
        return frames

    def _run(self, name: str, frames: list[tuple[int, Any]]) -> list[Any]:
        tracker = getattr(self._package, name)()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a camera step has no picture
            return [tracker.update(boxes) for _, boxes in frames]

    def compare_scoring(
        self, truths: Mapping[str, Rows], tracks: Mapping[str, Rows], repeats: int
    ) -> dict[str, float]:
        """Return the seconds of both sides for the same tracks, and how far scores differ."""
        evaluate, difference = self._package.eval, 0.0
        seconds, theirs = 0.0, 0.0
        for name, truth in truths.items():
            inputs = self._columns(truth), self._columns(tracks[name])
            spent: dict[str, list[float]] = {"ours": [], "theirs": []}
            for _ in range(repeats):
                start = time.process_time()
                found = score(truth, tracks[name])
                middle = time.process_time()
                parts = self._mot._prepare_mot_sequence(*inputs)
                arrays = parts.gt_ids, parts.tracker_ids, parts.similarity_scores
                clear = evaluate.compute_clear_metrics(*arrays)
                identity = evaluate.compute_identity_metrics(*arrays)
                hota = evaluate.compute_hota_metrics(*arrays)
                spent["ours"].append(middle - start)
                spent["theirs"].append(time.process_time() - middle)
            seconds += min(spent["ours"])
            theirs += min(spent["theirs"])
            pairs = (
                (found.idf1, identity["IDF1"]),
                (found.switches, clear["IDSW"]),
                (found.mota, clear["MOTA"]),
                (found.motp_overlap, clear["MOTP"]),
                (found.hota.value, hota["HOTA"]),
            )
            difference = max(difference, *(abs(one - other) for one, other in pairs))
        return {
            "seconds": round(seconds, 3),
            "peer_seconds": round(theirs, 3),
            "ratio": seconds / theirs,
            "difference": difference,
        }

    def _columns(self, rows: Rows) -> dict[int, Any]:
        found = {}
        for frame in np.unique(rows.frames_N):
            here = rows[rows.frames_N == frame]
            found[int(frame)] = self._mot._MOTFrameData(
                here.ids_N, here.boxes_N4, here.scores_N, here.classes_N
            )
        return found

"""Detectors on a real video, against the recorded boxes of Faster R-CNN.

Needs `$BRAINRAY_DATA` and `brainray[vision]`::

    python benchmarks/bench_detectors.py --every 8

The F1 of a score threshold is of boxes paired one to one at an IoU of .5. Each detector's best
threshold is chosen on the first half of the video and judged on the second.
"""

import argparse
import os
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from brainray.networks.detectors.interface import make_detector
from brainray.tracking.association import assign, overlaps
from brainray.tracking.detecting import detections_in
from brainray.tracking.frames import VideoFile

SEQUENCE = "PETS09-S2L1"
SURE = 0.5
"""Recorded boxes of lower scores do not count."""
THRESHOLDS = np.arange(0.1, 0.8, 0.05)


def recorded(path):
    table = pq.read_table(path).filter(pc.field("seq") == SEQUENCE)
    conf = table["conf"].to_numpy()
    boxes = np.column_stack([table[name].to_numpy() for name in ("left", "top", "width", "height")])
    frames = table["frame"].to_numpy()
    return lambda frame: boxes[(frames == frame) & (conf > SURE)]


def f1(found, truth_of, threshold):
    """Return F1, recall and precision of what is found in some frames."""
    right = detected = true = 0
    for frame, detections in found:
        boxes = detections.boxes_M4[detections.scores_M >= threshold]
        truth = truth_of(frame)
        right += len(assign(overlaps(truth, boxes), 0.5)[0])
        detected += len(boxes)
        true += len(truth)
    recall, precision = right / max(1, true), right / max(1, detected)
    return 2 * right / max(1, detected + true), recall, precision


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--every", type=int, default=8, help="take every so manieth frame")
    parser.add_argument("detectors", nargs="*", default=["nanodet", "centernet", "hog"])
    arguments = parser.parse_args()
    data = Path(os.environ["BRAINRAY_DATA"])
    truth_of = recorded(data / "mot15" / "detections_frcnn_sort.parquet")
    frames = list(
        islice(VideoFile(data / "pets09_s2l1_video" / "vtest.avi"), 0, None, arguments.every)
    )
    files = {"nanodet": "nanodet_416.onnx", "centernet": "centernet_512.onnx"}
    print(f"{len(frames)} frames; one thread")
    for name in arguments.detectors:
        options = {"classes": ["person"], "min_score": 0.1}
        if name in files:
            options["weights"] = data / "models" / files[name]
        detector = make_detector(name, options)
        start = time.process_time()
        found = list(detections_in(detector, frames))
        milliseconds = 1000 * (time.process_time() - start) / len(frames)
        half = len(found) // 2
        best = max(THRESHOLDS, key=lambda one: f1(found[:half], truth_of, one)[0])
        print(f"{name}: {milliseconds:.1f} CPU ms a frame; threshold {best:.2f}")
        for part, chosen in (("first", found[:half]), ("second", found[half:])):
            whole, recall, precision = f1(chosen, truth_of, best)
            print(f"  {part} half: F1 {whole:.3f} recall {recall:.3f} precision {precision:.3f}")


if __name__ == "__main__":
    main()

"""Sequences with a ground truth and the boxes of several detectors: what a search compares."""

import csv
import hashlib
from collections.abc import Iterable, Mapping
from configparser import ConfigParser
from configparser import Error as IniError
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from brainray.errors import DataError
from brainray.shapes import IntArray
from brainray.tracking.frames import Frames, check_frames, holds_mot_sequences, read_frames
from brainray.tracking.interface import LEAST_PIXELS, MOST_BOXES, MOST_PIXELS
from brainray.tracking.pairing import by_names, read_recorded
from brainray.tracking.reading import TEXT_ENCODING, mot_sequences, read_boxes, read_truth
from brainray.tracking.rows import Rows

PUBLIC = "public"
"""What the boxes of MOTChallenge's ``det/det.txt`` are called."""

NOTHING_COUNTS = "no ground truth that counts: class 1 with a conf other than 0"

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True)
class LabelledSequence:
    """A sequence, or a stretch of one.

    Attributes:
        name: of the sequence.
        first: number of its first frame.
        last: number of its last frame.
        truth: who is where; it has identities.
        boxes: recorded detections by the name of their detector.
        size: of its pictures, if it is known.
        frames: its pictures, if there are any.
    """

    name: str
    first: int
    last: int
    truth: Rows
    boxes: Mapping[str, Rows]
    size: Size | None = None
    frames: Frames | None = field(default=None, compare=False)

    @cached_property
    def numbers(self) -> IntArray:
        """Its frames, rising: those that have a picture, a box or an object.

        Numbers may have gaps, wide ones if they are time stamps.
        """
        pictured = None if self.frames is None else self.frames.numbers
        boxed = [one.frames_N for one in (self.truth, *self.boxes.values())]
        known = np.unique(np.concatenate([*boxed, *([] if pictured is None else [pictured])]))
        inside: IntArray = known[(known >= self.first) & (known <= self.last)]
        return inside

    @property
    def count(self) -> int:
        """How many frames it has."""
        return len(self.numbers)

    def halves(self) -> tuple["LabelledSequence", "LabelledSequence"]:
        """Return its first and its second half; the second has the frame in the middle.

        Raises:
            DataError: it has a single frame, or no object counts in one of them.
        """
        if self.first == self.last:
            raise DataError(f"seq {self.name}: has 1 frame, halves need at least 2")
        middle = self.first + (self.last - self.first + 1) // 2
        first, second = self._between(self.first, middle - 1), self._between(middle, self.last)
        for half in (first, second):
            if not half.truth.counted.any():
                raise DataError(
                    f"seq {self.name}: frames {half.first} to {half.last}, a half of it, have "
                    f"{NOTHING_COUNTS}"
                )
        return first, second

    def _between(self, first: int, last: int) -> "LabelledSequence":
        def cut(rows: Rows) -> Rows:
            return rows[(rows.frames_N >= first) & (rows.frames_N <= last)]

        boxes = {name: cut(rows) for name, rows in self.boxes.items()}
        return replace(self, first=first, last=last, truth=cut(self.truth), boxes=boxes)


def labelled(
    name: str,
    truth: Rows | None,
    boxes: Mapping[str, Rows],
    size: Size | None = None,
    frames: Frames | None = None,
) -> LabelledSequence:
    """Return a sequence as long as its truth and boxes reach.

    Args:
        name: of the sequence.
        truth: who is where.
        boxes: by the name of their detector.
        size: of its pictures.
        frames: its pictures.

    Raises:
        DataError: there is no truth in which an object counts, or a box is none; detector, frame
            and box are named.
    """
    if truth is None or not len(truth):
        raise DataError(f"seq {name}: has no ground truth")
    if not truth.counted.any():
        raise DataError(f"seq {name}: has {NOTHING_COUNTS}")
    for detector, rows in boxes.items():
        _check(name, detector, rows)
    numbers = np.concatenate([truth.frames_N, *(rows.frames_N for rows in boxes.values())])
    first, last = int(numbers.min()), int(numbers.max())
    return LabelledSequence(name, first, last, truth, dict(boxes), size, frames)


def read_sequences(
    source: Path | None, detections: Iterable[Path] = (), truth: Path | None = None
) -> list[LabelledSequence]:
    """Read sequences that have a ground truth.

    The only sequence of the source, a truth of one and boxes of one belong together, under the
    source's name; without a source they have the truth's. See `read_recorded`.

    Args:
        source: a MOT sequence or a folder of them, whose ``gt/gt.txt`` and ``det/*.txt`` are read
            (``det.txt`` is `PUBLIC`, others have their own names); or a video, or a folder of
            images. None where the files are all there is.
        detections: files with the boxes of one or more detectors, for `read_recorded`.
        truth: file with the ground truth instead.

    Raises:
        DataError: naming the file or the sequence and what is wrong.
    """
    frames: dict[str, Frames] = {}
    truths: dict[str, Rows] = {}
    sizes: dict[str, Size] = {}
    boxes: dict[str, dict[str, Rows]] = {}
    folders: dict[str, Path] = {}
    if source is not None and source.is_dir() and holds_mot_sequences(source):
        folders = mot_sequences(source)
        for name, folder in folders.items():
            if (folder / "gt" / "gt.txt").is_file():
                truths[name] = next(iter(read_truth(folder / "gt" / "gt.txt").values()))
            for path in sorted((folder / "det").glob("[!.]*.txt")):
                called = PUBLIC if path.name == "det.txt" else path.stem
                boxes.setdefault(name, {})[called] = next(iter(read_boxes(path).values()))
            if (folder / "img1").is_dir():
                frames |= read_frames(folder)
            if (size := _size_of(folder)) is not None:
                sizes[name] = size
    elif source is not None:
        frames = read_frames(source)
    check_frames(frames)
    if truth is not None:
        truths |= by_names([*(folders or frames)], read_truth(truth))
    known = list(dict.fromkeys([*folders, *frames, *truths]))
    recorded = read_recorded(detections, known)
    named = list(dict.fromkeys(one.sequence for one in recorded))
    if truth is not None and named and not set(named) & set(known):
        raise DataError(f"{truth}: no seq {', '.join(named)}, there are {', '.join(truths)}")
    for one in recorded:
        there = boxes.setdefault(one.sequence, {})
        if one.detector in there:
            what = f"boxes of {one.detector} in seq {one.sequence} are there already"
            raise DataError(f"{one.path}: {what}")
        there[one.detector] = one.rows
    names = list(dict.fromkeys([*frames, *boxes, *truths]))
    if truth is not None:  # a file may have boxes of more sequences than there is a truth for
        names = [name for name in names if name in truths or name in frames]
    for name in names:
        if name not in truths:
            others = ", ".join(truths) or "none"
            raise DataError(f"seq {name}: has no ground truth; there is one of: {others}")
    return [
        labelled(name, truths[name], boxes.get(name, {}), sizes.get(name), frames.get(name))
        for name in names
    ]


def read_mot17(folder: Path) -> list[LabelledSequence]:
    """Read the ready data set: five sequences of MOT17 with the boxes of several sources.

    Args:
        folder: with ``gt.parquet``, ``detections.parquet``, ``seqinfo.csv`` and perhaps
            ``tracker_outputs.parquet``, whose finished tracks count as boxes of further sources.

    Raises:
        DataError: a file is missing or damaged.
    """
    outputs = folder / "tracker_outputs.parquet"
    files = [folder / "detections.parquet", *([outputs] if outputs.is_file() else [])]
    try:
        with (folder / "seqinfo.csv").open(encoding="utf-8", newline="") as file:
            info = {row["seq"]: row for row in csv.DictReader(file)}
        sizes = {name: (int(row["im_width"]), int(row["im_height"])) for name, row in info.items()}
        lengths = {name: int(row["n_frames"]) for name, row in info.items()}
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{folder / 'seqinfo.csv'}: cannot be read: {error}") from error
    found = []
    for one in read_sequences(None, files, folder / "gt.parquet"):
        if one.name not in sizes:
            raise DataError(f"{folder / 'seqinfo.csv'}: has no seq {one.name}")
        found.append(
            replace(
                one,
                name=f"MOT17-{int(one.name):02}",
                first=1,
                last=lengths[one.name],
                size=sizes[one.name],
            )
        )
    return sorted(found, key=lambda one: one.name)


def _check(name: str, detector: str, rows: Rows) -> None:
    crowded = np.unique(rows.frames_N, return_counts=True)[1].max(initial=0) > MOST_BOXES
    boxes = (np.abs(rows.boxes_N4) <= MOST_PIXELS).all()  # no NaN is
    sizes = (rows.boxes_N4[:, 2:] >= LEAST_PIXELS).all()
    if boxes and sizes and np.isfinite(rows.scores_N).all() and not crowded:
        return
    try:
        for _ in rows.by_frame():  # a frame's own check says what is wrong
            pass
    except DataError as error:
        raise DataError(f"seq {name}, detector {detector}, {error}") from error


def sha256_of_sequences(sequences: Iterable[LabelledSequence]) -> str:
    """Return what tells one set of sequences from another."""
    digest = hashlib.sha256()
    for one in sequences:
        digest.update(f"{one.name} {one.first} {one.last} {one.size}".encode())
        for name, rows in {"": one.truth, **one.boxes}.items():
            digest.update(f"{name} {len(rows)}".encode())
            for values in (rows.frames_N, rows.boxes_N4, rows.scores_N, rows.ids_N, rows.classes_N):
                digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _size_of(folder: Path) -> Size | None:
    path = folder / "seqinfo.ini"
    ini = ConfigParser(interpolation=None)
    ini.read_string(path.read_text(encoding=TEXT_ENCODING))
    try:
        width, height = (ini.getint("Sequence", key) for key in ("imWidth", "imHeight"))
    except IniError:
        return None  # it need not say so
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    return width, height

"""``brainray track``: identities for boxes in frames, and how good they are."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml
from rich.table import Table
from rich.text import Text

from brainray import plugins
from brainray.cli.detecting import Detected, detect, seen
from brainray.cli.output import Json, show, write_bytes
from brainray.errors import DataError
from brainray.settings import load_settings
from brainray.tracking.appearance import with_appearance
from brainray.tracking.camera import CameraMotion, with_motion
from brainray.tracking.frames import holds_mot_sequences, read_frames
from brainray.tracking.interface import make_tracker
from brainray.tracking.pairing import by_names
from brainray.tracking.reading import (
    as_mot_text,
    as_parquet,
    confidence_note,
    mot_sequences,
    read_boxes,
    read_truth,
)
from brainray.tracking.rows import Rows
from brainray.tracking.rows import track as follow
from brainray.tracking.scores import Scores, overall, score
from brainray.tracking.sequences import NOTHING_COUNTS

if TYPE_CHECKING:
    from brainray.networks.appearance import Appearance

OVERALL = "OVERALL"


def track(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="INPUT",
            help="A MOT sequence or a folder of them; with a detector also a video or a folder of "
            "images, and so with a tracker that looks at pictures itself.",
        ),
    ] = None,
    detections: Annotated[
        Path | None,
        typer.Option(
            metavar="F",
            help="Boxes: Parquet (seq, frame, left, top, width, height, conf) or a det.txt; "
            "default: det/det.txt of INPUT.",
        ),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(
            help="A detector that finds the boxes in the frames of INPUT (nanodet, faster_rcnn, "
            "ssd, detr, yolov3, ...: docs/tracking.md); with --detections: whose boxes, where its "
            "column detector has several."
        ),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(metavar="F", help="The detector's weights, a file or a URL.")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="What to follow, by the detector's names, with commas; default: person."),
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(help="Leave out boxes of lower scores.")
    ] = None,
    detector_options: Annotated[
        list[str] | None,
        typer.Option("--detector-set", metavar="NAME=VALUE", help="An option of the detector."),
    ] = None,
    tracker: Annotated[str, typer.Option(help="A tracker.")] = "two_stage",
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option of the tracker."),
    ] = None,
    appearance: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="What sees how boxes look in the frames of INPUT, for deep_sort and two_stage: an "
            "ONNX file, or a model of the catalog that is one.",
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(metavar="F", help="Ground truth, for scores; default: gt/gt.txt of INPUT."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="F", help="Write the tracks: .parquet, or .txt in MOT form (one sequence)."
        ),
    ] = None,
    json_to: Json = None,
) -> None:
    """Give detected boxes identities through the frames of videos."""
    chosen = _options(options or [])
    live = detector is not None and detections is None
    if min_score is not None and not math.isfinite(min_score):
        raise DataError(f"--min-score {min_score}: allowed are finite numbers")
    wanted = None if classes is None else [name.strip() for name in classes.split(",")]
    flags = {"weights": weights, "classes": wanted, "min_score": min_score if live else None}
    given = _detector_options(flags, detector_options or [])
    if given and not live:
        raise DataError(f"{next(iter(given))}: is of a detector, give --detector and INPUT")
    made = make_tracker(tracker, chosen)  # what cannot be is refused at once
    moving, looks_from = made.needs_motion, made.looks_from
    if moving:
        _check_camera(tracker, source)
    looks = _appearance(appearance, tracker, source)
    if out is not None and out.suffix not in (".parquet", ".txt"):
        raise DataError(f"--out {out}: must end in .parquet or .txt")
    truths = _truths(source, truth)
    detected: dict[str, Detected] = {}
    if detector is not None and detections is None:
        given = {"classes": ["person"]} | given
        if source is not None:  # to look at all frames takes long
            truths = _of_boxes(truths, read_frames(source), truth)
        detected = detect(source, detector, given, looks, looks_from)
        boxes = {name: one.rows for name, one in detected.items()}
    else:
        boxes = {
            name: rows if min_score is None else rows[rows.scores_N >= min_score]
            for name, rows in _detections(
                source, detections, detector, moving or looks is not None
            ).items()
        }
        truths = _of_boxes(truths, boxes, truth)
    if out is not None and out.suffix == ".txt" and len(boxes) != 1:
        raise DataError(f"--out {out}: MOT form holds one sequence, these are {len(boxes)}")
    if looks is not None and source is not None and not detected:
        see = partial(with_appearance, appearance=looks, looks_from=looks_from)
        boxes = seen(source, boxes, see)
    if moving and source is not None:
        boxes = seen(source, boxes, with_motion)
    tracks, milliseconds = {}, {}
    for name, rows in boxes.items():
        start = time.process_time()
        try:
            first = detected[name].first if name in detected else None
            tracks[name] = follow(make_tracker(tracker, chosen), rows, first)
        except DataError as error:
            raise DataError(f"seq {name}, {error}") from error
        spent = time.process_time() - start
        milliseconds[name] = 1000 * spent / max(1, len(set(rows.frames_N.tolist())))
    scores = {
        name: score(truths[name], found)
        for name, found in tracks.items()
        if name in truths and truths[name].counted.any()
    }
    if out is not None:
        data = as_mot_text(*tracks.values()) if out.suffix == ".txt" else as_parquet(tracks)
        write_bytes(str(out), data, "--out")
    document: dict[str, Any] = {
        "tracker": tracker,
        "options": chosen,
        **({} if appearance is None else {"appearance": appearance}),
        **({"detector": detector, "classes": given["classes"]} if detected else {}),
        "sequences": {
            name: _counts(boxes[name], tracks[name], milliseconds[name], scores.get(name))
            | _looked_at(detected.get(name))
            for name in tracks
        },
    }
    if scores:
        document[OVERALL] = overall(list(scores.values())).figures()
    notes = [_speeds(detector, detected) + _below(scores, truths, tracks)]
    if not detected:
        notes.append(confidence_note("these boxes", boxes.values()) or "")
    below = " ".join(filter(None, notes))
    show(_table(tracker, document), document, json_to, below)


def _appearance(what: str | None, tracker: str, source: Path | None) -> "Appearance | None":
    """Return what sees how boxes look, if that is wanted and can be."""
    if what is None:
        return None
    if not getattr(plugins.load("trackers", tracker), "looks", False):
        raise DataError(f"--appearance: makes no difference to {tracker}, choose another --tracker")
    if source is None:
        raise DataError(f"--appearance {what}: has nothing to look at, give INPUT")
    # These draw in the whole catalog and onnx, which takes a second.
    from brainray.catalog import Library
    from brainray.tracking.looks import appearance_of

    return appearance_of(what, lambda: Library.open(load_settings()))


def _check_camera(tracker: str, source: Path | None) -> None:
    if source is None:
        raise DataError(f"--set: {tracker} is to see the camera move in pictures, give INPUT")
    CameraMotion()  # OpenCV is needed before anything is read


def _options(settings: Sequence[str], flag: str = "--set") -> dict[str, Any]:
    options = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise DataError(f"{flag} {setting!r}: must have the form name=value")
        try:
            options[name] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise DataError(f"{flag} {setting!r}: the value is not YAML") from error
    return options


def _detector_options(flags: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    given = {name: value for name, value in flags.items() if value is not None}
    return given | _options(settings, "--detector-set")


def _detections(
    source: Path | None, detections: Path | None, detector: str | None, pictures: bool
) -> dict[str, Rows]:
    """Return the boxes of each sequence that is asked for.

    Args:
        pictures: whether INPUT may also be a video or a folder of images, beside given boxes.
    """
    if source is None and detections is None:
        raise DataError("nothing to track: give INPUT or --detections")
    if detections is None:
        assert source is not None
        found = {}
        for name, folder in mot_sequences(source).items():
            path = folder / "det" / "det.txt"
            if not path.is_file():
                raise DataError(f"{path}: is missing; give --detections")
            found[name] = next(iter(read_boxes(path).values()))
        return found
    boxes = read_boxes(detections, detector)
    if source is None or (pictures and not holds_mot_sequences(source)):
        return boxes
    names = list(mot_sequences(source))
    boxes = by_names(names, boxes)
    missing = [name for name in names if name not in boxes]
    if missing:
        there = ", ".join(boxes)
        raise DataError(f"--detections {detections}: no seq {missing[0]}, there are {there}")
    return {name: boxes[name] for name in names}


def _looked_at(detected: Detected | None) -> dict[str, Any]:
    if detected is None:
        return {}
    spent = round(detected.milliseconds, 3)
    return {"frames": detected.frames, "detector_cpu_milliseconds_a_frame": spent}


def _speeds(detector: str | None, detected: Mapping[str, Detected]) -> str:
    spent = ", ".join(f"{one.milliseconds:.1f}" for one in detected.values())
    return f"{detector}: {spent} CPU ms a frame. " if detected else ""


def _truths(source: Path | None, truth: Path | None) -> dict[str, Rows]:
    if truth is not None:
        return read_truth(truth)
    if source is None or not holds_mot_sequences(source):
        return {}
    return {
        name: next(iter(read_truth(path).values()))
        for name, folder in mot_sequences(source).items()
        if (path := folder / "gt" / "gt.txt").is_file()
    }


def _of_boxes(
    truths: Mapping[str, Rows], names: Iterable[str], truth: Path | None
) -> dict[str, Rows]:
    """Return the ground truth by the names of the boxes' sequences.

    That of one sequence and the boxes of one belong together, whatever their names.
    """
    named = list(names)
    found = by_names(named, truths)
    if truth is not None and not set(named) & set(found):
        there = ", ".join(truths) or "none"
        raise DataError(f"--truth {truth}: no seq {', '.join(named)}, there are {there}")
    return found


def _counts(boxes: Rows, tracks: Rows, milliseconds: float, score: Scores | None) -> dict[str, Any]:
    return {
        "frames": len(set(boxes.frames_N.tolist())),
        "detections": len(boxes),
        "boxes": len(tracks),
        "tracks": len(set(tracks.ids_N.tolist())),
        "cpu_milliseconds_a_frame": round(milliseconds, 3),
    } | (score.figures() if score else {})


def _table(tracker: str, document: Mapping[str, Any]) -> Table:
    table = Table(title=Text(tracker))
    table.add_column("sequence", overflow="fold")
    counts = ("frames", "detections", "boxes", "tracks")
    figures = ("idf1", "switches", "mota", "motp_distance", "motp_overlap", "hota")
    for heading in counts:
        table.add_column(heading, justify="right")
    table.add_column("ms/frame", justify="right")
    if OVERALL in document:
        for heading in figures:
            table.add_column(heading.replace("_", " "), justify="right")
    rows = dict(document["sequences"]) | (
        {OVERALL: document[OVERALL]} if OVERALL in document else {}
    )
    for name, row in rows.items():
        if name == OVERALL:
            table.add_section()
        cells = [f"{row[key]:,}" if key in row else "" for key in counts]
        speed = row.get("cpu_milliseconds_a_frame")
        cells.append("" if speed is None else f"{speed:.2f}")
        if OVERALL in document:
            cells += [
                "" if key not in row else f"{row[key]:.3f}" if key != "switches" else f"{row[key]}"
                for key in figures
            ]
        table.add_row(Text(name), *cells)
    return table


def _below(
    scores: Mapping[str, Scores], truths: Mapping[str, Rows], tracks: Mapping[str, Rows]
) -> str:
    empty = [name for name in tracks if name in truths and name not in scores]
    without = [name for name in tracks if name not in truths]
    said = []
    if scores:
        said.append(
            "motp distance: 1 - IoU of matched boxes, lower is better; motp overlap: their IoU."
        )
    if empty:
        said.append(f"No scores, for they have {NOTHING_COUNTS}: {', '.join(empty)}.")
    if without:
        said.append(
            f"Without a ground truth: {', '.join(without)}."
            if scores or empty
            else "No ground truth, so no scores: --truth names one."
        )
    return " ".join(said)

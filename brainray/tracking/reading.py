"""Boxes in files: Parquet, MOTChallenge's text form, MOTChallenge's sequence folders."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as IniError
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from brainray.errors import DataError
from brainray.tracking.interface import BOX
from brainray.tracking.rows import PEDESTRIAN, Rows

TEXT = (".txt", ".csv")
TEXT_ENCODING = "utf-8-sig"
"""With a byte order mark or without: editors of Windows write one."""
MOT_COLUMNS = ("frame", "id", *BOX, "conf", "class", "visibility")
"""Of the text form, in order; the last three may be missing."""
WITH_WORLD = len(MOT_COLUMNS) + 1
"""Columns of the text form of MOT15: x, y and z in the world instead of class and visibility."""
LARGEST = 2**53 - 1
"""Whole number in a column: up to it floating point tells each from the next."""
UNKNOWN = -1
"""As confidence of all rows of a sequence: they have none, and are taken for sure. A line of JSON,
which comes before the others are known, has it of each box for itself."""
ROUNDING = 1e-6
"""By how much a confidence of a file may miss 0 to 1."""
SOURCES = ("tracker", "detector")
"""Columns that tell whose boxes they are."""


def read_boxes(path: Path, source: str | None = None) -> dict[str, Rows]:
    """Read the boxes of one or more sequences.

    Args:
        path: a Parquet file with the columns ``frame, left, top, width, height`` and perhaps ``seq,
            conf, id, class, visibility``; or one sequence as MOTChallenge's text (``.txt``,
            ``.csv``): frame, id, left, top, width, height and perhaps conf, class, visibility; with
            ten columns and more those after conf are not looked at. Text in ``NAME/det`` or
            ``NAME/gt`` is of the sequence NAME, other text has its file's name. A conf of -1 in all
            rows of a sequence counts as 1.
        source: which detector's boxes to take from Parquet that has several in its column
            ``detector``.

    Returns:
        The rows of each sequence by its name, in the order of the file.

    Raises:
        DataError: naming the file, the place, the value and what is allowed.
    """
    try:
        if path.suffix in TEXT:
            named = (
                path.parent.parent if path.parent.name in ("det", "gt") else path.with_suffix("")
            )
            return {named.name: _read_text(path)}
        return _read_parquet(path, source)
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def confidence_note(whose: str, rows: Iterable[Rows]) -> str | None:
    """Return what one should know of confidences that are not from 0 to 1; None if all are.

    Args:
        whose: boxes these are, for the note.
        rows: of one or more sequences.
    """
    scores_N = np.concatenate([np.empty(0), *(one.scores_N for one in rows)])
    if not len(scores_N):
        return None
    low, high = float(scores_N.min()), float(scores_N.max())
    if low >= -ROUNDING and high <= 1 + ROUNDING:
        return None
    return (
        f"Confidences of {whose} are {low:g} to {high:g}: trackers' thresholds are meant for 0 to "
        "1; choose others or scale the column."
    )


def read_truth(path: Path) -> dict[str, Rows]:
    """Read who is where in one or more sequences: boxes with identities.

    Raises:
        DataError: see `read_boxes`, or the boxes of a sequence are no ground truth, see
            `Rows.check_scorable`.
    """
    truths = read_boxes(path)
    for name, rows in truths.items():
        try:
            rows.check_scorable()
        except DataError as error:
            raise DataError(f"{path}: seq {name}, {error}") from error
    return truths


def read_sources(path: Path) -> dict[str, dict[str, Rows]]:
    """Read the boxes of several detectors.

    Parquet's columns ``tracker`` and ``detector`` name them, joined by a hyphen where there are
    both; without them, and for text, the file's name does.

    Args:
        path: see `read_boxes`.

    Returns:
        The rows of each sequence, by the name of the detector.

    Raises:
        DataError: see `read_boxes`.
    """
    if path.suffix in TEXT:
        return {path.stem: read_boxes(path)}
    try:
        table = _parquet(path)
        columns = [name for name in SOURCES if name in table.column_names]
        if not columns:
            return {path.stem: _by_sequence(table, path)}
        names = pc.binary_join_element_wise(*(table[n].cast(pa.string()) for n in columns), "-")
        return {
            name: _by_sequence(table.filter(pc.equal(names, name)), path)
            for name in sorted(filter(None, names.unique().to_pylist()))
        }
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def read_sequence(path: Path, most_rows: int) -> Rows:
    """Read the boxes of one sequence from Parquet that comes from outside.

    Args:
        path: as of `read_boxes`; what a column of text holds is not looked at, but for that it is
            the same in all rows.
        most_rows: that are read.

    Raises:
        DataError: naming the column, the value and what is allowed.
    """
    try:
        kinds = {field.name: field.type for field in pq.read_schema(path)}
        _require_columns(list(kinds))
        labels = [name for name in ("seq", "detector") if name in kinds]
        with pq.ParquetFile(path, read_dictionary=labels) as file:
            if file.metadata.num_rows > most_rows:
                raise DataError(
                    f"has {file.metadata.num_rows:,} boxes, at most {most_rows:,} are allowed"
                )
            for name in labels:
                if len(file.read([name])[name].unique()) > 1:
                    raise DataError(f"column {name!r}: has several values, allowed is one")
            wanted = [name for name in MOT_COLUMNS if name in kinds]
            for name in wanted:  # before they are read: a column of texts may be very large
                if not (pa.types.is_integer(kinds[name]) or pa.types.is_floating(kinds[name])):
                    raise _no_numbers(name, kinds[name])
            return _rows(_numbers(file.read(wanted)))
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"cannot be read as Parquet: {reason}") from error


def mot_sequences(path: Path) -> dict[str, Path]:
    """Return the sequence folders at a path by name: itself, or the folders in it.

    A sequence folder has a ``seqinfo.ini`` with the name, boxes in ``det/det.txt`` and perhaps a
    ground truth in ``gt/gt.txt``.

    Raises:
        DataError: there is none, a ``seqinfo.ini`` cannot be read, or two have the same name.
    """
    folders = [path] if (path / "seqinfo.ini").is_file() else sorted(path.glob("*/"))
    found: dict[str, Path] = {}
    for folder in folders:
        if not (folder / "seqinfo.ini").is_file():
            continue
        name = _name(folder)
        if name in found:
            raise DataError(f"{folder}: the sequence {name} is also in {found[name]}")
        found[name] = folder
    if not found:
        raise DataError(
            f"{path}: is no MOT sequence: neither it nor a folder in it has seqinfo.ini"
        )
    return found


def _name(folder: Path) -> str:
    ini = ConfigParser(interpolation=None)
    try:
        ini.read_string((folder / "seqinfo.ini").read_text(encoding=TEXT_ENCODING))
        return ini.get("Sequence", "name", fallback=folder.name)
    except (OSError, UnicodeDecodeError, IniError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{folder / 'seqinfo.ini'}: cannot be read: {reason}") from error


def _read_text(path: Path) -> Rows:
    try:
        lines = path.read_text(encoding=TEXT_ENCODING).splitlines()
    except UnicodeDecodeError as error:
        raise DataError("is not text") from error
    values = []
    for number, cells in enumerate(csv.reader(lines), start=1):
        if not "".join(cells).strip():
            continue
        if len(cells) < 2 + len(BOX):
            raise DataError(
                f"line {number}: {len(cells)} values, at least 6: {', '.join(MOT_COLUMNS)}"
            )
        count = len(cells) if cells[-1].strip() else len(cells) - 1  # lines may end in a comma
        known = cells[: MOT_COLUMNS.index("class")] if count >= WITH_WORLD else cells[:count]
        try:
            row = [float(cell) for cell in known]
        except ValueError as error:
            raise DataError(f"line {number}: {','.join(cells)!r} are not numbers") from error
        values.append(row + [1.0] * (len(MOT_COLUMNS) - len(row)))
    table = np.array(values).reshape(-1, len(MOT_COLUMNS))
    columns = dict(zip(MOT_COLUMNS, table.T, strict=True))
    # -1 stands for what is not known.
    unknown = columns["class"] < 0
    columns["class"] = np.where(unknown, PEDESTRIAN, columns["class"])
    columns["visibility"] = np.where(unknown, 1.0, columns["visibility"])
    return _rows(columns)


def _read_parquet(path: Path, source: str | None) -> dict[str, Rows]:
    return _by_sequence(_of_source(_parquet(path), source), path)


def _parquet(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path)
    except pa.ArrowException as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"cannot be read as Parquet: {reason}") from error
    _require_columns(table.column_names)
    return table


def _by_sequence(table: pa.Table, path: Path) -> dict[str, Rows]:
    if "seq" not in table.column_names:
        return {path.stem: _rows(_numbers(table))}
    names = table["seq"].cast(pa.string())
    if names.null_count:
        raise DataError("column 'seq': has missing values")
    return {
        name: _rows(_numbers(table.filter(pc.equal(names, name))), name)
        for name in names.unique().to_pylist()
    }


def _require_columns(there: Sequence[str]) -> None:
    missing = [name for name in ("frame", *BOX) if name not in there]
    if missing:
        raise DataError(f"no column {missing[0]!r}, there are {', '.join(there)}")


def _no_numbers(name: str, kind: Any) -> DataError:
    return DataError(f"column {name!r}: holds {kind}, allowed are numbers")


def _of_source(table: pa.Table, source: str | None) -> pa.Table:
    if "detector" not in table.column_names:
        if source is not None:
            raise DataError(f"source {source!r}: the file has no column 'detector'")
        return table
    names = table["detector"].cast(pa.string())
    known = sorted(filter(None, names.unique().to_pylist()))
    if source is None and len(known) > 1:
        raise DataError(f"has boxes of several detectors, choose a source: {', '.join(known)}")
    if source is not None and source not in known:
        raise DataError(f"source {source!r}: allowed are {', '.join(known)}")
    return table if source is None else table.filter(pc.equal(names, source))


def _numbers(table: pa.Table) -> dict[str, NDArray[np.float64]]:
    columns = {}
    for name in MOT_COLUMNS:
        if name in table.column_names:
            try:
                # `_rows` refuses whole numbers that are not exact
                columns[name] = table[name].cast(pa.float64(), safe=False).to_numpy()
            except pa.ArrowException as error:
                raise _no_numbers(name, table.schema.field(name).type) from error
    return columns


def _rows(columns: Mapping[str, NDArray[np.float64]], sequence: str = "") -> Rows:
    """Return rows, whose boxes are not checked yet: the message of that names the frame."""
    whole: dict[str, Any] = {}
    where = f"seq {sequence}, " if sequence else ""
    for name in ("frame", "id", "class"):
        if name in columns:
            values = columns[name]
            broken = np.flatnonzero(~(values == np.floor(values)))
            if len(broken):
                value = values[broken[0]]
                raise DataError(f"{where}column {name!r}: {value} is no whole number")
            large = np.flatnonzero(np.abs(values) > LARGEST)
            if len(large):
                raise DataError(
                    f"{where}column {name!r}: {values[large[0]]:g}, allowed are whole numbers from "
                    f"{-LARGEST} to {LARGEST}"
                )
            whole[name] = values.astype(np.int64)
    scores = columns.get("conf")
    return Rows.of(
        whole["frame"],
        np.column_stack([columns[name] for name in BOX]),
        None if scores is None or (scores == UNKNOWN).all() else scores,
        whole.get("id"),
        whole.get("class"),
        columns.get("visibility"),
    )


def as_parquet(tracks: Mapping[str, Rows]) -> bytes:
    """Return tracks as Parquet: seq, frame, id, left, top, width, height, conf."""
    parts = list(tracks.values())
    boxes_N4 = np.concatenate([np.empty((0, 4)), *(part.boxes_N4 for part in parts)])
    empty = np.empty(0, dtype=np.int64)
    columns = {
        "seq": [name for name, part in tracks.items() for _ in range(len(part))],
        "frame": np.concatenate([empty, *(part.frames_N for part in parts)]),
        "id": np.concatenate([empty, *(part.ids_N for part in parts)]),
        **dict(zip(BOX, boxes_N4.T, strict=True)),
        "conf": np.concatenate([np.empty(0), *(part.scores_N for part in parts)]),
    }
    schema = pa.schema(
        [("seq", pa.string()), ("frame", pa.int64()), ("id", pa.int64())]
        + [(name, pa.float64()) for name in (*BOX, "conf")]
    )
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), buffer)
    return buffer.getvalue()


def as_mot_text(tracks: Rows) -> bytes:
    """Return the tracks of one sequence in MOTChallenge's form, pixels to a hundredth."""
    lines = []
    for frame, identity, box_4, conf in zip(
        tracks.frames_N, tracks.ids_N, tracks.boxes_N4, tracks.scores_N, strict=True
    ):
        box = ",".join(f"{value:.2f}" for value in box_4)
        lines.append(f"{frame},{identity},{box},{conf:.4f},-1,-1,-1\n")
    return "".join(lines).encode()

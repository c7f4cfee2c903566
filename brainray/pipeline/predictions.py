"""The answers of a model to a whole manifest, and the files that they are written to."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from brainray.datasets.files import replacing
from brainray.datasets.rows import Row, read_rows
from brainray.errors import DataError, NetworkError
from brainray.pipeline.predict import Answer, Predictor

BATCH = 64
"""Samples that are answered together, and in memory at a time."""


@dataclass(frozen=True)
class Prediction:
    """What a model says of one row of a manifest, which is counted from 0."""

    row: int
    answer: Answer

    def to_json(self) -> dict[str, Any]:
        """Return it as it stands in a file."""
        answer = self.answer
        return {
            "row": self.row,
            "label": answer.label,
            "probability": answer.probabilities[answer.label],
            "inputs": list(answer.inputs),
            "probabilities": answer.probabilities,
        }


def predict(predictor: Predictor, manifest: Path, batch: int = BATCH) -> Iterator[list[Prediction]]:
    """Answer every row of a manifest, in order, a batch at a time.

    Args:
        predictor: the model.
        manifest: ``.parquet`` or ``.csv``, with a column for one of the model's inputs at least;
            it needs no target and no split.
        batch: samples that are answered together, at least 1.

    Raises:
        DataError: a row cannot be read or answered; the message names file, row and column.
    """
    for rows in read_rows(manifest, predictor.inputs, batch):
        samples = [_prepared(predictor, row, manifest) for row in rows]
        answers = predictor.answer(samples)
        yield [Prediction(row.number, answer) for row, answer in zip(rows, answers, strict=True)]


def _prepared(predictor: Predictor, row: Row, manifest: Path) -> dict[str, Any]:
    try:
        return predictor.prepare(row.inputs)
    except NetworkError as error:
        raise DataError(f"{manifest}: row {row.number}: {error}") from error


Write = Callable[[Iterable[Prediction]], None]


@contextmanager
def writing_predictions(path: Path, labels: Iterable[str]) -> Iterator[Write]:
    """Give a function that appends predictions to a file, which is there in the end, or not at all.

    A Parquet or JSON Lines file has the columns ``row``, ``label``, ``probability``, ``inputs`` (a
    list) and ``probabilities`` (by label); in a CSV file the inputs are joined by ``+``, and each
    class has a column ``probabilities.<label>``.

    Args:
        path: ``.parquet``, ``.csv`` or ``.jsonl``.
        labels: of the model, in order.

    Raises:
        DataError: the path has another ending, or the file cannot be written.
    """
    if path.suffix not in _WRITERS:
        raise DataError(f"--out {path}: must end in {', '.join(_WRITERS)}")
    try:
        with replacing(path) as part, _WRITERS[path.suffix](part, _schema(labels)) as write:
            yield write
    except OSError as error:
        raise DataError(f"--out {path}: cannot be written: {error}") from error


def _schema(labels: Iterable[str]) -> pa.Schema:
    return pa.schema(
        {
            "row": pa.int64(),
            "label": pa.string(),
            "probability": pa.float64(),
            "inputs": pa.list_(pa.string()),
            "probabilities": pa.struct({label: pa.float64() for label in labels}),
        }
    )


@contextmanager
def _parquet(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        yield lambda some: writer.write_table(_table(some, schema))


@contextmanager
def _csv(path: Path, schema: pa.Schema) -> Iterator[Write]:
    plain = schema.set(3, pa.field("inputs", pa.string()))
    flat = plain.empty_table().flatten().schema
    with pyarrow.csv.CSVWriter(path, flat) as writer:
        yield lambda some: writer.write_table(_table(some, plain, "+".join).flatten())


@contextmanager
def _json_lines(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with path.open("w", encoding="utf-8") as file:
        yield lambda some: file.writelines(
            json.dumps(one.to_json(), ensure_ascii=False) + "\n" for one in some
        )


def _table(
    some: Iterable[Prediction], schema: pa.Schema, inputs: Callable[[list[str]], Any] = list
) -> pa.Table:
    rows = [one.to_json() for one in some]
    return pa.Table.from_pylist([row | {"inputs": inputs(row["inputs"])} for row in rows], schema)


_WRITERS = {".parquet": _parquet, ".csv": _csv, ".jsonl": _json_lines}

"""``brainray predict``: the answers of a stored model to a whole manifest."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from brainray.catalog import Library
from brainray.cli.output import Json, new_console, show
from brainray.datasets.table_files import row_count
from brainray.errors import DataError
from brainray.pipeline.predict import Predictor, load_model
from brainray.pipeline.predictions import BATCH, Prediction, writing_predictions
from brainray.pipeline.predictions import predict as predictions_of
from brainray.settings import load_settings

SHOWN = 10

ModelArgument = Annotated[
    str, typer.Argument(help="A model: its id, the id's beginning, or its name.")
]
Batch = Annotated[int, typer.Option(min=1, help="Samples that are answered together.")]


def predict(
    model: ModelArgument,
    data: Annotated[
        Path, typer.Option(help="A manifest (.parquet or .csv); it needs no target and no split.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write all answers to a .parquet, .csv or .jsonl file.")
    ] = None,
    batch: Batch = BATCH,
    json_to: Json = None,
) -> None:
    """Answer every row of a manifest."""
    predictor = load_model(Library.open(load_settings()), model)
    start = time.monotonic()
    counts: Counter[str] = Counter()
    first: list[Prediction] = []
    kept: list[dict[str, Any]] = []
    with ExitStack() as stack:
        write = None
        if out is not None:
            write = stack.enter_context(writing_predictions(out, predictor.labels))
        for some in _watched(predictor, data, batch):
            counts.update(one.answer.label for one in some)
            first += some[: SHOWN - len(first)]
            if write is not None:
                write(some)
            elif json_to is not None:
                kept += [one.to_json() for one in some]
    document = {
        "model": predictor.model.id,
        "version": predictor.model.version,
        "data": str(data),
        "rows": counts.total(),
        "labels": {label: counts[label] for label in predictor.labels},
        "seconds": round(time.monotonic() - start, 3),
        "out": None if out is None else str(out),
    }
    if out is None:
        document["answers"] = kept
    show(_table(predictor, first), document, json_to, _below(counts.total(), out))


def _watched(predictor: Predictor, data: Path, batch: int) -> Iterator[list[Prediction]]:
    """Yield the answers, and show on a terminal how far they are."""
    console = new_console(stderr=True)
    try:
        total = row_count(data)
    except DataError as error:
        raise DataError(f"{data}: {error}") from error
    with Progress(
        TextColumn("rows"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("rows", total=total)
        for some in predictions_of(predictor, data, batch):
            progress.update(task, advance=len(some))
            yield some


def _table(predictor: Predictor, first: list[Prediction]) -> Table:
    table = Table(title=Text(f"{predictor.model.id}, version {predictor.model.version}"))
    table.add_column("row", justify="right")
    table.add_column("label")
    table.add_column("probability", justify="right")
    table.add_column("inputs")
    for one in first:
        answer = one.answer
        probability = f"{answer.probabilities[answer.label]:.4f}"
        table.add_row(str(one.row), Text(answer.label), probability, Text(", ".join(answer.inputs)))
    return table


def _below(rows: int, out: Path | None) -> str:
    if out is not None:
        return f"{rows:,} rows: {out}"
    return f"{rows:,} rows; --out FILE writes them all" if rows > SHOWN else f"{rows:,} rows"

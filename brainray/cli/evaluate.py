"""``brainray evaluate``: what a stored model is worth on labelled data."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from brainray.catalog import Library
from brainray.cli.output import Json, show
from brainray.cli.predict import Batch, ModelArgument
from brainray.datasets.dataset import SPLITS
from brainray.errors import DataError
from brainray.pipeline.judging import Judgement, judge, note, own_data, pack_for, target_of
from brainray.pipeline.markdown import brackets, percent
from brainray.pipeline.predict import load_model
from brainray.pipeline.predictions import BATCH
from brainray.settings import load_settings


def evaluate(
    model: ModelArgument,
    data: Annotated[
        Path | None,
        typer.Option(help="A manifest with a target; default: the model's own data set."),
    ] = None,
    split: Annotated[str, typer.Option(help=f"{', '.join(SPLITS)}.")] = "test",
    target: Annotated[
        str | None, typer.Option(help="The column of the classes; by default as in its run.")
    ] = None,
    add: Annotated[
        bool, typer.Option("--add", help="Add the data set to the catalog, and note the result.")
    ] = False,
    batch: Batch = BATCH,
    json_to: Json = None,
) -> None:
    """Compare the answers of a model with the truth."""
    if split not in SPLITS:
        raise DataError(f"--split {split!r}: allowed are {', '.join(SPLITS)}")
    settings = load_settings()
    library = Library.open(settings)
    predictor = load_model(library, model)
    found = predictor.model
    if data is None:
        dataset = own_data(library, found)
    else:
        column = target or target_of(library, found)
        dataset = pack_for(predictor, data, column, settings.cache / "datasets")
    judged = judge(predictor, dataset, split, batch)
    noted = note(library, found, dataset, split, judged, add)
    document: dict[str, Any] = {
        "model": found.id,
        "version": found.version,
        "data_set": {"name": dataset.name, "sha256": dataset.sha256},
        "split": split,
        "accuracy": judged.accuracy,
        "interval": judged.interval,
        "units": judged.units.model_dump(),
        "rows": judged.rows,
        "confusion": None if judged.confusion is None else judged.confusion.model_dump(),
        "noted": noted,
    }
    said = f"{percent(judged.accuracy)} % right {brackets(judged.interval)}".rstrip()
    units = f"{judged.units.count} {judged.units.by}s"
    below = f"{said}, {judged.rows:,} rows, interval of 95 % over {units}; " + (
        "noted in the catalog" if noted else "not noted: the catalog does not know the data (--add)"
    )
    show(_table(f"{found.id} on {dataset.name}, {split}", judged), document, json_to, below)


def _table(title: str, judged: Judgement) -> Table:
    """Return the confusion matrix: a row a true class, a column an answer."""
    table = Table(title=Text(title))
    table.add_column("true class")
    if judged.confusion is None:
        return table
    for label in judged.confusion.labels:
        table.add_column(Text(label), justify="right")
    for label, counts in zip(judged.confusion.labels, judged.confusion.counts, strict=True):
        table.add_row(Text(label), *(str(count) if count else "" for count in counts))
    return table

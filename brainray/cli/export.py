"""``brainray export``: a stored model as files for elsewhere."""

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text
from torch import Tensor

from brainray.catalog import Library
from brainray.cli.output import Json, show, write_text
from brainray.cli.predict import ModelArgument
from brainray.datasets.rows import read_rows
from brainray.errors import DataError, NetworkError, SettingsError
from brainray.pipeline.export.card import model_card
from brainray.pipeline.export.onnx_file import export_onnx
from brainray.pipeline.predict import Predictor, load_model
from brainray.settings import load_settings

CHECKED_ROWS = 64
FOLDER_FILES = ("model.onnx", "README.md")


def export(
    model: ModelArgument,
    onnx: Annotated[Path | None, typer.Option(help="Write one ONNX file.")] = None,
    card: Annotated[
        Path | None, typer.Option(help="Write a model card as Hugging Face has it (README.md).")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help=f"Write both into a folder: {', '.join(FOLDER_FILES)}.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help=f"Compare on the first {CHECKED_ROWS} rows of a manifest, not on noise."),
    ] = None,
    json_to: Json = None,
) -> None:
    """Write a model as ONNX, checked against the stored one, and a model card."""
    if folder is not None:
        if onnx is not None or card is not None:
            raise SettingsError("--folder: names both files, give neither --onnx nor --card")
        onnx, card = (folder / name for name in FOLDER_FILES)
    if onnx is None and card is None:
        raise SettingsError("export: what to write is missing; give --onnx, --card or --folder")
    if data is not None and onnx is None:
        raise SettingsError("--data: is for --onnx and --folder alone")
    library = Library.open(load_settings())
    predictor = load_model(library, model)
    text = None if card is None else model_card(library, predictor.model)
    document: dict[str, Any] = {"model": predictor.model.id, "version": predictor.model.version}
    if onnx is not None:
        samples = None if data is None else _samples(predictor, data)
        try:
            done = export_onnx(library.store, predictor, onnx, samples)
        except OSError as error:
            raise SettingsError(f"--onnx {onnx}: cannot be written: {error}") from error
        document |= {
            "onnx": str(onnx),
            "size_bytes": done.size_bytes,
            "largest_difference": done.difference,
            "compared_with": f"{done.samples} samples of {data or 'noise'}",
            "batch": "any" if done.any_batch else 1,
        }
    if card is not None and text is not None:
        write_text(str(card), text, "--card")
        document["card"] = str(card)
    table = Table(title=Text(predictor.model.id), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in document.items():
        shown = f"{value:,}" if key == "size_bytes" else str(value)
        shown = f"{value:.1e}" if isinstance(value, float) else shown
        table.add_row(key.replace("_", " "), Text(shown))
    show(table, document, json_to)


def _samples(predictor: Predictor, data: Path) -> list[dict[str, Tensor]]:
    """Return the first rows of a manifest, prepared."""
    samples: list[dict[str, Tensor]] = []
    for row in islice(
        (row for rows in read_rows(data, predictor.inputs, CHECKED_ROWS) for row in rows),
        CHECKED_ROWS,
    ):
        try:
            samples.append(predictor.prepare(row.inputs))
        except NetworkError as error:
            raise DataError(f"{data}: row {row.number}: {error}") from error
    if not samples:
        raise DataError(f"{data}: has no rows")
    return samples

"""From values of a manifest to what stands in the packed file, or to raw samples."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import fsspec
import pyarrow as pa

from brainray.datasets.dataset import rate_column
from brainray.datasets.samples import decode, decode_text, encode_pcm, sixteen_bits
from brainray.errors import DataError
from brainray.shapes import IntArray, Modality, Raw, Recording

Sample = TypeVar("Sample")


def pack_inputs(
    table: pa.Table, row_N: IntArray, inputs: Mapping[str, Modality], base: Path | None
) -> dict[str, Any]:
    """Return the packed columns of all inputs for some rows; every sample is decoded once."""
    columns: dict[str, Any] = {}
    chunk = table.take(pa.array(row_N))
    for name, modality in inputs.items():
        packed = _each(chunk, row_N, name, modality, base, _packed)
        columns[name] = [None if sample is None else sample[0] for sample in packed]
        if modality == "audio":
            columns[rate_column(name)] = [None if one is None else one[1] for one in packed]
    return columns


def read_inputs(
    table: pa.Table, inputs: Mapping[str, Modality], base: Path | None, first: int
) -> list[dict[str, Raw]]:
    """Return the samples of every row as a packed data set would give them back.

    Args:
        table: columns as in a manifest.
        inputs: the columns that are inputs, and their modalities.
        base: what relative paths are relative to; None refuses them.
        first: the number of the first row, for messages.

    Returns:
        Of each row the inputs that it has.

    Raises:
        DataError: naming row and column.
    """
    rows: list[dict[str, Raw]] = [{} for _ in range(len(table))]
    numbers = range(first, first + len(table))
    for name, modality in inputs.items():
        for row, raw in zip(rows, _each(table, numbers, name, modality, base, _raw), strict=True):
            if raw is not None:
                row[name] = raw
    return rows


def _each(
    chunk: pa.Table,
    numbers: Iterable[int],
    name: str,
    modality: Modality,
    base: Path | None,
    read: Callable[[Modality, bytes | str, int | None], Sample],
) -> list[Sample | None]:
    """Return what is read of every sample of a column, None where one is missing."""
    values = chunk.column(name).to_pylist()
    rates = _rates(chunk, name) if modality == "audio" else [None] * len(values)
    samples: list[Sample | None] = []
    for number, value, rate in zip(numbers, values, rates, strict=True):
        try:
            given = None if value is None else _content(modality, value, rate, base)
            samples.append(None if given is None else read(modality, *given))
        except DataError as error:
            raise DataError(f"row {number}, column {name}: {error}") from error
    return samples


def _rates(chunk: pa.Table, name: str) -> list[Any]:
    for column in (rate_column(name), "rate"):
        if column in chunk.column_names:
            rates: list[Any] = chunk.column(column).to_pylist()
            return rates
    return [None] * len(chunk)


def _content(
    modality: Modality, value: Any, rate: Any, base: Path | None
) -> tuple[bytes | str, int | None]:
    """Return the bytes or the text of one sample, and the rate of PCM bytes."""
    if modality == "text":
        return decode_text(value), None
    if isinstance(value, str):
        return fetch(value, base), None
    if not isinstance(value, bytes):
        raise DataError(f"must be bytes, a path or a URL, not {type(value).__name__}")
    if modality == "image":
        return value, None
    if rate is not None and not (isinstance(rate, int | float) and float(rate).is_integer()):
        raise DataError(f"the rate must be a whole number of Hz, not {rate!r}")
    return value, None if rate is None else int(rate)


def _packed(
    modality: Modality, content: bytes | str, rate: int | None
) -> tuple[bytes | str, int | None]:
    """Return one sample as it stands in the packed file, and the rate of a sound."""
    raw = decode(modality, content, rate)
    if isinstance(raw, Recording):
        return encode_pcm(raw), raw.rate
    return content, None


def _raw(modality: Modality, content: bytes | str, rate: int | None) -> Raw:
    """Return one sample as people know it; a sound as 16 bits, as networks were trained on it."""
    raw = decode(modality, content, rate)
    return sixteen_bits(raw) if isinstance(raw, Recording) else raw


def fetch(place: str, base: Path | None) -> bytes:
    """Return the bytes behind a path or a URL.

    Args:
        place: the path or URL.
        base: what a relative path is relative to; None refuses it.

    Raises:
        DataError: it cannot be read.
    """
    try:
        if "://" in place:
            with fsspec.open(place, "rb") as file:
                content: bytes = file.read()
                return content
        if base is None and not Path(place).is_absolute():
            raise DataError(f"{place!r} is relative, but there is no folder that it is relative to")
        return (base / place if base else Path(place)).read_bytes()
    except DataError:
        raise
    # Every file system behind fsspec has errors of its own.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{place!r} cannot be read: {reason}") from error

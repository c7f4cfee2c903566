"""From values of a manifest to what stands in the packed file; every sample is decoded once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa

from brainray.datasets.dataset import rate_column
from brainray.datasets.samples import decode_audio, decode_image, decode_text, encode_pcm
from brainray.errors import DataError
from brainray.shapes import IntArray, Modality


def pack_inputs(
    table: pa.Table, row_N: IntArray, inputs: Mapping[str, Modality], base: Path | None
) -> dict[str, Any]:
    """Return the packed columns of all inputs for some rows; every sample is decoded once."""
    chunk = table.take(pa.array(row_N))
    columns: dict[str, Any] = {}
    for name, modality in inputs.items():
        values = chunk.column(name).to_pylist()
        rates = _rates(chunk, name) if modality == "audio" else [None] * len(values)
        packed: list[tuple[bytes | str | None, int | None]] = []
        for row, value, rate in zip(row_N, values, rates, strict=True):
            try:
                packed.append(_pack_sample(modality, value, rate, base))
            except DataError as error:
                raise DataError(f"row {row}, column {name}: {error}") from error
        columns[name] = [sample for sample, _ in packed]
        if modality == "audio":
            columns[rate_column(name)] = [rate for _, rate in packed]
    return columns


def _rates(chunk: pa.Table, name: str) -> list[Any]:
    for column in (rate_column(name), "rate"):
        if column in chunk.column_names:
            rates: list[Any] = chunk.column(column).to_pylist()
            return rates
    return [None] * len(chunk)


def _pack_sample(
    modality: Modality, value: Any, rate: Any, base: Path | None
) -> tuple[bytes | str | None, int | None]:
    """Return one sample as it stands in the packed file, and the rate of a sound."""
    if value is None:
        return None, None
    if modality == "text":
        return decode_text(value), None
    if isinstance(value, str):
        content, rate = fetch(value, base), None
    elif isinstance(value, bytes):
        content = value
    else:
        raise DataError(f"must be bytes, a path or a URL, not {type(value).__name__}")
    if modality == "image":
        decode_image(content)
        return content, None
    if rate is not None and not (isinstance(rate, int | float) and float(rate).is_integer()):
        raise DataError(f"the rate must be a whole number of Hz, not {rate!r}")
    recording = decode_audio(content, None if rate is None else int(rate))
    return encode_pcm(recording), recording.rate


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

"""From the body of a request to raw samples: read within limits, then decoded."""

import base64
import binascii
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from brainray.datasets.samples import decode
from brainray.errors import DataError
from brainray.shapes import Modality, Raw

from .bodies import CLOSE, read_body
from .limits import Limits

FORM, JSON = b"multipart/form-data", b"application/json"

RATE = "_rate"
"""Ends the name of the field that says the sampling rate of raw PCM bytes, in Hz."""


@dataclass(frozen=True)
class Given:
    """One input as the request brought it.

    Attributes:
        content: bytes of an image or a sound, or a text.
        rate: of int16 PCM bytes, in Hz.
    """

    content: bytes | str
    rate: int | None = None


async def read_inputs(
    request: Request, inputs: Mapping[str, Modality], limits: Limits
) -> dict[str, Given]:
    """Read the inputs of a request, multipart or JSON; nothing is decoded yet.

    Args:
        request: whose body has not been read.
        inputs: that the model takes, and their modalities.
        limits: of the body.

    Raises:
        HTTPException: 400, 408, 413, 415 or 422, with what is wrong and what is allowed.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    kind = kind.lower()
    if kind not in (FORM, JSON):
        raise HTTPException(
            415,
            f"Content-Type {kind.decode('latin-1') or 'is missing'!r}: allowed are "
            f"{FORM.decode()} and {JSON.decode()}",
            CLOSE,
        )
    charset = options.get(b"charset", b"utf-8")
    if charset.lower() != b"utf-8":
        raise HTTPException(
            415, f"Content-Type: charset {_short(charset)}: allowed is utf-8", CLOSE
        )
    body = await read_body(request, limits.body_bytes, limits.body_seconds)
    if kind == FORM:
        # What was cut off must not pass for a request with fewer inputs.
        if not body.rstrip().endswith(b"--" + options.get(b"boundary", b"") + b"--"):
            raise HTTPException(400, "body: is no multipart form: its closing boundary is missing")
        return _given(await _form(request, body, limits), inputs)
    return _given(_json(body, limits), inputs)


def decode_inputs(
    given: Mapping[str, Given], inputs: Mapping[str, Modality], limits: Limits
) -> dict[str, Raw]:
    """Decode what a request brought.

    Raises:
        LargeSampleError: a sample is beyond the limits.
        DataError: one cannot be read; both name the input.
    """
    raws = {}
    for name, part in given.items():
        try:
            raws[name] = decode(
                inputs[name],
                part.content,
                part.rate,
                max_pixels=limits.pixels,
                max_samples=limits.audio_samples,
                max_seconds=limits.seconds,
                max_characters=limits.characters,
            )
        except DataError as error:
            raise type(error)(f"input {name!r}: {error}") from error
    return raws


async def _form(request: Request, body: bytes, limits: Limits) -> dict[str, Any]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        request.headers,
        stream(),
        max_files=limits.parts,
        max_fields=limits.parts,
        max_part_size=limits.body_bytes,
    )
    parser.spool_max_size = limits.body_bytes  # it is in memory already
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError) as error:
        raise HTTPException(400, f"body: is no multipart form: {error}") from error
    fields: dict[str, Any] = {}
    try:
        for name, value in form.multi_items():
            if name in fields:
                raise HTTPException(422, f"input {_short(name)}: is given twice")
            fields[name] = value if isinstance(value, str) else await value.read()
    finally:
        await form.close()
    return fields


def _json(body: bytes, limits: Limits) -> dict[str, Any]:
    # Texts may have commas, files in base64 have none; a million values take seconds to parse.
    if sum(map(body.count, (b",", b"[", b"{"))) > limits.separators:
        raise HTTPException(
            422, f"body: has more than {limits.separators} of the characters ',', '[' and '{{'"
        )
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"body: is no JSON: {error}") from error
    if not isinstance(fields, dict):
        raise HTTPException(422, f"body: must be an object, not {type(fields).__name__}")
    return fields


def _given(fields: Mapping[str, Any], inputs: Mapping[str, Modality]) -> dict[str, Given]:
    rates = {f"{name}{RATE}": name for name in inputs if inputs[name] == "audio"}
    for name in fields:
        if name not in inputs and name not in rates:
            allowed = ", ".join([*inputs, *rates])
            raise HTTPException(422, f"input {_short(name)}: allowed are {allowed}")
    # What JSON writes for a missing input.
    there = {name: value for name, value in fields.items() if value is not None}
    given = {
        name: Given(
            _text(name, there[name]) if inputs[name] == "text" else _bytes(name, there[name]),
            _rate(f"{name}{RATE}", there.get(f"{name}{RATE}")),
        )
        for name in inputs
        if name in there
    }
    if not given:
        raise HTTPException(422, f"inputs: give at least one of {', '.join(inputs)}")
    for rate, name in rates.items():
        if rate in there and name not in given:
            raise HTTPException(422, f"{rate}: is given without {name}")
    return given


def _short(value: str | bytes) -> str:
    """Return something from outside as a message may hold it."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return repr(text[:40]) + ("…" if len(text) > 40 else "")


def _text(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise HTTPException(422, f"input {name!r}: is no UTF-8 text") from error
    if not isinstance(value, str):
        raise HTTPException(422, f"input {name!r}: must be a text, not {type(value).__name__}")
    return value


def _bytes(name: str, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise HTTPException(
        422, f"input {name!r}: must be a file of a multipart form, or a base64 text in JSON"
    )


def _rate(name: str, value: Any) -> int | None:
    if value is None:
        return None
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or len(text) > 9:
        raise HTTPException(422, f"{name}: must be a whole number of Hz, not {text[:40]!r}")
    return int(text)

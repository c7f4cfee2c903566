"""From the body of a request to raw samples: read within limits, then decoded."""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from brainray.datasets.samples import decode
from brainray.errors import DataError
from brainray.shapes import Modality, Raw

from .limits import Limits

CLOSE = {"Connection": "close"}
"""Of an answer that does not wait for the rest of the body."""

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
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limits.body_bytes:
        raise _too_large(limits)
    try:
        async with asyncio.timeout(limits.body_seconds):
            body = await _body(request, limits)
    except TimeoutError as error:
        raise HTTPException(
            408, f"body: had not arrived after {limits.body_seconds:g} s", CLOSE
        ) from error
    except ClientDisconnect as error:
        raise HTTPException(400, "body: ended early", CLOSE) from error
    if kind == FORM:
        # What was cut off must not pass for a request with fewer inputs.
        if not body.rstrip().endswith(b"--" + options.get(b"boundary", b"") + b"--"):
            raise HTTPException(400, "body: is no multipart form: its closing boundary is missing")
        return _given(await _form(request, body, limits), inputs)
    return _given(_json(body), inputs)


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
            )
        except DataError as error:
            raise type(error)(f"input {name!r}: {error}") from error
    return raws


async def _body(request: Request, limits: Limits) -> bytes:
    """Return the body, unless it turns out to be larger than allowed."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limits.body_bytes:
            raise _too_large(limits)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limits: Limits) -> HTTPException:
    return HTTPException(413, f"body: at most {limits.body_bytes} bytes are allowed", CLOSE)


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
                raise HTTPException(422, f"input {name!r}: is given twice")
            fields[name] = value if isinstance(value, str) else await value.read()
    finally:
        await form.close()
    return fields


def _json(body: bytes) -> dict[str, Any]:
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
            raise HTTPException(422, f"input {name!r}: allowed are {', '.join([*inputs, *rates])}")
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

"""One file from the web: resumed where it broke off, checked, and there whole or not at all."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from brainray.datasets.files import sha256_of
from brainray.errors import DataError

Progress = Callable[[int, int | None], None]
"""Told the bytes that are there and, if the server says it, how many there will be."""

TRIES = 3
TIMEOUT_SECONDS = 30.0


class UnreachableError(DataError):
    """The file could not be had: no network, no such server, or no such file on it."""


def fetch(
    url: str,
    path: Path,
    *,
    sha256: str | None = None,
    size: int | None = None,
    on_progress: Progress = lambda done, total: None,
    pause_seconds: float = 1.0,
) -> None:
    """Download ``url`` to ``path``, unless it lies there already.

    What has come so far is kept in ``<path>.part``; the next try, or the next call, asks the
    server for the rest only (RFC 9110, range requests), and starts again if it sends the whole.

    Args:
        url: of the file; redirects are followed.
        path: where it is to lie; its folder is made.
        sha256: what it must have.
        size: in bytes, what it must have.
        on_progress: told how far it is.
        pause_seconds: before the second try; doubled before each further one.

    Raises:
        UnreachableError: it could not be had in `TRIES` tries; what came is kept.
        DataError: it came, but with another sha256 or size; it is thrown away.
    """
    if path.exists():
        _check(path, url, sha256, size)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    for number in range(TRIES):
        if number:
            time.sleep(pause_seconds * 2 ** (number - 1))
        try:
            _receive(url, part, on_progress)
            break
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            if status < 500 and status not in (408, 429):
                raise UnreachableError(f"{url}: the server says {_phrase(error)}") from error
            reason = f"the server says {_phrase(error)}"
        except httpx.RequestError as error:
            reason = str(error) or type(error).__name__
    else:
        raise UnreachableError(f"{url}: cannot be reached: {reason}")
    _check(part, url, sha256, size)
    part.replace(path)


def _receive(url: str, part: Path, on_progress: Progress) -> None:
    """Append what is missing to ``part``, or write it anew if the server sends all of it."""
    there = part.stat().st_size if part.exists() else 0
    # Packed on the way, lengths and ranges would not be those of the file.
    headers = {"Accept-Encoding": "identity"}
    if there:
        headers["Range"] = f"bytes={there}-"
    with httpx.stream(
        "GET", url, headers=headers, follow_redirects=True, timeout=TIMEOUT_SECONDS
    ) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and there:
            if response.headers.get("Content-Range") == f"bytes */{there}":
                return  # All was there already.
            part.unlink()
            raise httpx.ReadError("the part that was there does not fit the file")
        response.raise_for_status()
        partial = response.status_code == httpx.codes.PARTIAL_CONTENT
        if partial and _first_byte(response) != there:
            part.unlink(missing_ok=True)
            raise httpx.ReadError("the server sent another range than was asked for")
        done = there if partial else 0
        length = response.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        with part.open("ab" if partial else "wb") as file:
            on_progress(done, total)
            for block in response.iter_raw():
                file.write(block)
                done += len(block)
                on_progress(done, total)


def _first_byte(response: httpx.Response) -> int | None:
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _phrase(error: httpx.HTTPStatusError) -> str:
    return f"{error.response.status_code} {error.response.reason_phrase}".strip()


def _check(path: Path, url: str, sha256: str | None, size: int | None) -> None:
    """Throw the file away, and say why, if it is not what it must be."""
    wrong = ""
    if size is not None and path.stat().st_size != size:
        wrong = f"has {path.stat().st_size} bytes, it must have {size}"
    elif sha256 is not None and (found := sha256_of(path)) != sha256:
        wrong = f"has the sha256 {found}, it must have {sha256}"
    if wrong:
        path.unlink()
        raise DataError(f"{url}: what came {wrong}; it was thrown away")

"""The files of a detector's weights: on this machine, or fetched from a URL when needed."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated
from urllib.parse import urlsplit
from uuid import uuid4

import fsspec
import httpx
from pydantic import Field, StringConstraints

from brainray.errors import NetworkError
from brainray.files import is_url
from brainray.settings import load_settings

Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
BLOCK = 1 << 20
TIMEOUT_SECONDS = 30.0
"""Without anything from the server."""


def local_file(place: str | Path, sha256: str | None = None) -> Path:
    """Return the path of a file, which is fetched first if it is named by a URL.

    What was fetched once is kept in the folder ``detectors`` of the cache, and not fetched again.

    Args:
        place: a path, or a URL: ``https://``, or what fsspec reads (``s3://``, ``file://``, …).
        sha256: what the file must have; None for anything.

    Raises:
        NetworkError: it cannot be fetched, or has another sha256.
    """
    if not is_url(place):
        path = Path(place)
        if sha256 is not None:
            _check(path, sha256, f"weights {path}", "")
        return path
    url = str(place)
    path = cached_path(url)
    if not path.is_file():
        _fetch(url, path, sha256)
    elif sha256 is not None:
        _check(path, sha256, f"weights {url}", f"; remove {path} to have it fetched again")
    return path


def cached_path(url: str) -> Path:
    """Return where a file lies once it has been fetched."""
    name = re.sub(r"[^A-Za-z0-9_.+-]", "_", urlsplit(url).path.rpartition("/")[2]) or "weights"
    folder = hashlib.sha256(url.encode()).hexdigest()[:16]
    return load_settings().cache / "detectors" / folder / name


def _fetch(url: str, path: Path, sha256: str | None) -> None:
    """Fetch a file in blocks: others see it whole or not at all, and only if it is right."""
    temporary = path.with_name(f".{uuid4().hex}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _reported(url, path), temporary.open("xb") as file:
            _receive(url, file)
        if sha256 is not None:
            _check(temporary, sha256, f"weights {url}", "; it was thrown away")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _receive(url: str, file: IO[bytes]) -> None:
    if not url.startswith(("http://", "https://")):
        with fsspec.open(url, "rb") as source:
            shutil.copyfileobj(source, file, BLOCK)
        return
    # fsspec would give up after five minutes, however well it goes.
    with httpx.stream(
        "GET",
        url,
        headers={"Accept-Encoding": "identity"},
        follow_redirects=True,
        timeout=TIMEOUT_SECONDS,
    ) as response:
        response.raise_for_status()
        for block in response.iter_raw():
            file.write(block)


@contextmanager
def _reported(url: str, path: Path) -> Iterator[None]:
    """Turn what a file system raises into one line."""
    try:
        yield
    except Exception as error:  # each file system raises the errors of its own libraries
        reason = next(iter(str(error).splitlines()), "")[:300] or type(error).__name__
        raise NetworkError(
            f"weights {url}: cannot be fetched: {reason}; by hand: save that file as {path}"
        ) from error


def _check(path: Path, sha256: str, what: str, advice: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NetworkError(f"{what}: cannot be read: {error.strerror}") from error
    if found != sha256:
        raise NetworkError(f"{what}: has the sha256 {found}, it must have {sha256}{advice}")


def one_source(weights: str | Path | None, random_weights: int | None, detector: str) -> None:
    """Raise `NetworkError` unless weights are either in a file or drawn: nothing is guessed."""
    if (weights is None) == (random_weights is None):
        raise NetworkError(
            f"{detector}: weights: give a file or a URL, or random_weights a seed to have them "
            f"drawn; given are {'neither' if weights is None else 'both'}"
        )

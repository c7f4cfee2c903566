"""Local files that others see whole or not at all."""

import os
from pathlib import Path
from uuid import uuid4


def write_atomically(path: Path, data: bytes) -> None:
    """Write a local file that others see whole or not at all, even after a power failure.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def is_url(place: str | Path) -> bool:
    """Return whether a file is named by a URL, e.g. ``s3://bucket/file``, and not by a path."""
    return isinstance(place, str) and "://" in place


def below(folder: Path, place: str | Path) -> str | Path:
    """Return a file's place as one sees it from elsewhere: a path counts from the folder."""
    return place if is_url(place) else folder / place

"""A process that is killed at its n-th write, for tests that try every n.

Writes are what changes a file of the store, and what commits a transaction. A crash comes before
one, after one, or, where a local file is written, in its middle.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from sqlalchemy.engine.default import DefaultDialect

from brainray.catalog.store import Store


class Crash(BaseException):
    """The process is gone; no handler of errors catches it."""


class CrashPoints:
    """Counts the points at which a process may be killed, and crashes at one of them.

    Attributes:
        left: how many points are still passed before the crash.
    """

    def __init__(self, at: int) -> None:
        self.left = at

    def point(self) -> None:
        """Crash, if this is where."""
        self.left -= 1
        if self.left < 0:
            raise Crash


@contextmanager
def crash_at(number: int) -> Iterator[CrashPoints]:
    """Raise `Crash` at the point of this number, from 0, if the body has so many.

    Yields:
        the points; ``left`` is not negative if the body was not killed.
    """
    points = CrashPoints(number)

    def killed(write: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any) -> Any:
            points.point()
            done = write(*arguments)
            points.point()
            return done

        return wrapped

    write = killed(Store._write)

    def torn(store: Store, place: str, data: bytes) -> None:
        if store._local:
            path = Path(place)
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_name(f".{uuid4().hex}.tmp")
            half.write_bytes(data[: len(data) // 2])
            points.point()
            half.unlink()
        write(store, place, data)

    with (
        patch.object(Store, "_write", torn),
        patch.object(Store, "_copy", killed(Store._copy)),
        patch.object(Store, "_remove", killed(Store._remove)),
        patch.object(DefaultDialect, "do_commit", killed(DefaultDialect.do_commit)),
    ):
        yield points

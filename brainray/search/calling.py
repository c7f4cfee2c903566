"""Calls of a searcher, which may be anybody's: what it raises becomes one line that names it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from brainray.errors import BrainrayError, SearchError
from brainray.search.interface import Searcher, Space


@contextmanager
def calling(name: str, call: str) -> Iterator[None]:
    """Say which searcher and which call of it raised an error; its cause is the error itself.

    Args:
        name: of the searcher.
        call: that the block makes, e.g. ``ask(0)``.

    Raises:
        SearchError: the block raised what is no `BrainrayError`, which would name what is wrong.
    """
    try:
        yield
    except BrainrayError:
        raise
    except Exception as error:  # a plug-in may raise anything
        reason = ": ".join(filter(None, [type(error).__name__, str(error).partition("\n")[0]]))
        raise SearchError(f"searcher {name!r}: {call} raised {reason}") from error


def made(name: str, make: Any, space: Space, seed: int, **options: Any) -> Searcher:
    """Make a searcher.

    Args:
        name: of the searcher.
        make: what its entry point stands for.
        space: what is searched.
        seed: of the run.
        options: of the searcher, beside its defaults.

    Raises:
        SearchError: its constructor raised an error, or it cannot be asked or told.
        BrainrayError: what its constructor raised on purpose.
    """
    with calling(name, "its constructor"):
        searcher: Searcher = make(space, seed, **options)
    for method in ("ask", "tell"):
        if not callable(getattr(searcher, method, None)):
            raise SearchError(f"searcher {name!r}: has no method {method}")
    return searcher

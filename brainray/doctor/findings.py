"""A finding of the doctor: what was looked at, how it is, and what mends it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: what was looked at.
        level: ``problem`` keeps something from working, ``warning`` may.
        value: how it is.
        fix: a command or a step that mends it; empty if all is well.
    """

    check: str
    level: Level
    value: str
    fix: str = ""


def examine(check: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield what a look finds; one that cannot be taken is a finding itself.

    Args:
        check: what is looked at.
        look: may raise anything, a broken package's errors among it.
    """
    try:
        yield from look()
    except Exception as error:  # whatever is broken here is what is looked for
        reason = " ".join(str(error).split()) or type(error).__name__
        yield Finding(
            check, "problem", f"cannot be looked at: {reason}", "mend what is above first"
        )

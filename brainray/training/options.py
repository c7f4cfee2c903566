"""Checks of options; what they refuse of a strategy, a scenario names with the key's path."""

import math
from typing import Any

from brainray.errors import TrainingError


def whole(what: str, value: Any, least: int, most: int) -> int:
    """Return a whole number in this range.

    Raises:
        TrainingError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise TrainingError(f"{what}: must be a whole number from {least} to {most}, not {value!r}")
    return value


def number(what: str, value: Any, least: float, most: float) -> float:
    """Return a number in this range.

    Raises:
        TrainingError: it is none.
    """
    if not _is_number(value) or not least <= value <= most:
        raise TrainingError(f"{what}: must be a number from {least} to {most}, not {value!r}")
    return float(value)


def at_least(what: str, value: Any, least: float) -> float:
    """Return a finite number that is not less.

    Raises:
        TrainingError: it is none.
    """
    if not _is_number(value) or not least <= value < math.inf:
        raise TrainingError(f"{what}: must be a finite number of at least {least}, not {value!r}")
    return float(value)


def above(what: str, value: Any, bound: float) -> float:
    """Return a number that is more, which may be infinite.

    Raises:
        TrainingError: it is none.
    """
    if not _is_number(value) or not value > bound:
        raise TrainingError(f"{what}: must be a number above {bound}, not {value!r}")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def one_of(what: str, value: Any, *allowed: str) -> str:
    """Return one of the allowed words.

    Raises:
        TrainingError: it is another one.
    """
    if value not in allowed:
        raise TrainingError(f"{what}: must be one of {', '.join(allowed)}, not {value!r}")
    return str(value)


def truth(what: str, value: Any) -> bool:
    """Return a boolean.

    Raises:
        TrainingError: it is none.
    """
    if not isinstance(value, bool):
        raise TrainingError(f"{what}: must be true or false, not {value!r}")
    return value

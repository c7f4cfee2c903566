"""Checks of a strategy's options; what they refuse, a scenario names with the key's path."""

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
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise TrainingError(f"{what}: must be a number from {least} to {most}, not {value!r}")
    return float(value)


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

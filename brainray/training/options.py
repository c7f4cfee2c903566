"""Checks of a strategy's options; what they refuse, a scenario names with the key's path."""

import inspect
from collections.abc import Mapping
from typing import Any

from brainray import plugins
from brainray.errors import TrainingError
from brainray.training.interface import Strategy


def build(name: str, options: Mapping[str, Any]) -> Strategy:
    """Return a new instance of a strategy.

    Args:
        name: in the entry-point group ``brainray.strategies``.
        options: of the strategy, beside its defaults.

    Raises:
        PluginError: no installed package offers it.
        TrainingError: it has no such option, or the value is not allowed.
    """
    strategy = plugins.load("strategies", name)
    allowed = list(inspect.signature(strategy).parameters)
    for option in options:
        if option not in allowed:
            known = f"allowed are {', '.join(allowed)}" if allowed else f"{name} has none"
            raise TrainingError(f"{option}: unknown option, {known}")
    made: Strategy = strategy(**options)
    return made


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

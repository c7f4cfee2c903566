"""The fields that filters, sorts and facets speak of: the nine of paper Table 1, and the rest.

A multi-valued field fits a condition when one of its values does.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Literal, TypeAlias

from brainray.errors import FilterError

Value: TypeAlias = str | int | float | date | datetime
Type: TypeAlias = Literal["text", "count", "fraction", "time"]

ALLOWED: dict[Type, str] = {
    "text": "text",
    "count": "a whole number from 0 to 2^63 - 1, with k, M, G, Ki, Mi or Gi if you like, e.g. 25M",
    "fraction": "a fraction in [0, 1] or a percentage, e.g. 0.9 or 90%",
    "time": "a day or a time from 1970 to 2999, e.g. 2026-11-24 or 2026-11-24T18:00Z",
}

_LARGEST = 2**63 - 1
_YEARS = range(1970, 3000)
_COUNT = re.compile(r"(\d+(?:\.\d+)?)([kKMGT]i?)?B?", re.ASCII)
_UNITS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


@dataclass(frozen=True)
class Field:
    """What can be asked about a model.

    Attributes:
        name: as filters write it.
        type: of its values.
        multiple: whether a model may have several values.
        optional: whether a model may have none.
        known: whether the values are in the catalog, so that an unknown one is an error.
    """

    name: str
    type: Type = "text"
    multiple: bool = False
    optional: bool = False
    known: bool = False


FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        Field("id"),
        Field("name"),
        Field("version", "count"),
        Field("network", known=True),
        Field("kind", known=True),
        Field("region", multiple=True, optional=True, known=True),
        Field("home", multiple=True, known=True),
        Field("function", multiple=True, optional=True, known=True),
        Field("category", known=True),
        Field("modality", multiple=True, known=True),
        Field("data_set", multiple=True, known=True),
        Field("parameters", "count"),
        Field("size", "count"),
        Field("accuracy", "fraction", optional=True),
        Field("optimizer", known=True),
        Field("platform", known=True),
        Field("created", "time"),
        Field("run", optional=True),
        Field("parent", optional=True),
    )
}


def field_of(name: str) -> Field:
    """Return the field of this name.

    Raises:
        FilterError: there is none.
    """
    found = FIELDS.get(name.lower().replace("-", "_"))
    if found is not None:
        return found
    close = get_close_matches(name.lower(), FIELDS, n=3)
    hint = f"did you mean {' or '.join(close)}" if close else f"allowed are {', '.join(FIELDS)}"
    raise FilterError(f"field {name!r}: unknown, {hint}")


def value_of(field: Field, value: object) -> Value:
    """Return a value as the field has it: text is read, e.g. ``25M``, ``96%`` or ``2026-11-24``.

    Raises:
        FilterError: the field cannot have such a value.
    """
    try:
        return _READ[field.type](value)
    except (ValueError, TypeError, ArithmeticError) as error:
        shown = value if isinstance(value, str) else str(value)
        raise FilterError(
            f"field {field.name!r}: value {shown!r}, allowed is {ALLOWED[field.type]}"
        ) from error


def written(value: Value) -> str:
    """Return a value as it is written in a filter, so that `value_of` reads the same."""
    if isinstance(value, int):
        for unit, factor in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
            if value and value % factor == 0:
                return f"{value // factor}{unit}"
        return str(value)
    if isinstance(value, float):
        return repr(value)
    return value if isinstance(value, str) else value.isoformat()


def _text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError
    value.encode()  # PostgreSQL takes neither NUL nor halves of surrogate pairs
    return value


def _count(value: object) -> int:
    if isinstance(value, str):
        match = _COUNT.fullmatch(value)
        if match is None:
            raise ValueError
        number, unit = match[1], match[2] or ""
        power = _UNITS[unit.removesuffix("i")]
        exact = Decimal(number) * (1024 if unit.endswith("i") else 1000) ** power
        value = int(exact)
        if value != exact:
            raise ValueError
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
        raise ValueError
    return value


def _fraction(value: object) -> float:
    if isinstance(value, str):
        percent = value.endswith("%")
        value = float(Decimal(value.removesuffix("%")) / (100 if percent else 1))
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError
    return abs(float(value))  # no -0.0


def _time(value: object) -> date | datetime:
    if isinstance(value, str):
        # A day stays a day: it means all of it.
        value = date.fromisoformat(value) if len(value) <= 10 else datetime.fromisoformat(value)
    if isinstance(value, datetime):
        value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if not isinstance(value, date) or value.year not in _YEARS:
        raise ValueError
    return value


_READ: dict[Type, Callable[[object], Value]] = {
    "text": _text,
    "count": _count,
    "fraction": _fraction,
    "time": _time,
}

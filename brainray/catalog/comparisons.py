"""What the columns of the catalog are compared with, alike in SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, and_, func, or_

from brainray.catalog.filters import Range
from brainray.catalog.filters.fields import Value

Condition: TypeAlias = ColumnElement[bool]
Test: TypeAlias = Callable[[Any], Condition]
"""From a column to a condition on it."""


def is_one_of(column: Any, values: tuple[Value, ...]) -> Condition:
    """Return the condition that a column has one of the values; of a day, any of its moments."""
    days = [value for value in values if isinstance(value, date | datetime)]
    if days:
        return or_(*(is_between(column, Range("created", day, day)) for day in days))
    fits: Condition = column == values[0] if len(values) == 1 else column.in_(values)
    return fits


def is_between(column: Any, asked: Range) -> Condition:
    """Return the condition that a column is within a range."""
    ends: list[Condition] = []
    if asked.low is not None:
        low, after = _end(asked.low, asked.above)
        ends.append(column > low if asked.above and not after else column >= low)
    if asked.high is not None:
        high, before = _end(asked.high, not asked.below)
        ends.append(column < high if asked.below or before else column <= high)
    return and_(*ends)


def _end(value: Value, after: bool) -> tuple[Value, bool]:
    """Return an end of a range; a day's is its first moment or, ``after`` it, the next day's.

    The flag says whether it is that of the next day.
    """
    if not isinstance(value, date) or isinstance(value, datetime):
        return value, False
    moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
    return (moment + timedelta(days=1), True) if after else (moment, False)


def contains_of(dialect: str) -> Callable[[str], Test]:
    """Return what makes a text into the test for it, alike in all databases for ASCII letters."""

    def contains(text: str) -> Test:
        if dialect == "sqlite":  # its LIKE takes ASCII letters of either case, and only those
            return lambda column: column.contains(text, autoescape=True)
        small = "".join(letter.lower() if letter.isascii() else letter for letter in text)
        return lambda column: func.lower(column.collate("C")).contains(small, autoescape=True)

    return contains

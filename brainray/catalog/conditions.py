"""Filters as SQL conditions on the table of pretrained models.

What is a fact of the network or of the data set is looked up in their small tables, not joined:
``network IN (SELECT …)``. Every condition is true or false, never SQL's third value: a value that
is missing fits none, so that NOT means what it says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias, assert_never

from sqlalchemy import ColumnElement, String, and_, func, literal_column, not_, or_, true
from sqlmodel import Session, col, select

from brainray.catalog.facts import data_set_values, network_values
from brainray.catalog.filters import (
    FIELDS,
    And,
    Contains,
    Filter,
    In,
    Missing,
    Not,
    Or,
    Range,
    Text,
)
from brainray.catalog.filters.fields import Value
from brainray.catalog.tables import PretrainedModel
from brainray.catalog.vocabulary import resolved
from brainray.errors import FilterError

Condition: TypeAlias = ColumnElement[bool]
Test: TypeAlias = Callable[[Any], Condition]
"""From a column to a condition on it."""

MOST_CONDITIONS = 500
"""Of one filter, ANDs, ORs and NOTs included."""

DEEPEST = 60
"""ANDs, ORs and NOTs within each other."""

COLUMNS: dict[str, Any] = {
    "id": PretrainedModel.id,
    "name": PretrainedModel.name,
    "version": PretrainedModel.version,
    "network": PretrainedModel.network,
    "home": PretrainedModel.sub_region,
    "parameters": PretrainedModel.parameters,
    "size": PretrainedModel.size_bytes,
    "accuracy": PretrainedModel.accuracy,
    "optimizer": PretrainedModel.optimizer,
    "platform": PretrainedModel.platform,
    "created": PretrainedModel.created,
    "run": PretrainedModel.run_id,
    "parent": PretrainedModel.parent,
}
"""The fields that are columns of the models themselves."""


def condition(session: Session, tree: Filter | None, sorting: bool = False) -> Condition:
    """Return the SQL condition of a filter; without one every model fits.

    Args:
        session: of the catalog.
        tree: the filter.
        sorting: whether so many fit that SQLite, which does not know that, shall read them in
            the order of the sort rather than network by network.

    Raises:
        FilterError: it is too large, or a value is not in the catalog.
    """
    if tree is None:
        return true()
    if _size(tree, 1) > MOST_CONDITIONS:
        raise FilterError(f"filter: has more than {MOST_CONDITIONS} conditions")
    dialect = session.get_bind().dialect.name
    network: Any = col(PretrainedModel.network)
    if sorting and dialect == "sqlite":
        network = literal_column("+pretrained_model.network", String)  # no index is used for this
    return _condition(resolved(session, tree), _Words(_contains_of(dialect), network))


@dataclass(frozen=True)
class _Words:
    """What is said differently to different databases."""

    contains: Callable[[str], Test]
    network: Any


def _size(tree: Filter, depth: int) -> int:
    if depth > DEEPEST:
        raise FilterError(f"filter: has more than {DEEPEST} levels")
    match tree:
        case And(parts) | Or(parts):
            return 1 + sum(_size(part, depth + 1) for part in parts)
        case Not(part):
            return 1 + _size(part, depth + 1)
        case _:
            return 1


def _condition(tree: Filter, words: _Words) -> Condition:
    match tree:
        case And(parts):
            return and_(*(_condition(part, words) for part in parts))
        case Or(parts):
            return or_(*(_condition(part, words) for part in parts))
        case Not(part):
            return not_(_condition(part, words))
        case Text():
            return and_(*(_anywhere(words.contains(word), words) for word in tree.words))
        case In():
            return _fits(tree.field, lambda column: _is_one_of(column, tree.values), words)
        case Range():
            return _fits(tree.field, lambda column: _is_between(column, tree), words)
        case Contains():
            return _fits(tree.field, words.contains(tree.text), words)
        case Missing():
            return not_(_fits(tree.field, lambda column: column.is_not(None), words))
        case _:
            assert_never(tree)


def _fits(field: str, test: Test, words: _Words) -> Condition:
    """Return the condition that one of the field's values passes the test."""
    model = PretrainedModel
    if field in COLUMNS:
        column: Any = col(COLUMNS[field])
        fits: Condition = test(column)
        return and_(column.is_not(None), fits) if FIELDS[field].optional else fits
    if field == "data_set":
        names = data_set_values()
        return col(model.data_set).in_(select(names.c.data_set).where(test(names.c.value)))
    values = network_values(field)
    network: Condition = words.network.in_(select(values.c.network).where(test(values.c.value)))
    return network


def _anywhere(contains: Test, words: _Words) -> Condition:
    """Return the condition that a word occurs in what free text looks at."""
    fields = ("id", "name", "network", "category", "data_set", "function")
    return or_(*(_fits(field, contains, words) for field in fields))


def _is_one_of(column: Any, values: tuple[Value, ...]) -> Condition:
    days = [value for value in values if isinstance(value, date | datetime)]
    if days:
        return or_(*(_is_between(column, Range("created", day, day)) for day in days))
    fits: Condition = column == values[0] if len(values) == 1 else column.in_(values)
    return fits


def _is_between(column: Any, asked: Range) -> Condition:
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


def _contains_of(dialect: str) -> Callable[[str], Test]:
    """Return what makes a text into the test for it, alike in all databases for ASCII letters."""

    def contains(text: str) -> Test:
        if dialect == "sqlite":  # its LIKE takes ASCII letters of either case, and only those
            return lambda column: column.contains(text, autoescape=True)
        small = "".join(letter.lower() if letter.isascii() else letter for letter in text)
        return lambda column: func.lower(column.collate("C")).contains(small, autoescape=True)

    return contains

"""Pages of models: those that fit a filter, sorted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from brainray.catalog import queries
from brainray.catalog.conditions import COLUMNS, Conditions
from brainray.catalog.facts import network_values
from brainray.catalog.filters import Filter, field_of, parse
from brainray.catalog.tables import DataSet, PretrainedModel
from brainray.catalog.values import Model
from brainray.errors import FilterError

LARGEST_PAGE = 1000

MANY = 2000
"""Models that are sorted quicker by reading an index than by gathering them."""


@dataclass(frozen=True)
class Page:
    """Some of the models that fit.

    Attributes:
        models: of this page, in order.
        total: how many fit in all.
        offset: how many come before this page.
    """

    models: tuple[Model, ...]
    total: int
    offset: int

    @property
    def next_offset(self) -> int | None:
        """Where the next page begins, None if this is the last one."""
        end = self.offset + len(self.models)
        return end if self.models and end < self.total else None


def read_filter(given: Filter | str | None) -> Filter | None:
    """Return a filter that may be given as text.

    Raises:
        FilterError: it cannot be read.
    """
    return parse(given) if isinstance(given, str) else given


def page(session: Session, tree: Filter | None, sort: str, limit: int | None, offset: int) -> Page:
    """Return a page; see `Library.search`."""
    if limit is not None and not 1 <= limit <= LARGEST_PAGE:
        raise FilterError(f"limit: {limit}, allowed are 1 to {LARGEST_PAGE}")
    if offset < 0:
        raise FilterError(f"offset: {offset}, allowed are 0 and more")
    asked = Conditions(session, tree)
    fits = asked.condition()
    total = session.exec(select(func.count()).select_from(PretrainedModel).where(fits)).one()
    if total > MANY:
        fits = asked.condition(sorting=True)
    # The ids come from an index alone; only the models of the page are read whole.
    ids = session.exec(
        select(PretrainedModel.id).where(fits).order_by(*order(sort)).limit(limit).offset(offset)
    ).all()
    return Page(tuple(models_of(session, ids)), total, offset)


def order(sort: str) -> list[Any]:
    """Return what ``field``, ``field:asc`` or ``field:desc`` sorts by; equal models by their id.

    Raises:
        FilterError: there is no such field or direction.
    """
    name, _, direction = sort.partition(":")
    if direction not in ("", "asc", "desc"):
        raise FilterError(f"sort {sort!r}: direction {direction!r}, allowed are asc and desc")
    try:
        field = field_of(name)
    except FilterError as error:
        raise FilterError(f"sort: {error}") from error
    keys = [_key(field.name), col(PretrainedModel.id)]
    if direction == "desc":
        keys = [key.desc() for key in keys]
    if field.optional:
        keys[0] = keys[0].nulls_last()
    return keys if field.name != "id" else keys[1:]


def _key(field: str) -> Any:
    """Return what sorts a field; of several values, or of a name elsewhere, the first one."""
    model = PretrainedModel
    if field in COLUMNS:
        return col(COLUMNS[field])
    if field == "data_set":
        names = select(DataSet.name).where(DataSet.id == model.data_set)
        return names.scalar_subquery()
    values = network_values(field)
    first = select(func.min(values.c.value)).where(values.c.network == model.network)
    return first.scalar_subquery()


def models_of(session: Session, ids: Sequence[str]) -> list[Model]:
    """Return the models of these ids, in their order."""
    rows = session.exec(select(PretrainedModel).where(col(PretrainedModel.id).in_(ids))).all()
    values = {row.id: queries.model_value(row) for row in rows}
    return [values[identifier] for identifier in ids]

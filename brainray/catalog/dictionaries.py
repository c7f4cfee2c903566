"""The dictionaries of the catalog: what they hold, and rows that come and go as data."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column
from sqlmodel import Session, col, delete, select

from brainray.catalog import places, queries, regions, tables
from brainray.catalog.relocation import Moves
from brainray.errors import CatalogError

DICTIONARIES: dict[str, type[tables.Table]] = {
    "regions": tables.Region,
    "sub-regions": tables.SubRegion,
    "functions": tables.Function,
    "networks": tables.Network,
    "data-sets": tables.DataSet,
    "platforms": tables.Platform,
    "optimizers": tables.Optimizer,
}
"""By the name that they have on the command line."""
OWN = {
    "networks": (tables.NetworkSubRegion, tables.NetworkFunction),
}
"""The tables whose rows are a part of a row and go with it."""


def entries(session: Session, what: str) -> list[dict[str, Any]]:
    """Return all rows of a dictionary by name, as JSON values.

    Raises:
        CatalogError: there is no such dictionary.
    """
    rows = session.exec(select(_table(what))).all()
    return sorted((_json(row) for row in rows), key=lambda row: str(row["name"]))


def entry(session: Session, what: str, name: str) -> dict[str, Any]:
    """Return a row of a dictionary as JSON values; an old name of a region is followed.

    Raises:
        CatalogError: there is no such dictionary or row.
    """
    return _json(_row(session, what, name))


def add_function(
    session: Session, name: str, sub_region: str | None, definition: str, synonyms: Sequence[str]
) -> None:
    """Add a function of a sub-region, or a task of networks.

    Raises:
        CatalogError: a name or synonym means something already, or there is no such sub-region.
    """
    taken = {
        known: row.name
        for row in session.exec(select(tables.Function))
        for known in (row.name, *row.synonyms)
    }
    for one in (name, *synonyms):
        if not one or one in taken:
            raise CatalogError(f"function {one!r}: is {taken.get(one, 'no name')!r} already")
    home = None if sub_region is None else places.current(session, sub_region)
    if home is not None:
        queries.check_sub_region(session, home)
    session.add(
        tables.Function(name=name, sub_region=home, definition=definition, synonyms=list(synonyms))
    )
    session.flush()


def add_data_set(session: Session, name: str, source: str, classes: Sequence[str]) -> None:
    """Add a data set that is known by its name alone; one that is there already stays.

    Raises:
        CatalogError: the name is empty.
    """
    if not name.strip():
        raise CatalogError("data set: the name must not be empty")
    if session.get(tables.DataSet, name) is None:
        session.add(
            tables.DataSet(
                id=name,
                name=name,
                source=source,
                classes=list(classes),
                modalities={},
                rows={},
                created=datetime.now(UTC),
            )
        )
        session.flush()


def remove(session: Session, moves: Moves, what: str, name: str) -> None:
    """Remove a row that nothing refers to; the file of a data set goes with it.

    Raises:
        CatalogError: there is no such dictionary or row, or it is in use, by what is said.
    """
    if _table(what) in (tables.Region, tables.SubRegion):
        regions.remove(session, name)
        return
    row = _row(session, what, name)
    key = _key(row)
    for table, column in _references(type(row)):
        if table.name in {own.__tablename__ for own in OWN.get(what, ())}:
            continue
        shown = next(iter(table.primary_key.columns))
        users = session.execute(select(shown).where(column == key).distinct().limit(6)).scalars()
        if some := ", ".join(sorted(map(str, users))[:5]):
            raise CatalogError(f"{what[:-1]} {name!r}: is in use by {table.name}: {some}")
    for own in OWN.get(what, ()):
        session.execute(delete(own).where(col(own.network) == key))
    session.expire(row)
    if isinstance(row, tables.DataSet) and row.key is not None:
        moves.left.add(row.key)
    session.delete(row)
    session.flush()


def _table(what: str) -> type[tables.Table]:
    if what not in DICTIONARIES:
        raise queries.unknown("dictionary", what, sorted(DICTIONARIES))
    return DICTIONARIES[what]


def _row(session: Session, what: str, name: str) -> tables.Table:
    table = _table(what)
    if table in (tables.Region, tables.SubRegion):
        name = places.current(session, name)
    row = session.get(table, name)
    if row is None:
        rows = session.exec(select(table)).all()
        raise queries.unknown(what[:-1], name, [_key(row) for row in rows])
    return row


def _key(row: tables.Table) -> str:
    return row.id if isinstance(row, tables.DataSet) else str(row.model_dump()["name"])


def _references(target: type[tables.Table]) -> list[tuple[Any, Column[Any]]]:
    """Return the tables that refer to a table, each with the column."""
    return [
        (table, key.parent)
        for table in tables.Table.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table.name == target.__tablename__
    ]


def _json(row: tables.Table) -> dict[str, Any]:
    document = row.model_dump()
    if isinstance(row, tables.Network):
        document["sub_regions"] = [place.sub_region for place in row.places]
        document["functions"] = [task.function for task in row.tasks]
    if isinstance(row, tables.DataSet):
        document["created"] = row.created.isoformat()
    return document

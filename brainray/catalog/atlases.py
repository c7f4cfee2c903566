"""Brain atlases in the database, as functions of a session: added, read, grown and removed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from sqlalchemy import Column, Select, delete, func, insert, select
from sqlalchemy import Table as SqlTable
from sqlmodel import Session

from brainray.catalog import brain_checks, queries, tables
from brainray.catalog.brain import RELATION_KINDS, Association, AtlasRows, Relation, Roi
from brainray.errors import AtlasError

_TABLES = tables.Table.metadata.tables
ATLAS, ROI = _TABLES["atlas"], _TABLES["roi"]
ASSOCIATION, RELATION = _TABLES["association"], _TABLES["relation"]

CHUNK_ROWS = 1000
Chunk: TypeAlias = Sequence[Sequence[Any]]
"""Rows of plain columns."""


@dataclass(frozen=True)
class AtlasSummary:
    """How much an atlas says.

    Attributes:
        name: of the atlas.
        description: what it is and where it comes from.
        rois: how many.
        functions: how many excite an ROI.
        associations: how many.
        relations: how many of each kind.
    """

    name: str
    description: str
    rois: int
    functions: int
    associations: int
    relations: Mapping[str, int]


def add(session: Session, rows: AtlasRows) -> tuple[str, ...]:
    """Add an atlas, all or nothing, and return warnings.

    Args:
        session: of the transaction.
        rows: the atlas; functions may be named by synonyms.

    Raises:
        AtlasError: there is one of this name, or a row is wrong; see `brain_checks.check`.
    """
    if session.get(tables.Atlas, rows.name) is not None:
        raise AtlasError(f"atlas {rows.name!r}: is in the catalog already; remove it first")
    rows, warnings = brain_checks.check(rows, queries.meanings(session))
    of = {"atlas": rows.name}
    # In the order of the keys, so that what is read together lies together.
    relations = sorted(rows.relations, key=lambda one: (one.kind, one.a, one.b))
    _insert(session, ATLAS, [{"name": rows.name, "description": rows.description}])
    _insert(session, ROI, [of | vars(roi) | {"position": n} for n, roi in enumerate(rows.rois)])
    _insert(session, ASSOCIATION, [of | vars(association) for association in rows.associations])
    _insert(session, RELATION, [of | vars(relation) for relation in relations])
    return warnings


def add_roi(session: Session, atlas: str, roi: Roi) -> tuple[str, ...]:
    """Add an ROI behind those of an atlas, and return the warning that it has no function yet.

    Raises:
        AtlasError: there is no such atlas, or the ROI cannot be in it.
    """
    names = _names(session, atlas)
    brain_checks.check_roi(atlas, roi, names)
    last = select(func.max(ROI.c.position)).where(ROI.c.atlas == atlas)
    position = session.execute(last).scalar_one() + 1
    _insert(session, ROI, [{"atlas": atlas, "position": position} | vars(roi)])
    return brain_checks.idle([roi.name], len(names) + 1)


def add_association(session: Session, atlas: str, association: Association) -> Association:
    """Let a function, by name or synonym, excite an ROI; return it with the function's own name.

    Raises:
        AtlasError: there is no such atlas, or the association cannot be in it.
    """
    names = _names(session, atlas)
    there = select(ASSOCIATION.c.function, ASSOCIATION.c.roi).where(
        ASSOCIATION.c.atlas == atlas, ASSOCIATION.c.roi == association.roi
    )
    excited = set(session.execute(there))
    meanings = queries.meanings(session)
    checked = brain_checks.check_association(atlas, association, names, meanings, excited)
    _insert(session, ASSOCIATION, [{"atlas": atlas} | vars(checked)])
    return checked


def add_relation(session: Session, atlas: str, relation: Relation) -> None:
    """Relate two ROIs of an atlas.

    Raises:
        AtlasError: there is no such atlas, or the relation cannot be in it.
    """
    names = _names(session, atlas)
    ends = (relation.a, relation.b)
    there = select(RELATION.c.kind, RELATION.c.a, RELATION.c.b, RELATION.c.directed).where(
        RELATION.c.atlas == atlas, RELATION.c.a.in_(ends), RELATION.c.b.in_(ends)
    )
    pairs = set(session.execute(there))
    brain_checks.check_relation(atlas, relation, names, pairs)
    _insert(session, RELATION, [{"atlas": atlas} | vars(relation)])


def remove(session: Session, atlas: str) -> None:
    """Remove an atlas with all that it says.

    Raises:
        AtlasError: there is none of this name.
    """
    description_of(session, atlas)
    for table in (RELATION, ASSOCIATION, ROI):
        session.execute(delete(table).where(table.c.atlas == atlas))
    session.execute(delete(ATLAS).where(ATLAS.c.name == atlas))


def rows(session: Session, atlas: str) -> AtlasRows:
    """Return an atlas; associations and relations are in the order of its ROIs.

    Raises:
        AtlasError: there is none of this name.
    """
    description = description_of(session, atlas)
    found = rois(session, atlas)
    place = {roi.name: position for position, roi in enumerate(found)}
    excited = select(*_fields(ASSOCIATION, Association)).where(ASSOCIATION.c.atlas == atlas)
    related = select(*_fields(RELATION, Relation)).where(RELATION.c.atlas == atlas)
    associations = [Association(*row) for row in session.execute(excited)]
    relations = [Relation(*row) for row in session.execute(related)]
    # Sorted here: databases sort in ways of their own.
    associations.sort(key=lambda one: (place[one.roi], one.function))
    relations.sort(key=lambda one: (RELATION_KINDS.index(one.kind), place[one.a], place[one.b]))
    return AtlasRows(atlas, description, found, tuple(associations), tuple(relations))


def rois(session: Session, atlas: str) -> tuple[Roi, ...]:
    """Return the ROIs of an atlas, in its order."""
    query = select(*_fields(ROI, Roi)).where(ROI.c.atlas == atlas).order_by(ROI.c.position)
    return tuple(Roi(*row) for chunk in chunks(session, query) for row in chunk)


def chunks(session: Session, query: Select[Any]) -> Iterator[Chunk]:
    """Return rows as the driver gives them: to wrap each of them takes longer than to read it.

    In chunks, or Python's garbage collector would go through all that a process has again and
    again while they come.
    """
    with session.connection().execute(query) as result:
        assert result.cursor is not None, "a query has rows"
        while chunk := result.cursor.fetchmany(CHUNK_ROWS):
            yield chunk


def summaries(session: Session) -> list[AtlasSummary]:
    """Return how much each atlas says, by name."""
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    relations: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(RELATION_KINDS, 0))
    for atlas, count in session.execute(_counted(ROI, func.count())):
        counts[atlas]["rois"] = count
    numbers = (func.count(), func.count(ASSOCIATION.c.function.distinct()))
    for atlas, count, functions in session.execute(_counted(ASSOCIATION, *numbers)):
        counts[atlas] |= {"associations": count, "functions": functions}
    for atlas, kind, count in session.execute(
        _counted(RELATION, RELATION.c.kind, func.count()).group_by(RELATION.c.kind)
    ):
        relations[atlas][kind] = count
    none = {"rois": 0, "functions": 0, "associations": 0}
    return [
        AtlasSummary(name, description, relations=relations[name], **(none | counts[name]))
        for name, description in sorted(session.execute(select(ATLAS)))
    ]


def description_of(session: Session, atlas: str) -> str:
    """Return what an atlas is.

    Raises:
        AtlasError: there is none of this name.
    """
    row = session.get(tables.Atlas, atlas)
    if row is None:
        known = session.execute(select(ATLAS.c.name)).scalars().all()
        raise AtlasError(str(queries.unknown("atlas", atlas, known)))
    return row.description


def _names(session: Session, atlas: str) -> set[str]:
    description_of(session, atlas)
    return set(session.execute(select(ROI.c.name).where(ROI.c.atlas == atlas)).scalars())


def _fields(table: SqlTable, value: Any) -> list[Column[Any]]:
    """Return the columns of a table that a value of `brainray.catalog.brain` has."""
    return [table.c[field.name] for field in fields(value)]


def _counted(table: SqlTable, *columns: Any) -> Select[Any]:
    return select(table.c.atlas, *columns).group_by(table.c.atlas)


def _insert(session: Session, table: SqlTable, values: list[dict[str, Any]]) -> None:
    if values:
        session.execute(insert(table), values)

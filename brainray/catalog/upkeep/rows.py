"""The rows of the database: what points nowhere, what contradicts itself, how a row goes.

The checks follow the foreign keys that the tables declare, so that a new table is checked too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlmodel
from sqlalchemy import Column, ForeignKeyConstraint, and_, delete, select, tuple_, update
from sqlalchemy import Table as SqlTable
from sqlmodel import Session

from brainray.catalog import tables
from brainray.catalog.upkeep.findings import Finding

METADATA = tables.Region.metadata
MODEL = METADATA.tables["pretrained_model"]
BACKBONE = METADATA.tables["model_backbone"]
SUB_REGION = METADATA.tables["sub_region"]


@dataclass(frozen=True)
class Dangling:
    """A row whose foreign key points to a row that is not there.

    Attributes:
        key: the foreign key.
        row: the row's primary key by column.
        value: what the last column of the foreign key says.
    """

    key: ForeignKeyConstraint
    row: dict[str, Any]
    value: Any

    @property
    def table(self) -> SqlTable:
        """The table of the row."""
        return self.key.table

    def finding(self) -> Finding:
        """Return it as a finding."""
        target = self.key.referred_table.name
        return Finding(
            "dangling row",
            f"{self.table.name} {', '.join(map(str, self.row.values()))}",
            f"{self.table.name}.{last(self.key).name}",
            f"there is no {target} {self.value!r}: --repair makes the {target} again if a name is "
            "all it needs, clears the reference if the row can do without, or else drops the row",
        )


def foreign_keys(table: SqlTable) -> list[ForeignKeyConstraint]:
    """Return the foreign keys of a table, sorted by the column that tells them apart."""
    return sorted(table.foreign_key_constraints, key=lambda key: str(last(key).name))


def last(key: ForeignKeyConstraint) -> Column[Any]:
    """Return the column that tells a foreign key apart: in a key of several columns the last."""
    return list(key.columns)[-1]


def dangling(session: Session) -> Iterator[Dangling]:
    """Find the rows that refer to no row, by any foreign key of any table."""
    for table in METADATA.sorted_tables:
        for key in foreign_keys(table):
            target = key.referred_table.alias()
            pairs = [(one.parent, target.c[one.column.name]) for one in key.elements]
            primary = list(table.primary_key.columns)
            rows = session.execute(
                select(last(key).label("value"), *primary)
                .select_from(table.outerjoin(target, and_(*(own == there for own, there in pairs))))
                .where(*(own.is_not(None) for own, _ in pairs), pairs[-1][1].is_(None))
                .order_by(*primary)
            )
            for value, *row in rows.all():
                names = [column.name for column in primary]
                yield Dangling(key, dict(zip(names, row, strict=True)), value)


def broken_fusions(session: Session) -> Iterator[str]:
    """Find the fused models that lack a backbone, and unimodal ones that have some, by id."""
    positions: dict[str, list[int]] = {}
    for fused, position in session.execute(select(BACKBONE.c.fused, BACKBONE.c.position)):
        positions.setdefault(fused, []).append(position)
    for model, kind in session.execute(select(MODEL.c.id, MODEL.c.kind).order_by(MODEL.c.id)):
        has = sorted(positions.get(model, []))
        if has != list(range(len(has))) or (kind == "fused") != bool(has):
            yield model


def misplaced_sub_regions(session: Session) -> Iterator[tuple[str, str]]:
    """Find the sub-regions whose name contradicts its region or lacks its parent.

    Yields:
        the sub-region and what it should be a part of.
    """
    sub_region = tables.SubRegion
    rows = dict(session.exec(sqlmodel.select(sub_region.name, sub_region.region)).all())
    for name, region in sorted(rows.items()):
        parent = name.rpartition(".")[0]
        if region != name.partition(".")[0]:
            yield name, name.partition(".")[0]
        elif "." in parent and parent not in rows:
            yield name, parent


def findings(session: Session) -> Iterator[Finding]:
    """Check all rows against each other."""
    yield from (found.finding() for found in dangling(session))
    for model in broken_fusions(session):
        yield Finding(
            "broken fusion",
            f"model {model}",
            "model_backbone.position",
            "a backbone of it is gone, so that it cannot be built: --repair removes the model",
        )
    for name, parent in misplaced_sub_regions(session):
        yield Finding(
            "misplaced sub-region",
            f"sub-region {name}",
            "sub_region.region",
            f"it is not in {parent}: --repair puts it there",
        )


def drop(session: Session, table: SqlTable, row: dict[str, Any]) -> None:
    """Delete a row and what cannot be without it; what can loses the reference.

    A fused model cannot be without one of its backbones.

    Args:
        session: of the transaction.
        table: of the row.
        row: its primary key by column.
    """
    chosen = and_(*(table.c[name] == value for name, value in row.items()))
    for other in METADATA.sorted_tables:
        for key in foreign_keys(other):
            if key.referred_table is not table:
                continue
            there = select(*(one.column for one in key.elements)).where(chosen)
            refers = tuple_(*key.columns).in_(there)
            if last(key).nullable:
                session.execute(update(other).where(refers).values({last(key).name: None}))
                continue
            names = [column.name for column in other.primary_key.columns]
            for child in session.execute(select(*other.primary_key.columns).where(refers)).all():
                drop(session, other, dict(zip(names, child, strict=True)))
    fused = None
    if table is BACKBONE:
        fused = session.execute(select(BACKBONE.c.fused).where(chosen)).scalar()
    session.execute(delete(table).where(chosen))
    if fused is not None:
        drop(session, MODEL, {"id": fused})

"""What the library asks the database, as functions of a session."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TypeAlias

from sqlmodel import Session, col, select

from brainray.catalog import tables
from brainray.catalog.values import Model, Run
from brainray.errors import CatalogError, UnknownError
from brainray.networks.declared import NetworkSpec

NamedTable: TypeAlias = (
    tables.Function
    | tables.Network
    | tables.Optimizer
    | tables.Platform
    | tables.Region
    | tables.SubRegion
)
"""A dictionary whose rows are keyed by their names."""


def unknown(what: str, value: str, known: Sequence[str]) -> UnknownError:
    """Return the error for a name that is not there, with what was perhaps meant."""
    close = get_close_matches(value, known, n=3)
    if close:
        return UnknownError(
            f"{what} {value!r}: not in the catalog, did you mean {', '.join(close)}"
        )
    some = ", ".join(sorted(known)[:10]) or "none"
    return UnknownError(f"{what} {value!r}: not in the catalog, known are {some}")


def sub_region_names(session: Session) -> list[str]:
    """Return all sub-regions, sorted."""
    return sorted(session.exec(select(tables.SubRegion.name)).all())


def check_sub_region(session: Session, name: str) -> None:
    """Raise `CatalogError` if there is no such sub-region."""
    check_name(session, tables.SubRegion, name)


def check_name(session: Session, table: type[NamedTable], name: str) -> None:
    """Raise `CatalogError` if a dictionary that is keyed by names has no such row."""
    if session.get(table, name) is None:
        known = session.exec(select(table.name)).all()
        raise unknown(table.__tablename__.replace("_", "-"), name, known)


def brain_functions(session: Session) -> list[tables.Function]:
    """Return the functions of sub-regions, without the tasks of networks, by name."""
    rows = session.exec(select(tables.Function).where(col(tables.Function.sub_region).is_not(None)))
    return sorted(rows, key=lambda row: row.name)


def meanings(session: Session) -> dict[str, str]:
    """Return the function that every name and synonym of a function of a sub-region means."""
    rows = brain_functions(session)
    return {known: row.name for row in rows for known in (row.name, *row.synonyms)}


def network_row(session: Session, name: str) -> tables.Network:
    """Return a network, or raise `CatalogError`."""
    check_name(session, tables.Network, name)
    return session.get_one(tables.Network, name)


def data_set_row(session: Session, identifier: str) -> tables.DataSet:
    """Return a data set by its id, or raise `CatalogError`."""
    row = session.get(tables.DataSet, identifier)
    if row is None:
        raise unknown("data set", identifier, session.exec(select(tables.DataSet.id)).all())
    return row


def model_row(session: Session, what: str) -> tables.PretrainedModel:
    """Return the model with this id, the newest of this name, or the only one of this prefix.

    Raises:
        CatalogError: there is none, or several begin like this.
    """
    model = tables.PretrainedModel
    exact = session.get(model, what)
    if exact is not None:
        return exact
    newest = session.exec(
        select(model).where(model.name == what).order_by(col(model.version).desc())
    ).first()
    if newest is not None:
        return newest
    return session.get_one(model, _only("model", what, session.exec(select(model.id)).all()))


def run_row(session: Session, what: str) -> tables.Run:
    """Return the run with this id or, if only one has it, this prefix; or raise `CatalogError`."""
    exact = session.get(tables.Run, what)
    if exact is not None:
        return exact
    return session.get_one(
        tables.Run, _only("run", what, session.exec(select(tables.Run.id)).all())
    )


def model_value(row: tables.PretrainedModel) -> Model:
    """Return a row as a plain value."""
    values = row.model_dump() | {"backbones": tuple(part.backbone for part in row.parts)}
    return Model(**values)


def run_value(row: tables.Run) -> Run:
    """Return a row as a plain value."""
    return Run(**row.model_dump())


def network_value(row: tables.Network) -> NetworkSpec:
    """Return what builds a network, as a plain value."""
    fields = {"name", "architecture", "category", "modality", "preparation"}
    return NetworkSpec(
        **row.model_dump(include=fields),
        sub_regions=tuple(place.sub_region for place in row.places),
        functions=tuple(task.function for task in row.tasks),
    )


def _only(what: str, prefix: str, ids: Sequence[str]) -> str:
    """Return the only id that begins with ``prefix``."""
    found = sorted(name for name in ids if prefix and name.startswith(prefix))
    if len(found) > 1:
        raise CatalogError(f"{what} {prefix!r}: {len(found)} begin so: {', '.join(found[:5])}")
    if not found:
        raise unknown(what, prefix, ids)
    return found[0]

"""Endpoints: which model answers under which name, and what answered before."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlmodel import Session, select

from brainray.catalog import queries, tables
from brainray.errors import CatalogError, InvalidError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True)
class Endpoint:
    """A name under which a model answers.

    Attributes:
        name: in the address.
        model: id of the model.
        canary: id of a second model that answers ``share`` of the requests, None if there is none.
        share: in [0, 1); 0 without a canary.
        previous: id of the model that answered before, None for the first one.
        revision: 1 for a new endpoint, then one more with every change.
        changed: UTC.
    """

    name: str
    model: str
    canary: str | None
    share: float
    previous: str | None
    revision: int
    changed: datetime


def check_name(name: str) -> None:
    """Raise `InvalidError` if an endpoint cannot be called so."""
    if not _NAME.fullmatch(name):
        raise InvalidError(
            f"endpoint {name!r}: must be up to 63 small letters, digits, '-' and '_', and begin "
            "with a letter or digit"
        )


def endpoints(session: Session) -> list[Endpoint]:
    """Return all endpoints, by name."""
    rows = session.exec(select(tables.Endpoint)).all()
    return sorted(map(_value, rows), key=lambda endpoint: endpoint.name)


def endpoint(session: Session, name: str) -> Endpoint:
    """Return an endpoint.

    Raises:
        CatalogError: there is none of this name.
    """
    return _value(_row(session, name))


def deploy(session: Session, what: str, name: str, share: float | None) -> Endpoint:
    """Have a model answer under a name; nothing changes if it does so already.

    Args:
        session: of the transaction.
        what: the model's id, its name or the id's beginning.
        name: of the endpoint, which is made if there is none.
        share: None for all requests; in (0, 1) the model becomes the canary beside the one that
            answers now.

    Raises:
        InvalidError: the name or the share cannot be.
        CatalogError: there is no such model, or what is there does not allow it.
    """
    model = queries.model_row(session, what).id
    check_name(name)
    if session.get(tables.TrackingEndpoint, name) is not None:
        raise CatalogError(f"endpoint {name!r}: tracks objects; undeploy it first")
    row = session.get(tables.Endpoint, name)
    if share is not None:
        if not 0 < share < 1:
            raise InvalidError(f"endpoint {name!r}: canary {share}, allowed are shares in (0, 1)")
        if row is None:
            raise CatalogError(f"endpoint {name!r}: is not there; a canary needs one beside it")
        if model == row.model:
            raise CatalogError(f"endpoint {name!r}: {model} answers there already")
        _require_alike(
            name, queries.model_row(session, row.model), queries.model_row(session, model)
        )
        return _change(session, row, row.model, model, share)
    if row is None:
        row = tables.Endpoint(name=name, model=model, revision=0, changed=datetime.now(UTC))
    return _change(session, row, model, None, 0.0)


def _require_alike(name: str, main: tables.PretrainedModel, canary: tables.PretrainedModel) -> None:
    """See that a canary answers what the endpoint is asked: its inputs at least, and its labels."""
    if lacking := ", ".join(sorted(_inputs(main) - _inputs(canary))):
        raise CatalogError(
            f"endpoint {name!r}: canary {canary.id} lacks inputs of {main.id}: {lacking}"
        )
    if main.spec.get("labels") != canary.spec.get("labels"):
        raise CatalogError(f"endpoint {name!r}: canary {canary.id} has other labels than {main.id}")


def _inputs(model: tables.PretrainedModel) -> set[str]:
    own = [model.spec["input"]] if "input" in model.spec else []
    return set(model.spec.get("modalities", own))


def roll_back(session: Session, name: str) -> Endpoint:
    """End a canary or, if there is none, have the model answer that answered before.

    Raises:
        CatalogError: there is no such endpoint, or nothing answered before.
    """
    row = _row(session, name)
    if row.canary is not None:
        return _change(session, row, row.model, None, 0.0)
    if row.previous is None:
        raise CatalogError(f"endpoint {name!r}: no other model answered before {row.model}")
    return _change(session, row, row.previous, None, 0.0)


def undeploy(session: Session, name: str) -> None:
    """Remove an endpoint; its models stay.

    Raises:
        CatalogError: there is none of this name.
    """
    session.delete(_row(session, name))


def _change(
    session: Session, row: tables.Endpoint, model: str, canary: str | None, share: float
) -> Endpoint:
    if (row.model, row.canary, row.share) != (model, canary, share) or not row.revision:
        if row.model != model:
            row.previous, row.model = row.model, model
        row.canary, row.share = canary, share
        row.revision += 1
        row.changed = datetime.now(UTC)
        session.add(row)
        session.flush()
    return _value(row)


def _row(session: Session, name: str) -> tables.Endpoint:
    row = session.get(tables.Endpoint, name)
    if row is None:
        tracking = session.exec(select(tables.TrackingEndpoint.name)).all()
        if name in tracking:
            raise CatalogError(f"endpoint {name!r}: tracks objects; no model answers there")
        known = [*session.exec(select(tables.Endpoint.name)).all(), *tracking]
        raise queries.unknown("endpoint", name, known)
    return row


def _value(row: tables.Endpoint) -> Endpoint:
    return Endpoint(**row.model_dump())

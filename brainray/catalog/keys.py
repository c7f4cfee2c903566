"""Keys for maintenance over HTTP. What is random and long needs no slow hash to be safe."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias, get_args

from sqlmodel import Session, select

from brainray.catalog import queries, tables
from brainray.errors import CatalogError

Role: TypeAlias = Literal["deployer", "maintainer"]
ROLES: tuple[Role, ...] = get_args(Role)
"""What a key allows, each role all that those before it do: a deployer deploys and undeploys,
a maintainer also removes models."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}")


@dataclass(frozen=True)
class Key:
    """A key without its secret.

    Attributes:
        name: whose it is.
        role: of `ROLES`.
        created: UTC.
    """

    name: str
    role: Role
    created: datetime


def add_key(session: Session, name: str, role: str) -> str:
    """Make a key and return its secret, which nobody can ask for again.

    Raises:
        CatalogError: there is one of this name, or name or role cannot be.
    """
    if not _NAME.fullmatch(name):
        raise CatalogError(f"key {name!r}: must be up to 100 letters, digits, '_', '.', '@', '-'")
    if role not in ROLES:
        raise CatalogError(f"key {name!r}: role {role!r}, allowed are {', '.join(ROLES)}")
    if session.get(tables.ApiKey, name) is not None:
        raise CatalogError(f"key {name!r}: there is one already; remove it first")
    secret = f"br_{secrets.token_urlsafe(32)}"
    row = tables.ApiKey(name=name, role=role, sha256=_hash(secret), created=datetime.now(UTC))
    session.add(row)
    session.flush()
    return secret


def keys(session: Session) -> list[Key]:
    """Return all keys, by name."""
    rows = session.exec(select(tables.ApiKey)).all()
    found = [Key(**row.model_dump(exclude={"sha256"})) for row in rows]
    return sorted(found, key=lambda key: key.name)


def remove_key(session: Session, name: str) -> None:
    """Remove a key; it allows nothing any more.

    Raises:
        CatalogError: there is none of this name.
    """
    row = session.get(tables.ApiKey, name)
    if row is None:
        known = session.exec(select(tables.ApiKey.name)).all()
        raise queries.unknown("key", name, known)
    session.delete(row)


def role_of(session: Session, secret: str, bootstrap: str | None) -> Role | None:
    """Return what a secret allows, None if it is no key.

    Args:
        session: of a transaction.
        secret: as the user gives it.
        bootstrap: the first maintainer's key, which is good until there is a maintainer.
    """
    known = session.exec(select(tables.ApiKey).where(tables.ApiKey.sha256 == _hash(secret))).first()
    if known is not None:
        return Key(**known.model_dump(exclude={"sha256"})).role
    if bootstrap and secrets.compare_digest(secret.encode(), bootstrap.encode()):
        maintainers = select(tables.ApiKey).where(tables.ApiKey.role == "maintainer")
        return "maintainer" if session.exec(maintainers).first() is None else None
    return None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()

"""Names of regions and sub-regions: paths of any depth, and where an old name leads.

``vision`` is a region, ``vision.shape`` a sub-region, ``vision.shape.face`` a finer one.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from sqlmodel import Session, col, select

from brainray.catalog import queries
from brainray.catalog.tables import Region, RegionChange, SubRegion
from brainray.errors import CatalogError

Action: TypeAlias = Literal["created", "removed", "renamed", "merged", "split"]
MOVING = ("renamed", "merged")
"""The actions after which a name leads to another one, with all that is below it."""
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


def parent_of(name: str) -> str:
    """Return the name above this one; none, ``""``, for a region."""
    return name.rpartition(".")[0]


def is_within(name: str, place: str) -> bool:
    """Say whether a name is a place itself or a finer part of it."""
    return name == place or name.startswith(f"{place}.")


def kind_of(name: str) -> str:
    """Return what a name can only be: ``region`` or ``sub-region``."""
    return "sub-region" if "." in name else "region"


def check_spelling(name: str) -> None:
    """Raise `CatalogError` if this can be no name of a region or a sub-region."""
    if not _NAME.fullmatch(name):
        raise CatalogError(
            f"{kind_of(name)} {name!r}: must be names of small letters, digits and '_', joined by "
            "'.', e.g. vision.shape"
        )


def exists(session: Session, name: str) -> bool:
    """Say whether there is such a region or sub-region now."""
    return session.get(SubRegion if "." in name else Region, name) is not None


def below(session: Session, name: str) -> list[str]:
    """Return the sub-regions of a region, or a sub-region with its finer parts, sorted."""
    return [sub for sub in queries.sub_region_names(session) if is_within(sub, name)]


def current(session: Session, name: str) -> str:
    """Return the name that a place has now; an old name is followed to its new one.

    Raises:
        CatalogError: there is no such region or sub-region, and there never was.
    """
    if exists(session, name):
        return name
    changes = session.exec(select(RegionChange).order_by(col(RegionChange.id))).all()
    moves = [change for change in changes if change.action in MOVING]
    # The latest change that took the name away is the one that is meant.
    for start in reversed(range(len(moves))):
        found = name
        for change in moves[start:]:
            found = _follow(found, change)
        if found != name and exists(session, found):
            return found
    known = session.exec(select((SubRegion if "." in name else Region).name)).all()
    raise queries.unknown(kind_of(name), name, known)


def _follow(name: str, change: RegionChange) -> str:
    for old in change.names:
        if is_within(name, old):
            return change.into[0] + name[len(old) :]
    return name


def note(session: Session, action: Action, names: Sequence[str], into: Sequence[str]) -> None:
    """Add to the history what was done."""
    now = datetime.now(UTC)
    session.add(RegionChange(at=now, action=action, names=list(names), into=list(into)))
    session.flush()

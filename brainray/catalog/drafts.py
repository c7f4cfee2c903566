"""Models that are declared and wait for their weights: network, then draft, then upload."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, select

from brainray.catalog import queries, tables
from brainray.catalog.values import json_text
from brainray.errors import CatalogError


@dataclass(frozen=True)
class Draft:
    """What is declared of a model before its weights are there.

    Attributes:
        name: of the model to be.
        network: of the catalog's, not a fused one.
        sub_region: one of the network's.
        data_set: id of what it was trained on.
        optimizer: of the catalog's, ``none`` if it is not known.
        platform: of the catalog's.
        preparation: of its input, by default its network's.
        metrics: JSON values, as of `brainray.catalog.values.NewModel`.
        spec: JSON values, e.g. ``labels``.
    """

    name: str
    network: str
    sub_region: str
    data_set: str
    optimizer: str
    platform: str
    preparation: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Its name and the beginning of a sha256 of all that is declared."""
        text = json_text(f"draft {self.name!r}", asdict(self))
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def declare(session: Session, draft: Draft) -> str:
    """Keep a draft and return its id; declaring the same again changes nothing.

    Raises:
        CatalogError: what it refers to is not in the catalog or does not fit it.
    """
    row = queries.network_row(session, draft.network)
    where = f"draft {draft.name!r}"
    if row.kind != "unimodal":
        raise CatalogError(f"{where}: network {row.name} is {row.kind}, not unimodal")
    places = [place.sub_region for place in row.places]
    queries.check_sub_region(session, draft.sub_region)
    if draft.sub_region not in places:
        raise CatalogError(
            f"{where}: sub-region {draft.sub_region!r}, but {row.name} lives in {', '.join(places)}"
        )
    queries.data_set_row(session, draft.data_set)
    queries.check_name(session, tables.Optimizer, draft.optimizer)
    queries.check_name(session, tables.Platform, draft.platform)
    values = asdict(draft) | {"preparation": dict(draft.preparation) or dict(row.preparation)}
    if session.get(tables.Draft, draft.id) is None:
        session.add(tables.Draft(id=draft.id, created=datetime.now(UTC), **values))
        session.flush()
    return draft.id


def drafts(session: Session) -> dict[str, Draft]:
    """Return the drafts by id, the oldest first."""
    query = select(tables.Draft).order_by(col(tables.Draft.created), tables.Draft.id)
    return {
        row.id: Draft(**row.model_dump(exclude={"id", "created"})) for row in session.exec(query)
    }

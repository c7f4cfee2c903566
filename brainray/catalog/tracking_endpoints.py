"""Tracking endpoints: which detector and tracker follow objects under which name."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, delete, select

from brainray.catalog import tables
from brainray.catalog.endpoints import check_name
from brainray.catalog.registration import check_stored
from brainray.catalog.store import MODELS, Store
from brainray.catalog.values import json_text
from brainray.errors import CatalogError

APPEARANCE = "appearance"
"""Among an endpoint's files that which sees how boxes look, beside those of its detector."""


@dataclass(frozen=True)
class TrackingEndpoint:
    """A name under which objects are tracked.

    Attributes:
        name: in the address.
        detector: of ``brainray.detectors``; None where boxes come with the requests.
        detector_options: of the detector, but for those that name files.
        files: keys in the store by the detector's option, e.g. ``weights``; and `APPEARANCE`.
        tracker: of ``brainray.trackers``.
        tracker_options: of the tracker.
        min_score: boxes of lower scores do not count; None leaves none out.
        appearance: how the file is read that sees how boxes look, see
            `brainray.tracking.looks.Looks`; None where nothing does.
        revision: 1 for a new endpoint, then one more with every change.
        changed: UTC.
    """

    name: str
    detector: str | None
    detector_options: dict[str, Any]
    files: dict[str, str]
    tracker: str
    tracker_options: dict[str, Any]
    min_score: float | None
    appearance: dict[str, Any] | None
    revision: int
    changed: datetime


def store_file(store: Store, path: Path) -> str:
    """Write a file of an endpoint as ``models/detectors/<sha256>.<its suffix>`` and return the key.

    Raises:
        CatalogError: it cannot be read or written.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read: {error.strerror}") from error
    key = f"{MODELS}detectors/{hashlib.sha256(data).hexdigest()}{path.suffix.lower()}"
    store.put(key, data)
    return key


def tracking_endpoints(session: Session) -> list[TrackingEndpoint]:
    """Return all of them, by name."""
    rows = session.exec(select(tables.TrackingEndpoint)).all()
    return sorted((_value(session, row) for row in rows), key=lambda endpoint: endpoint.name)


def deploy_tracking(
    session: Session,
    store: Store,
    name: str,
    detector: str | None,
    detector_options: Mapping[str, Any],
    files: Mapping[str, str],
    tracker: str,
    tracker_options: Mapping[str, Any],
    min_score: float | None,
    appearance: Mapping[str, Any] | None,
) -> TrackingEndpoint:
    """Make a tracking endpoint, or change it; nothing changes if it is so already.

    Args:
        session: of the transaction.
        store: that has the files.
        name: of the endpoint, which no model answers at.
        files: keys of `store_file` by the detector's option, and `APPEARANCE`.
        appearance: see `TrackingEndpoint`.

    Raises:
        InvalidError: the name cannot be.
        CatalogError: an option is no JSON value, a file is gone, or a model answers there.
    """
    check_name(name)
    if session.get(tables.Endpoint, name) is not None:
        raise CatalogError(f"endpoint {name!r}: a model answers there; undeploy it first")
    json_text(f"endpoint {name!r}: options", [dict(detector_options), dict(tracker_options)])
    for key in files.values():
        check_stored(store, key)
    values: dict[str, Any] = {
        "detector": detector,
        "detector_options": dict(detector_options),
        "tracker": tracker,
        "tracker_options": dict(tracker_options),
        "min_score": min_score,
        "appearance": None if appearance is None else dict(appearance),
    }
    row = session.get(tables.TrackingEndpoint, name)
    if row is None:
        row = tables.TrackingEndpoint(name=name, revision=0, changed=datetime.now(UTC), **values)
    before = row.model_dump(include=set(values))
    if row.revision and before == values and _files(session, name) == dict(files):
        return _value(session, row)
    row.sqlmodel_update(values)
    row.revision += 1
    row.changed = datetime.now(UTC)
    session.add(row)
    session.flush()
    session.exec(delete(tables.DetectorFile).where(col(tables.DetectorFile.endpoint) == name))
    for option, key in files.items():
        sha256 = key.rpartition("/")[2].partition(".")[0]
        made = f"{name}/{option}"
        session.add(
            tables.DetectorFile(id=made, endpoint=name, option=option, key=key, sha256=sha256)
        )
    session.flush()
    session.refresh(row)  # JSON as the database gives it back
    return _value(session, row)


def undeploy_tracking(session: Session, name: str) -> bool:
    """Remove a tracking endpoint, and say whether there was one; its files are not touched."""
    row = session.get(tables.TrackingEndpoint, name)
    if row is None:
        return False
    session.exec(delete(tables.DetectorFile).where(col(tables.DetectorFile.endpoint) == name))
    session.delete(row)
    session.flush()
    return True


def files_of(session: Session, name: str) -> set[str]:
    """Return the keys of the files of a tracking endpoint, none if there is no such endpoint."""
    return set(_files(session, name).values())


def _files(session: Session, name: str) -> dict[str, str]:
    file = tables.DetectorFile
    rows = session.exec(select(file).where(file.endpoint == name)).all()
    return {row.option: row.key for row in sorted(rows, key=lambda row: row.option)}


def _value(session: Session, row: tables.TrackingEndpoint) -> TrackingEndpoint:
    return TrackingEndpoint(**row.model_dump(), files=_files(session, row.name))

"""Make the catalog whole again, as far as anything is left to do it with.

Every step leaves the catalog as sound as it was or sounder, so that a repair that was killed is
done again. Nothing but banks, which can be made again, is deleted: files go to ``quarantine/``.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, update
from sqlmodel import Session

from brainray.catalog import tables
from brainray.catalog.database import reading, writing
from brainray.catalog.store import DATA_SETS, PENDING, QUARANTINE, Store
from brainray.catalog.upkeep import rows
from brainray.catalog.upkeep.collect import settle
from brainray.catalog.upkeep.files import (
    COPY,
    Claim,
    check_claim,
    claims,
    count_parameters,
    in_use,
    sha256_in,
)
from brainray.catalog.upkeep.findings import Verification
from brainray.catalog.upkeep.verify import verify


def repair(engine: Engine, store: Store) -> Verification:
    """Repair what can be repaired, and say what is left and what was done.

    Raises:
        CatalogError: the database or the store says no; what was repaired stays repaired.
    """
    before = verify(engine, store)
    if before.whole:
        return before
    with writing(engine) as session:
        repair_rows(session)
    sizes = store.files()
    with reading(engine) as session:
        claimed = claims(session)
    for claim in claimed:
        if next(check_claim(store, claim, sizes), None) is not None:
            _repair_file(engine, store, claim, sizes)
    for finding in verify(engine, store).findings:
        if finding.kind == "damaged bank":
            store.remove(finding.where)
        elif finding.kind == "orphan file":
            _put_aside(engine, store, finding.where)
    after = verify(engine, store)
    done = [found for found in before.findings if found.damage and found not in after.findings]
    # There was no copy, or it would have been taken.
    left = [replace(found, fix=found.fix.removeprefix(COPY)) for found in after.findings]
    return replace(after, findings=tuple(left), repaired=tuple(done))


def repair_rows(session: Session) -> None:
    """Make every reference point to a row again: the row is made, or the reference goes."""
    for name, parent in list(rows.misplaced_sub_regions(session)):
        if "." in parent:
            _make_sub_region(session, parent)
        elif session.get(tables.Region, parent) is None:
            session.add(tables.Region(name=parent))
            session.flush()
        place = update(rows.SUB_REGION).where(rows.SUB_REGION.c.name == name)
        session.execute(place.values(region=name.partition(".")[0]))
    # One at a time: making or dropping a row settles others.
    while (found := next(rows.dangling(session), None)) is not None:
        if _make(session, found.key.referred_table.name, found.value):
            session.flush()
        elif (column := rows.last(found.key)).nullable:
            chosen = [found.table.c[name] == value for name, value in found.row.items()]
            cleared = {column.name: None}
            session.execute(update(found.table).where(*chosen).values(cleared))
        else:
            rows.drop(session, found.table, found.row)
    for model in list(rows.broken_fusions(session)):
        rows.drop(session, rows.MODEL, {"id": model})


def _make(session: Session, table: str, name: str) -> bool:
    """Make a row of a dictionary again of which a name is all that is needed."""
    if table == "sub_region" and "." in name:
        _make_sub_region(session, name)
    elif table == "region":
        session.add(tables.Region(name=name))
    elif table == "atlas":
        session.add(tables.Atlas(name=name))
    elif table == "optimizer":
        session.add(tables.Optimizer(name=name))
    elif table == "platform":
        # Of the formats, ONNX alone is named by its platforms.
        file_format = "onnx" if "onnx" in name.lower() else "safetensors"
        session.add(tables.Platform(name=name, format=file_format))
    elif table == "data_set":
        session.add(_data_set(name))
    else:
        return False
    return True


def _make_sub_region(session: Session, name: str) -> None:
    region, _, rest = name.partition(".")
    if session.get(tables.Region, region) is None:
        session.add(tables.Region(name=region))
        session.flush()
    made = region
    for part in rest.split("."):
        made = f"{made}.{part}"
        if session.get(tables.SubRegion, made) is None:
            session.add(tables.SubRegion(name=made, region=region))
            session.flush()


def _data_set(identifier: str) -> tables.DataSet:
    """Return the row of a data set of which its id alone is known; a packed one has a file."""
    packed = len(identifier) == 64 and not set(identifier) - set("0123456789abcdef")
    file: dict[str, Any] = {}
    if packed:
        file = {"sha256": identifier, "key": f"{DATA_SETS}{identifier}.parquet"}
    return tables.DataSet(
        id=identifier,
        name=identifier,
        source="repaired",
        classes=[],
        modalities={},
        rows={},
        created=datetime.now(UTC),
        **file,
    )


def _repair_file(engine: Engine, store: Store, claim: Claim, sizes: Mapping[str, int]) -> None:
    """Bring a row and its file together, if there is a whole copy of the file anywhere."""
    wanted = [claim.sha256, sha256_in(claim.key)]
    if claim.table == "data_set":
        wanted = [claim.id]
    for sha256 in wanted:
        place = claim.place.replace(sha256_in(claim.place), sha256)
        if not _bring(store, sha256, place, sizes):
            continue
        values: dict[str, Any] = {"key": place, "sha256": sha256}
        if claim.parameters is not None:
            values["size_bytes"] = store.files(place)[place]
            values["parameters"] = count_parameters(store, place)
        table = rows.METADATA.tables[claim.table]
        with writing(engine) as session:
            if claim.key != place and store.exists(claim.key):
                store.begin(claim.key)
            session.execute(update(table).where(table.c.id == claim.id).values(values))
        for key in (place, claim.key):
            settle(engine, store, key)
        return


def _bring(store: Store, sha256: str, place: str, sizes: Mapping[str, int]) -> bool:
    """Say whether a file is whole in its place, brought there from wherever a whole copy is."""
    for key in _copies(sha256, place, sizes):
        if store.sha256(key) == sha256:
            if key != place:
                store.copy(key, place)
            return True
    for key in (place, *_copies(sha256, place, sizes)):
        copy = store.cached_path(key)
        if copy.is_file():
            data = copy.read_bytes()
            if hashlib.sha256(data).hexdigest() == sha256:
                store.put(place, data)
                return True
    return False


def _copies(sha256: str, place: str, sizes: Mapping[str, int]) -> Iterator[str]:
    """Return the files of the store that are named by this sha256, the one in its place first."""
    named = [key for key in sizes if sha256_in(key) == sha256 and not key.startswith(PENDING)]
    yield from sorted(named, key=lambda key: key != place)


def _put_aside(engine: Engine, store: Store, key: str) -> None:
    with writing(engine) as session:  # so that no other process registers it meanwhile
        if not in_use(session, key):
            store.copy(key, QUARANTINE + key)
            store.remove(key)

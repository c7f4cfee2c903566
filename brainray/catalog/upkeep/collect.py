"""What goes: models that are removed, and files that nothing needs.

A row goes before its file, and a marker comes before both, so that a process that is killed in
between leaves an unfinished write and no damage.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from brainray.catalog import queries, tables
from brainray.catalog.database import reading, writing
from brainray.catalog.store import BANK, BANKS, CHECKPOINTS, PENDING, QUARANTINE, TEMPORARY, Store
from brainray.catalog.upkeep.files import in_use
from brainray.catalog.upkeep.findings import Removed
from brainray.catalog.upkeep.rows import METADATA, MODEL, drop
from brainray.errors import CatalogError

GRACE = timedelta(hours=24)
"""How long an unfinished write may be one of a process that still works on it."""


def settle(engine: Engine, store: Store, key: str) -> None:
    """End what a marker announced: a file that a row claims stays, one that none does goes.

    Nothing is done for a file without a marker.
    """
    if not store.pending(key):
        return
    with writing(engine) as session:  # so that no other process registers it meanwhile
        if not in_use(session, key):
            store.remove(key)
        store.finish(key)


def remove_model(engine: Engine, store: Store, what: str, force: bool) -> Removed:
    """Remove a model: its row and evaluations, then its weights and banks if no other has them.

    Args:
        engine: of the database.
        store: of the files.
        what: id, name or the id's beginning.
        force: forget that runs ended in it and that models were made from it, too.

    Raises:
        CatalogError: there is none, or it is in use.
    """
    with writing(engine) as session:
        row = queries.model_row(session, what)
        _check_use(session, row.id, force)
        key, sha256, network = row.key, row.sha256, row.network
        store.begin(key)
        drop(session, MODEL, {"id": row.id})
        _drop_fusion(session, network)
    gone = {}
    if store.exists(key):
        with reading(engine) as session:
            if not in_use(session, key):
                gone = {key: store.files(key)[key]}
    settle(engine, store, key)
    return Removed(gone | _remove_banks(engine, store, f"{BANKS}{sha256}/", dry_run=False))


def collect(
    engine: Engine,
    store: Store,
    grace: timedelta = GRACE,
    quarantine: bool = False,
    dry_run: bool = False,
) -> Removed:
    """Remove the files that nothing needs: unfinished writes, banks without a model.

    So are the checkpoints of a run that was killed so long ago: one that goes on after all trains
    its finalists anew.

    Files of models and data sets that have a row are never collected.

    Args:
        engine: of the database.
        store: of the files.
        grace: how long ago an unfinished write must have begun.
        quarantine: remove what `repair` has put aside, too.
        dry_run: only say what would be removed.
    """
    sizes = store.files()
    before = datetime.now(UTC) - grace
    gone = {}
    for key, size_bytes in sizes.items():
        if not (key.startswith((PENDING, CHECKPOINTS)) or TEMPORARY.fullmatch(key)):
            continue
        written = store.modified(key)
        if written is None or written > before:
            continue
        gone[key] = size_bytes
        file = key.removeprefix(PENDING)
        if file in sizes and file != key:
            with reading(engine) as session:
                if not in_use(session, file):
                    gone[file] = sizes[file]
        if dry_run:
            continue
        if file == key or TEMPORARY.fullmatch(key):
            store.remove(key)
        else:
            settle(engine, store, file)
    gone |= _remove_banks(engine, store, BANKS, dry_run)
    for key in sizes if quarantine else ():
        if key.startswith(QUARANTINE):
            gone[key] = sizes[key]
            if not dry_run:
                store.remove(key)
    return Removed(gone)


def _remove_banks(engine: Engine, store: Store, folder: str, dry_run: bool) -> dict[str, int]:
    """Remove the banks of models that are gone; they can be made again."""
    sizes = store.files(folder)
    with reading(engine) as session:
        weights = set(session.exec(select(tables.PretrainedModel.sha256)).all())
    gone = {
        key: size
        for key, size in sizes.items()
        if (bank := BANK.fullmatch(key)) and bank["sha256"] not in weights
    }
    for key in () if dry_run else gone:
        store.remove(key)
    return gone


def _check_use(session: Session, model: str, force: bool) -> None:
    row = tables.PretrainedModel
    fused = session.exec(
        select(tables.ModelBackbone.fused).where(tables.ModelBackbone.backbone == model)
    ).all()
    children = session.exec(select(row.id).where(row.parent == model)).all()
    runs = session.exec(select(tables.Run.id).where(tables.Run.model_id == model)).all()
    if fused:
        names = ", ".join(sorted(set(fused))[:5])
        raise CatalogError(f"model {model!r}: is a backbone of {names}; remove these first")
    endpoint = tables.Endpoint
    served = session.exec(
        select(endpoint.name).where((endpoint.model == model) | (endpoint.canary == model))
    ).all()
    if served:
        names = ", ".join(sorted(served)[:5])
        raise CatalogError(f"model {model!r}: answers at endpoint {names}; undeploy it first")
    if force:
        return
    for ids, use in ((children, "was the start of"), (runs, "is the result of run")):
        if ids:
            names = ", ".join(sorted(ids)[:5])
            raise CatalogError(
                f"model {model!r}: {use} {names}; with --force it is removed all the same, and "
                "they no longer name it"
            )


def _drop_fusion(session: Session, network: str) -> None:
    """Drop the network of a fused model with its last model: it was made with the first."""
    row = session.get(tables.Network, network)
    model = tables.PretrainedModel
    left = session.exec(select(model.id).where(col(model.network) == network)).first()
    if row is not None and row.kind == "fused" and left is None:
        session.expunge(row)
        drop(session, METADATA.tables["network"], {"name": network})

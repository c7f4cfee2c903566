"""What lives in sub-regions follows them: functions, networks, models, drafts and files.

Files are copied first, all rows are changed in one transaction, and only then the old files are
removed, unless another process has registered one of them meanwhile. Markers tell `verify` what a
crash in between has left.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from brainray.catalog import upkeep
from brainray.catalog.database import writing
from brainray.catalog.store import Store
from brainray.catalog.tables import (
    Draft,
    Function,
    ModelBackbone,
    Network,
    NetworkSubRegion,
    PretrainedModel,
)


@dataclass
class Moves:
    """The files that follow the rows of one transaction.

    Attributes:
        copies: the old key of every file that is to come, by its new one.
        left: the old keys, which nothing may refer to any more.
    """

    copies: dict[str, str] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)


def change(engine: Engine, store: Store, rows: Callable[[Session, Moves], None]) -> None:
    """Change rows and let their files follow, all or nothing.

    The files are copied before the transaction, so that no other writer waits for them. What
    has to be copied is known by changing the rows once without keeping it.

    Args:
        engine: of the database.
        store: of the files.
        rows: changes rows, and notes files, within a transaction.

    Raises:
        CatalogError: the rows cannot be changed so, or a file cannot be copied.
    """
    planned = Moves()
    with writing(engine) as session:
        rows(session, planned)
        session.rollback()
    _prepare(store, planned, Moves())
    moves = Moves()
    with writing(engine) as session:
        rows(session, moves)
        _prepare(store, moves, planned)  # what others have added meanwhile
        for new, old in moves.copies.items():
            # One who wanted to register the same weights there, but could not, has removed them;
            # nobody removes any during this transaction.
            if not store.exists(new):
                store.copy(old, new)
    for key in sorted({*planned.copies, *planned.left, *moves.copies, *moves.left}):
        upkeep.settle(engine, store, key)


def _prepare(store: Store, moves: Moves, done: Moves) -> None:
    """Copy the files that come, and mark those that may go."""
    for new in sorted(moves.copies.keys() - done.copies.keys()):
        store.copy(moves.copies[new], new)
    for old in sorted(moves.left - done.left):
        store.begin(old)


def carry(session: Session, moves: Moves, mapping: Mapping[str, str]) -> None:
    """Move all that lives in sub-regions to where these map to; those rows must be there.

    Raises:
        CatalogError: a file cannot be copied.
    """
    functions = select(Function).where(col(Function.sub_region).in_(mapping))
    drafts = select(Draft).where(col(Draft.sub_region).in_(mapping))
    for row in (*session.exec(functions), *session.exec(drafts)):
        row.sub_region = mapping[str(row.sub_region)]
        session.add(row)
    places = select(NetworkSubRegion.network).where(col(NetworkSubRegion.sub_region).in_(mapping))
    for name in sorted(set(session.exec(places))):
        network = session.get_one(Network, name)
        now = [mapping.get(place.sub_region, place.sub_region) for place in network.places]
        settle(session, network, now)
    models = select(PretrainedModel).where(col(PretrainedModel.sub_region).in_(mapping))
    for model in session.exec(models.order_by(PretrainedModel.id)).all():
        move_model(session, moves, model, mapping[model.sub_region])
    session.flush()


def settle(session: Session, network: Network, sub_regions: list[str]) -> None:
    """Let a network live in these sub-regions, in this order."""
    for place in network.places:
        session.delete(place)
    session.flush()
    session.expire(network, ["places"])
    session.add_all(
        NetworkSubRegion(network=network.name, sub_region=sub_region, position=position)
        for position, sub_region in enumerate(dict.fromkeys(sub_regions))
    )
    session.flush()
    session.expire(network, ["places"])


def move_model(session: Session, moves: Moves, model: PretrainedModel, sub_region: str) -> None:
    """Let a model live in a sub-region, and note that its file goes there."""
    name = model.key.rpartition("/")[2]
    key = f"models/{sub_region.replace('.', '/')}/{name}"
    if key != model.key:
        moves.copies[key] = model.key
        moves.left.add(model.key)
        model.key = key
    model.sub_region = sub_region
    session.add(model)


def settle_fused(session: Session, backbones: set[str]) -> None:
    """Let the networks of the fused models of these backbones live where those do now."""
    parts = select(ModelBackbone.fused).where(col(ModelBackbone.backbone).in_(backbones))
    for identifier in sorted(set(session.exec(parts))):
        fused = session.get_one(PretrainedModel, identifier)
        homes = [session.get_one(PretrainedModel, part.backbone).sub_region for part in fused.parts]
        settle(session, session.get_one(Network, fused.network), [*homes, fused.sub_region])

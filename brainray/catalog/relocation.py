"""What lives in sub-regions follows them: functions, networks, models, drafts and files.

Files are copied first, all rows are changed in one transaction, and only then the old files are
removed, unless another process has registered one of them meanwhile. Markers tell `verify` what a
crash in between has left.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlmodel import Session, col, select

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
    """The files that one transaction moves.

    Attributes:
        store: where they are.
        copied: the new keys.
        left: the old keys that nothing refers to any more.
    """

    store: Store
    copied: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)


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
    forget_unused(session, moves)


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
    """Let a model live in a sub-region; its file is copied there, the old one marked."""
    name = model.key.rpartition("/")[2]
    key = f"models/{sub_region.replace('.', '/')}/{name}"
    if key != model.key:
        if key not in moves.copied:
            moves.store.copy(model.key, key)
            moves.copied.add(key)
        moves.store.begin(model.key)
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


def forget_unused(session: Session, moves: Moves) -> None:
    """Leave the files alone that another model still refers to."""
    used = select(PretrainedModel.key).where(col(PretrainedModel.key).in_(moves.left))
    for key in session.exec(used).all():
        moves.left.discard(key)
        moves.store.finish(key)

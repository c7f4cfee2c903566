"""Regions and sub-regions as data: made, renamed, moved, merged, split and removed.

The functions work within the caller's transaction; `brainray.catalog.relocation` has how files
follow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from brainray.catalog import queries
from brainray.catalog.places import (
    below,
    check_spelling,
    current,
    exists,
    is_within,
    kind_of,
    note,
    parent_of,
)
from brainray.catalog.relocation import (
    Moves,
    carry,
    move_model,
    settle,
    settle_fused,
)
from brainray.catalog.tables import (
    Draft,
    Function,
    Network,
    NetworkSubRegion,
    PretrainedModel,
    Region,
    SubRegion,
)
from brainray.errors import CatalogError


@dataclass(frozen=True)
class Part:
    """What goes into one part of a sub-region that is split.

    Attributes:
        functions: names of functions of the sub-region.
        networks: names of networks that live there; their models there go with them.
        models: ids of further models there; their networks then live in both.
    """

    functions: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


def create(session: Session, name: str, description: str = "") -> None:
    """Add a region or a sub-region.

    Raises:
        CatalogError: the name is impossible or taken, or there is nothing that it is a part of.
    """
    _add(session, name, description)
    note(session, "created", [], [name])


def remove(session: Session, name: str) -> None:
    """Remove a region or a sub-region in which there is nothing.

    Raises:
        CatalogError: there is none, or it is in use, by what is said.
    """
    _check_there(session, name)
    in_use = [sub for sub in below(session, name) if sub != name]
    users = {"sub-region": in_use}
    if "." in name:
        for what, table, shown in (
            ("function", Function, Function.name),
            ("network", NetworkSubRegion, NetworkSubRegion.network),
            ("model", PretrainedModel, PretrainedModel.id),
            ("draft", Draft, Draft.id),
        ):
            users[what] = list(session.exec(select(shown).where(col(table.sub_region) == name)))
    for what, names in users.items():
        if names:
            some = ", ".join(sorted(names)[:5])
            raise CatalogError(
                f"{kind_of(name)} {name!r}: is in use by {len(names)} {what}: {some}"
            )
    session.delete(session.get_one(SubRegion if "." in name else Region, name))
    note(session, "removed", [name], [])


def rename(session: Session, moves: Moves, name: str, new: str) -> None:
    """Give a region or sub-region another name, with its finer parts; a new parent moves it.

    Raises:
        CatalogError: there is none, or the new name is impossible or taken.
    """
    _check_there(session, name)
    _check_same_kind(name, new)
    if is_within(new, name):
        raise CatalogError(f"{kind_of(name)} {name!r}: cannot become a part of itself, {new!r}")
    _add(session, new, _description(session, name))
    _carry_all(session, moves, [name], new)
    note(session, "renamed", [name], [new])


def merge(session: Session, moves: Moves, names: Sequence[str], into: str) -> None:
    """Make one of several regions or sub-regions; finer parts of the same name become one.

    Args:
        session: of the transaction.
        moves: of the files.
        names: what is merged.
        into: one of them, another one, or a new name.

    Raises:
        CatalogError: there is no such name, or it is a part of what is merged.
    """
    others = [name for name in dict.fromkeys(names) if name != into]
    if not others:
        raise CatalogError(f"{kind_of(into)} {into!r}: name at least one other to merge into it")
    for name in others:
        _check_there(session, name)
        _check_same_kind(name, into)
        for place in (into, *(other for other in others if other != name)):
            if is_within(place, name):
                raise CatalogError(f"{kind_of(name)} {place!r}: is a part of {name!r}")
    if not exists(session, into):
        _add(session, into, "")
    _carry_all(session, moves, others, into)
    note(session, "merged", others, [into])


def split(session: Session, moves: Moves, name: str, parts: Mapping[str, Part]) -> None:
    """Give parts of a sub-region to others; what is not named stays.

    Raises:
        CatalogError: there is none, a part is impossible, or what goes into it is not there.
    """
    _check_there(session, name)
    if "." not in name or not parts or name in parts:
        raise CatalogError(
            f"{kind_of(name)} {name!r}: split a sub-region into others, e.g. {name}.a"
        )
    named = {queries.model_row(session, what).id for part in parts.values() for what in part.models}
    moved = set(named)
    for new, part in parts.items():
        if not exists(session, new):
            _add(session, new, "")
        _check_same_kind(name, new)
        for function in part.functions:
            queries.check_name(session, Function, function)
            row = session.get_one(Function, function)
            _check_lives(f"function {function!r}", row.sub_region, name)
            row.sub_region = new
            session.add(row)
        moved |= _split_networks(session, moves, name, new, part.networks, named)
    for new, part in parts.items():
        _split_models(session, moves, name, new, part.models)
    session.flush()
    settle_fused(session, moved)
    note(session, "split", [name], list(parts))


def _split_networks(
    session: Session, moves: Moves, name: str, new: str, networks: Sequence[str], named: set[str]
) -> set[str]:
    """Move networks with their models but those that are named; return the models' ids."""
    moved = set()
    for what in networks:
        network = queries.network_row(session, what)
        homes = [place.sub_region for place in network.places]
        _check_lives(f"network {what!r}", name if name in homes else ", ".join(homes), name)
        settle(session, network, [new if home == name else home for home in homes])
        models = select(PretrainedModel).where(
            PretrainedModel.network == what, PretrainedModel.sub_region == name
        )
        for model in session.exec(models).all():
            if model.id not in named:
                move_model(session, moves, model, new)
                moved.add(model.id)
    return moved


def _split_models(
    session: Session, moves: Moves, name: str, new: str, models: Sequence[str]
) -> None:
    """Move models; their networks then live there too."""
    for what in models:
        model = queries.model_row(session, what)
        _check_lives(f"model {what!r}", model.sub_region, name)
        move_model(session, moves, model, new)
        network = session.get_one(Network, model.network)
        settle(session, network, [*(place.sub_region for place in network.places), new])


def _carry_all(session: Session, moves: Moves, names: Sequence[str], into: str) -> None:
    """Map everything below the names to below another one, and remove what is then empty."""
    mapping = {sub: into + sub[len(name) :] for name in names for sub in below(session, name)}
    for old, new in mapping.items():
        if not exists(session, new):
            _add(session, new, _description(session, old))
    carry(session, moves, mapping)
    for sub in sorted(mapping, reverse=True):
        session.delete(session.get_one(SubRegion, sub))
    session.flush()
    for name in names:
        if "." not in name:
            session.delete(session.get_one(Region, name))
    session.flush()


def _add(session: Session, name: str, description: str) -> None:
    check_spelling(name)
    if exists(session, name):
        raise CatalogError(f"{kind_of(name)} {name!r}: is in the catalog already")
    above = parent_of(name)
    if above and not exists(session, above):
        raise CatalogError(f"sub-region {name!r}: there is no {kind_of(above)} {above!r} for it")
    if above:
        region = name.partition(".")[0]
        session.add(SubRegion(name=name, region=region, description=description))
    else:
        session.add(Region(name=name, description=description))
    session.flush()


def _description(session: Session, name: str) -> str:
    if "." in name:
        return session.get_one(SubRegion, name).description
    return session.get_one(Region, name).description


def _check_there(session: Session, name: str) -> None:
    if current(session, name) != name:
        raise CatalogError(f"{kind_of(name)} {name!r}: is now {current(session, name)!r}")


def _check_same_kind(name: str, new: str) -> None:
    check_spelling(new)
    if kind_of(name) != kind_of(new):
        raise CatalogError(f"{kind_of(name)} {name!r}: cannot become the {kind_of(new)} {new!r}")


def _check_lives(what: str, home: str | None, name: str) -> None:
    if home != name:
        raise CatalogError(f"{what}: is not in {name}, but in {home or 'no sub-region'}")

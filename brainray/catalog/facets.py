"""How many models have each value of a field, and how large they are together.

The models are added up by what tells them apart; the rest is known of their networks and data
sets, which are few.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import case, func
from sqlmodel import Session, col, select

from brainray.catalog import tables
from brainray.catalog.conditions import condition
from brainray.catalog.facts import OF_NETWORKS
from brainray.catalog.filters import Filter
from brainray.catalog.tables import (
    DataSet,
    Function,
    Network,
    NetworkFunction,
    NetworkSubRegion,
    PretrainedModel,
)
from brainray.catalog.values import Stats, Totals
from brainray.shapes import MODALITIES

SIZES = {
    "below 1M": 10**6,
    "1M to 10M": 10**7,
    "10M to 100M": 10**8,
    "100M to 1G": 10**9,
    "1G and more": None,
}
"""The classes of size: how many parameters a model has less than."""

COUNTED = {
    "regions": tables.Region,
    "sub_regions": tables.SubRegion,
    "functions": tables.Function,
    "networks": tables.Network,
    "data_sets": tables.DataSet,
    "platforms": tables.Platform,
    "optimizers": tables.Optimizer,
    "runs": tables.Run,
}

FACETS = (
    "region",
    "sub_region",
    "function",
    "category",
    "data_set",
    "optimizer",
    "platform",
    "kind",
    "modality",
)

Amount = TypeVar("Amount", int, Totals)


@dataclass(frozen=True)
class Facets:
    """How many of the models that fit a filter have each value of a field.

    Attributes:
        total: how many fit.
        by: the counts by ``region``, ``sub_region``, ``function``, ``category``, ``data_set``,
            ``optimizer``, ``platform``, ``kind`` and ``modality``, the most frequent value first;
            what none has is left out. A model counts once for each value that it has.
    """

    total: int
    by: dict[str, dict[str, int]]


def facets(session: Session, tree: Filter | None) -> Facets:
    """Count the models that fit by all that is asked often; see `Library.facets`."""
    model = PretrainedModel
    fits = condition(session, tree)
    by: dict[str, dict[str, int]] = {}
    # An index begins with the first two; the others have few values together.
    pairs = {
        ("network", "data_set"): (model.network, model.data_set),
        ("optimizer", "platform"): (model.optimizer, model.platform),
    }
    for names, pair in pairs.items():
        rows = session.exec(select(*pair, func.count()).where(fits).group_by(*pair)).all()
        total = sum(count for *_, count in rows)
        by |= {name: defaultdict(int) for name in names}
        for first, second, count in rows:
            by[names[0]][first] += count
            by[names[1]][second] += count
    called = dict(session.exec(select(DataSet.id, DataSet.name)).all())
    by["data_set"] = _spread(by["data_set"], {key: [name] for key, name in called.items()}, 0)
    networks = by.pop("network")
    by |= {field: _spread(networks, values, 0) for field, values in _of_networks(session).items()}
    return Facets(total, {name: _most_first(by[name]) for name in FACETS})


def stats(session: Session, tree: Filter | None) -> Stats:
    """Add up the models that fit; see `Library.stats`."""
    model = PretrainedModel
    parameters = col(model.parameters)
    classes = [(parameters < limit, name) for name, limit in SIZES.items() if limit is not None]
    size = case(*classes, else_=list(SIZES)[-1])
    keys = (model.network, model.platform, size)
    sums = (func.count(), func.sum(parameters), func.sum(model.size_bytes))
    query = select(*keys, *sums).where(condition(session, tree)).group_by(*keys)  # type: ignore[call-overload]
    by: dict[str, dict[str, Totals]] = {
        name: defaultdict(Totals) for name in ("network", "platform", "size")
    }
    total = Totals()
    for *values, models, weights, size_bytes in session.exec(query).all():
        some = Totals(models, int(weights), int(size_bytes))  # PostgreSQL sums to decimals
        total += some
        for totals, value in zip(by.values(), values, strict=True):
            totals[value] += some
    networks = by.pop("network")
    known = _of_networks(session)
    for field in ("function", "sub_region", "region"):
        by = {field: _spread(networks, known[field], Totals()), **by}
    shown = {name: dict(sorted(values.items())) for name, values in by.items()}
    shown["size"] = {name: by["size"][name] for name in SIZES if name in by["size"]}
    return Stats(total, shown, _counts(session))


def _of_networks(session: Session) -> dict[str, dict[str, set[str]]]:
    """Return the values of every network by field; the sub-regions apart from the regions."""
    found: dict[str, dict[str, set[str]]] = {
        field: defaultdict(set) for field in (*OF_NETWORKS, "sub_region")
    }
    facts = select(Network.name, Network.kind, Network.category, Network.modality)
    for name, kind, category, modality in session.exec(facts).all():
        found["kind"][name] = {kind}
        found["category"][name] = {category}
        found["modality"][name] = {one for one in MODALITIES if one in modality}
    tasks = select(NetworkFunction.network, NetworkFunction.function)
    for name, task in session.exec(tasks).all():
        found["function"][name].add(task)
    works = defaultdict(list)
    for function, place in session.exec(select(Function.name, Function.sub_region)).all():
        works[place].append(function)
    places = select(NetworkSubRegion.network, NetworkSubRegion.sub_region)
    for name, sub_region in session.exec(places).all():
        found["region"][name].add(sub_region.split(".")[0])
        for place in _sub_regions(sub_region):
            found["sub_region"][name].add(place)
            found["function"][name].update(works[place])
    return found


def _sub_regions(name: str) -> Iterable[str]:
    """Yield a sub-region and those that it lies in, e.g. vision.shape.face and vision.shape."""
    while "." in name:
        yield name
        name = name.rpartition(".")[0]


def _spread(
    amounts: Mapping[str, Amount], values: Mapping[str, Iterable[str]], nothing: Amount
) -> dict[str, Amount]:
    """Return the amounts by value, of amounts by what has these values."""
    spread: dict[str, Amount] = {}
    for key, amount in amounts.items():
        for value in values.get(key, ()):
            spread[value] = spread.get(value, nothing) + amount
    return spread


def _most_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _counts(session: Session) -> dict[str, int]:
    return {
        name: session.exec(select(func.count()).select_from(table)).one()
        for name, table in COUNTED.items()
    }

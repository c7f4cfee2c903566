"""What the catalog knows of networks and data sets, and so of all their models."""

from typing import Any

from sqlalchemy import Subquery, func, literal, or_, union, union_all
from sqlmodel import col, select

from brainray.catalog.tables import (
    DataSet,
    Function,
    Network,
    NetworkFunction,
    NetworkSubRegion,
    SubRegion,
)
from brainray.shapes import MODALITIES

OF_NETWORKS = ("kind", "category", "modality", "region", "function")
"""The fields that are facts of the network."""


def network_values(field: str) -> Subquery[Any]:
    """Return the query of a field's values: rows of ``network`` and ``value``, some perhaps twice.

    A network's regions are its sub-regions: they begin with the names of all that they are in.
    Its functions are its tasks and what its sub-regions, or those that they are in, do.
    """
    values: Subquery[Any] = _network_values(field).subquery()
    return values


def data_set_values() -> Subquery[Any]:
    """Return the query of what data sets are called, by name and id: ``data_set``, ``value``."""
    names: Any = select(col(DataSet.id).label("data_set"), col(DataSet.name).label("value"))
    return union(names, select(DataSet.id, DataSet.id)).subquery()


def _network_values(field: str) -> Any:
    name: Any = col(Network.name).label("network")
    match field:
        case "kind" | "category":
            return select(name, getattr(Network, field).label("value"))
        case "modality":
            # A fused network has several, e.g. "audio+image"; no name is a part of another one.
            return union_all(
                *(
                    select(name, literal(modality).label("value")).where(
                        col(Network.modality).contains(modality)
                    )
                    for modality in MODALITIES
                )
            )
        case "region":
            place = NetworkSubRegion
            return select(place.network, col(place.sub_region).label("value"))
        case "function":
            here, there = col(SubRegion.name), col(Function.sub_region)
            finer = func.substr(here, 1, func.length(there) + 1) == there + "."
            # Distinct, so that databases join these few first, and only then the networks.
            works = (
                select(here.label("place"), col(Function.name).label("value"))
                .join(Function, or_(here == there, finer))
                .distinct()
                .subquery()
            )
            place, task = NetworkSubRegion, NetworkFunction
            return union_all(
                select(task.network, col(task.function).label("value")),
                select(place.network, works.c.value).join(
                    works, works.c.place == col(place.sub_region)
                ),
            )
        case _:
            raise AssertionError(f"{field} is no fact of networks")

"""What an empty catalog starts with: dictionaries, built-in networks, the shipped atlas."""

import csv
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from sqlmodel import Session

from brainray.catalog import atlases
from brainray.catalog.brain_seed import SHIPPED, shipped_atlas
from brainray.catalog.queries import NamedTable
from brainray.catalog.tables import (
    Atlas,
    Function,
    Network,
    NetworkFunction,
    NetworkSubRegion,
    Optimizer,
    Platform,
    Region,
    SubRegion,
)
from brainray.networks.declared import NetworkSpec
from brainray.networks.structure import Structure, structure_of

SEED = files("brainray.catalog") / "seed"
COMPLETED = {"description", "definition", "features", "taps"}
"""Columns that older revisions did not have; a built-in row that is there gets them."""


def seed(session: Session) -> None:
    """Add the built-in rows that are missing; what rows that exist say stays as it is."""
    functions, dictionaries = seed_functions(), seed_dictionaries()
    regions = dict.fromkeys(row["region"] for row in functions)
    sub_regions = {row["sub_region"]: row["region"] for row in functions}
    _add_missing(session, [Region(name=name) for name in regions])
    _add_missing(
        session, [SubRegion(name=name, region=region) for name, region in sub_regions.items()]
    )
    _add_missing(
        session,
        [
            Function(
                name=row["function"],
                sub_region=row["sub_region"],
                definition=row["definition"],
                synonyms=row["synonyms"].split(),
            )
            for row in functions
        ],
    )
    tasks, platforms, optimizers = (
        dictionaries[part].items() for part in ("tasks", "platforms", "optimizers")
    )
    _add_missing(session, [Function(name=name, definition=text) for name, text in tasks])
    _add_missing(session, [Platform(name=name, format=kind) for name, kind in platforms])
    _add_missing(session, [Optimizer(name=name, description=text) for name, text in optimizers])
    _add_missing(session, [_network(entry) for entry in seed_networks()])
    if session.get(Atlas, SHIPPED) is None:
        atlases.add(session, shipped_atlas())


def seed_functions() -> list[dict[str, str]]:
    """Return the rows of ``functions.csv``: function, region, sub_region, synonyms, definition."""
    with (SEED / "functions.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def seed_dictionaries() -> dict[str, dict[str, str]]:
    """Return the parts of ``dictionaries.yaml``: tasks, platforms, optimizers."""
    text = (SEED / "dictionaries.yaml").read_text("utf-8")
    dictionaries: dict[str, dict[str, str]] = yaml.safe_load(text)
    return dictionaries


def seed_networks() -> list[dict[str, Any]]:
    """Return the entries of ``networks.yaml``."""
    entries: list[dict[str, Any]] = yaml.safe_load((SEED / "networks.yaml").read_text("utf-8"))
    return entries


@cache
def _structures() -> dict[str, Structure]:
    """Return the structure of each built-in network; they are built once a process."""
    return {entry["name"]: structure_of(NetworkSpec(**entry)) for entry in seed_networks()}


def _network(entry: dict[str, Any]) -> Network:
    name = entry["name"]
    places = [
        NetworkSubRegion(network=name, sub_region=sub_region, position=position)
        for position, sub_region in enumerate(entry["sub_regions"])
    ]
    tasks = [
        NetworkFunction(network=name, function=function, position=position)
        for position, function in enumerate(entry["functions"])
    ]
    structure = _structures()[name]
    fields: Iterable[str] = ("name", "architecture", "category", "modality", "preparation")
    return Network(
        **{field: entry[field] for field in fields},
        kind="unimodal",
        features=structure.features,
        taps=structure.taps,
        metrics=["accuracy"],
        places=places,
        tasks=tasks,
    )


def _add_missing(session: Session, rows: Sequence[NamedTable]) -> None:
    """Add rows before those that refer to them; one that is there gets what it does not say."""
    for row in rows:
        known = session.get(type(row), row.name)
        if known is None:
            session.add(row)
            continue
        for field in COMPLETED & set(type(row).model_fields):
            if not getattr(known, field):
                setattr(known, field, getattr(row, field))
        session.add(known)
    session.flush()

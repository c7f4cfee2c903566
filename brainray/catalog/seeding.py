"""What an empty catalog starts with: regions, functions and the built-in networks."""

import csv
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import yaml
from sqlmodel import Session

from brainray.catalog.tables import Function, Network, NetworkSubRegion, Region, SubRegion, Table

SEED = files("brainray.catalog") / "seed"


def seed(session: Session) -> None:
    """Add the built-in rows that are missing; rows that exist stay as they are."""
    functions = seed_functions()
    networks = seed_networks()
    _add_missing(session, {row["region"]: Region(name=row["region"]) for row in functions})
    _add_missing(
        session,
        {
            row["sub_region"]: SubRegion(name=row["sub_region"], region=row["region"])
            for row in functions
        },
    )
    _add_missing(
        session,
        {
            row["function"]: Function(
                name=row["function"],
                sub_region=row["sub_region"],
                synonyms=row["synonyms"].split(),
            )
            for row in functions
        },
    )
    _add_missing(session, {row["name"]: _network(row) for row in networks})


def seed_functions() -> list[dict[str, str]]:
    """Return the rows of ``functions.csv``: function, region, sub_region, synonyms."""
    with (SEED / "functions.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def seed_networks() -> list[dict[str, Any]]:
    """Return the entries of ``networks.yaml``."""
    entries: list[dict[str, Any]] = yaml.safe_load((SEED / "networks.yaml").read_text("utf-8"))
    return entries


def _network(entry: dict[str, Any]) -> Network:
    places = [
        NetworkSubRegion(network=entry["name"], sub_region=sub_region, position=position)
        for position, sub_region in enumerate(entry["sub_regions"])
    ]
    fields: Iterable[str] = ("name", "architecture", "category", "modality", "preparation")
    return Network(**{field: entry[field] for field in fields}, places=places)


def _add_missing(session: Session, rows: dict[str, Table]) -> None:
    """Add the rows whose key is not there yet, before rows that refer to them."""
    for key, row in rows.items():
        if session.get(type(row), key) is None:
            session.add(row)
    session.flush()

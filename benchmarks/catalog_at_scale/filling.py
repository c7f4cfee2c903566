"""Puts the zoo into an empty catalog, in bulk."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from sqlalchemy import Connection, insert, make_url, text

from brainray.catalog import tables
from brainray.catalog.database import open_database, writing
from catalog_at_scale.zoo import OPTIMIZERS, PLATFORMS, TASKS, Row, Zoo

CHUNK = 5000


def fill(url: str, size: int) -> None:
    """Fill the catalog, and let PostgreSQL do at once what its autovacuum does within a minute."""
    zoo = Zoo(size)
    engine = open_database(url)
    with writing(engine) as session:
        connection = session.connection()
        _insert_missing(connection, tables.Platform, PLATFORMS, "format")
        _insert_missing(connection, tables.Optimizer, dict.fromkeys(OPTIMIZERS, ""), "description")
        tasks = [{"name": name, "definition": "", "synonyms": []} for name in TASKS]
        there = _names(connection, tables.Function)
        _insert(connection, tables.Function, [row for row in tasks if row["name"] not in there])
        _insert(connection, tables.DataSet, zoo.data_sets())
        _insert(connection, tables.Network, zoo.networks)
        _insert(connection, tables.NetworkSubRegion, zoo.places)
        _insert(connection, tables.NetworkFunction, zoo.tasks)
        models = zoo.models()
        while some := list(islice(models, CHUNK)):
            _insert(connection, tables.PretrainedModel, [model for model, _, _ in some])
            _insert(connection, tables.ModelBackbone, _parts(some))
            _insert(connection, tables.Evaluation, [row for *_, rows in some for row in rows])
    if make_url(url).get_backend_name() == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()


def _parts(models: Iterable[tuple[Row, list[str], list[Row]]]) -> list[Row]:
    return [
        {"fused": model["id"], "position": position, "backbone": backbone}
        for model, backbones, _ in models
        for position, backbone in enumerate(backbones)
    ]


def _names(connection: Connection, table: Any) -> set[str]:
    """Return what stands in the first column, the name of each row."""
    return set(connection.scalars(table.__table__.select()))


def _insert_missing(connection: Connection, table: Any, rows: dict[str, str], other: str) -> None:
    there = _names(connection, table)
    missing = [{"name": name, other: value} for name, value in rows.items() if name not in there]
    _insert(connection, table, missing)


def _insert(connection: Connection, table: Any, rows: list[Row]) -> None:
    if rows:
        connection.execute(insert(table), rows)

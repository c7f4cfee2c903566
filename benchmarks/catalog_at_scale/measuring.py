"""Asks a full catalog through the product, and replays its SQL without the product."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from reporting import goal
from sqlalchemy import Engine, event

from brainray.catalog import Library, NewModel, recipe_of, store_weights
from brainray.catalog.database import open_database
from catalog_at_scale.questions import FACETS, PAGE, SEARCHES, TEXTS

Row = dict[str, Any]
Statement = tuple[str, Any]

PAGE_GOAL, FACETS_GOAL, REGISTER_GOAL = 20.0, 100.0, 50.0
"""Milliseconds, 95th percentile."""

REGISTERED = 50
PARAMETERS = 1_000_000


def measure(database: str, library: Library, rounds: int) -> tuple[list[Row], list[Row]]:
    """Return rows and goals of one database; ``rounds`` is how often everything is asked."""
    rows: list[Row] = []
    opened = [_milliseconds(Library.open, library.settings) for _ in range(rounds)]
    pages, slowest, limits = _pages(library, rounds)
    facets = _asked(rounds, FACETS, library.facets)
    texts = _asked(rounds, TEXTS, lambda words: library.search(words, "accuracy:desc", PAGE))
    stats = _asked(rounds, FACETS, library.stats)
    copies, registered = _registered(library)
    for name, times in {
        f"{2 * len(SEARCHES)} pages": pages,
        "slowest page": slowest,
        "the SQL of the pages alone": limits,
        f"facets of {len(FACETS)} filters": facets,
        f"free text, {len(TEXTS)} searches": texts,
        f"statistics of {len(FACETS)} filters": stats,
        "registering a model": registered,
        f"the copy of its {PARAMETERS:,} parameters": copies,
        "opening the catalog": opened,
    }.items():
        p50, p95 = np.percentile(times, (50, 95))
        rows.append(
            {
                "database": database,
                "name": name,
                "p50_ms": round(float(p50), 2),
                "p95_ms": round(float(p95), 2),
                "calls": len(times),
            }
        )
    ratio = float(np.median(pages) / np.median(limits))
    rows.append(
        {"database": database, "name": "a page against its SQL alone", "ratio": round(ratio, 2)}
    )
    wanted = {
        "page_p95_ms": (pages, PAGE_GOAL),
        "facets_p95_ms": (facets, FACETS_GOAL),
        "register_p95_ms": (registered, REGISTER_GOAL),
    }
    goals = [
        goal(f"{database} {name}", float(np.percentile(times, 95)), limit, "lower")
        for name, (times, limit) in wanted.items()
    ]
    return rows, goals


def _pages(library: Library, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Return the times of all pages, those of the slowest question, and those of the SQL alone."""
    totals = {question: library.search(question.filter).total for question in SEARCHES}
    asked = [(q, offset) for q in SEARCHES for offset in (0, int(totals[q] * q.deep))]
    times: dict[Any, list[float]] = {one: [] for one in asked}
    limits: list[float] = []
    with _raw(library) as replay:
        for _ in range(rounds):
            for question, offset in asked:
                given = (question.filter, question.sort, PAGE, offset)
                statements: list[Statement] = []
                with _recorded(statements):
                    library.search(*given)
                times[question, offset].append(_milliseconds(library.search, *given))
                limits.append(_milliseconds(replay, statements))
    slowest = max(times.values(), key=lambda values: float(np.median(values)))
    return [value for values in times.values() for value in values], slowest, limits


def _asked(rounds: int, questions: tuple[str, ...], ask: Callable[[str], object]) -> list[float]:
    return [_milliseconds(ask, question) for _ in range(rounds) for question in questions]


def _registered(library: Library) -> tuple[list[float], list[float]]:
    """Return the times of the copies of weights into the store, and of the registrations."""
    network = library.network("lenet3.image")
    found = library.search("network ~ resnet").models[0]
    copies, registered = [], []
    for number in range(REGISTERED):
        tensors = {"weight": torch.randn(PARAMETERS)}
        begin = time.perf_counter()
        weights = store_weights(library.store, "vision.shape", tensors)
        copies.append(1e3 * (time.perf_counter() - begin))
        new = NewModel(
            name=f"benchmark-{number % 10}",
            kind="unimodal",
            network=network.name,
            sub_region="vision.shape",
            modality="image",
            data_set=found.data_set,
            optimizer="adam",
            platform=found.platform,
            preparation=network.preparation,
            recipe=recipe_of({"benchmark": number}),
            weights=weights,
            metrics={"test": 0.9, "validation": 0.9},
        )
        registered.append(_milliseconds(library.register, new))
    return copies, registered


def _milliseconds(call: Callable[..., object], *arguments: object) -> float:
    begin = time.perf_counter()
    call(*arguments)
    return 1e3 * (time.perf_counter() - begin)


@contextmanager
def _recorded(statements: list[Statement]) -> Iterator[None]:
    """Collect the queries that the product sends meanwhile."""

    def note(_connection: Any, _cursor: Any, sql: str, values: Any, *_rest: Any) -> None:
        if sql.startswith("SELECT"):
            statements.append((sql, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@contextmanager
def _raw(library: Library) -> Iterator[Callable[[list[Statement]], None]]:
    """Give what sends queries over one open connection of the database's own driver."""
    engine = open_database(library.settings.database_url)
    connection = engine.raw_connection()
    cursor = connection.cursor()

    def replay(statements: list[Statement]) -> None:
        for sql, values in statements:
            cursor.execute(sql, values)
            cursor.fetchall()

    try:
        yield replay
    finally:
        connection.close()
        engine.dispose()

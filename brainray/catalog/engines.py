"""How brainray talks to each database: SQLite and PostgreSQL keep the same promises.

A transaction that reads sees one state. Those that write come one after the other, on PostgreSQL
as on SQLite, so that none fails because of another one: what a writer has read stays true until
it commits, versions have no gaps, and nothing has to be tried again.
"""

import atexit
import os
import sqlite3
import time
import weakref
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url

from brainray.errors import CatalogError

BUSY_SECONDS = 30
"""How long a process waits for another one's transaction before it gives up."""

CONNECT_SECONDS = 10
"""How long PostgreSQL may take to answer at all."""

WRITE = "brainray_write"
"""Execution option of connections whose transactions will write."""

MIGRATE = "brainray_migrate"
"""Execution option of connections whose transactions will change tables."""

WRITERS = int.from_bytes(b"brainray")
"""Key of the advisory lock that writers hold on PostgreSQL."""


def make_engine(url: str) -> Engine:
    """Return the engine of a database; nothing is opened yet.

    Raises:
        SQLAlchemyError: the URL cannot be parsed.
        CatalogError: it is neither SQLite nor PostgreSQL, or its driver or folder is missing.
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed)
        case "postgresql":
            return _postgres(parsed)
        case other:
            raise CatalogError(
                f"database {shown(url)}: {other!r}, allowed are sqlite and postgresql+psycopg"
            )


def expect_file(engine: Engine) -> None:
    """Have later connections to a SQLite file fail if it is gone, not make it again, empty."""
    if engine.dialect.name == "sqlite" and engine.url.database:
        event.listen(engine, "do_connect", _check_file)


def _check_file(dialect: object, record: object, arguments: list[Any], options: object) -> None:
    if not Path(arguments[0]).exists():
        raise CatalogError(f"database sqlite:///{arguments[0]}: is gone")


def shown(url: str) -> str:
    """Return the URL without its password.

    Raises:
        SQLAlchemyError: the URL cannot be parsed.
    """
    return make_url(url).render_as_string(hide_password=True)


def _sqlite(url: URL) -> Engine:
    if url.database:
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CatalogError(f"database {url.render_as_string()}: {error}") from error
    # No pool: no open file crosses a fork or a pickle.
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    # sqlite3 would begin transactions too late and commit before DDL: _begin_sqlite begins them.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")
    # The switch to WAL stays with the file; unlike a transaction it does not wait for others.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get(MIGRATE, False):
        # SQLite changes a table by a copy that takes its place, during which references to it
        # lead nowhere; the connection is closed at the end, so this holds for no other use.
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    # A transaction that reads first and writes later would fail at once, without waiting, when
    # another one has written in between; so writers take the lock at the start.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(WRITE, False) else "BEGIN")


def close_connections() -> None:
    """Close this process's connections to PostgreSQL; who needs one afterwards opens another."""
    for engine in _pooled:
        engine.dispose()
    _postgres.cache_clear()


# One engine a database: a server has few connections to give, and every engine keeps some.
@cache
def _postgres(url: URL) -> Engine:
    try:
        engine = create_engine(
            url,
            # A server that was started again since is noticed before a connection is used.
            pool_pre_ping=True,
            connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "brainray"},
        )
    except ImportError as error:
        raise CatalogError(
            f"database {url.render_as_string()}: its driver is missing ({error}); "
            "install brainray[postgres] and write postgresql+psycopg://"
        ) from error
    event.listen(engine, "connect", _configure_postgres)
    event.listen(engine, "begin", _begin_postgres)
    _pooled.add(engine)
    return engine


def _configure_postgres(connection: Any, _record: object) -> None:
    # Questions take milliseconds, so that compiling them or starting workers costs more than it
    # gains; and each is planned for its own values, of which some are frequent and most are rare.
    with connection.cursor() as cursor:
        cursor.execute("SET jit = off")
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        cursor.execute("SET plan_cache_mode = force_custom_plan")
    connection.commit()


def _begin_postgres(connection: Connection) -> None:
    if connection.get_execution_options().get(WRITE, False):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _leave_connections_to_parent() -> None:
    for engine in _pooled:
        engine.dispose(close=False)


_pooled: weakref.WeakSet[Engine] = weakref.WeakSet()
os.register_at_fork(after_in_child=_leave_connections_to_parent)
atexit.register(close_connections)

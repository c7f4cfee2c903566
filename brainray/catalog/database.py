"""The catalog's database: made, migrated and seeded when empty, refused when of another age."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, inspect, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlmodel import Session

from brainray.catalog.seeding import seed
from brainray.errors import CatalogError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 30
"""How long a process waits for another one's transaction before it gives up."""

WRITE = "brainray_write"
"""Execution option of connections whose transactions will write."""

MIGRATE = "brainray_migrate"
"""Execution option of connections whose transactions will change tables."""


def open_database(url: str) -> Engine:
    """Open the catalog's database; an empty one is migrated and seeded first.

    Several processes may do this at the same time.

    Args:
        url: SQLAlchemy URL, e.g. ``sqlite:////home/me/catalog.sqlite``.

    Raises:
        CatalogError: it cannot be opened, is no catalog, or is older or newer than this brainray.
    """
    with _reported(url):
        engine = _engine(url)
        with engine.connect() as connection:
            revision = _revision(connection, url)
        if revision is None:
            with _migrating(engine, url) as connection:
                # Another process may have filled it between the look above and the lock here.
                revision = _revision(connection, url)
                if revision is None:
                    revision = _migrate_and_seed(connection, url)
    if revision != head_revision():
        raise CatalogError(
            f"database {_shown(url)}: has the older revision {revision}, not {head_revision()}; "
            "run `brainray db upgrade`"
        )
    return engine


def upgrade(url: str) -> str:
    """Bring the database to the newest revision, add new built-in rows, and return the revision.

    Raises:
        CatalogError: it cannot be opened, is no catalog, or is newer than this brainray.
    """
    with _reported(url), _migrating(_engine(url), url) as connection:
        _revision(connection, url)
        return _migrate_and_seed(connection, url)


def downgrade(url: str, revision: str) -> None:
    """Bring the database back to an older revision; what that one cannot express is lost.

    Args:
        url: of the database.
        revision: e.g. ``0001``, or ``base`` for an empty database.

    Raises:
        CatalogError: it cannot be opened, is no catalog, or is newer than this brainray.
    """
    with _reported(url), _migrating(_engine(url), url) as connection:
        _revision(connection, url)
        command.downgrade(alembic_config(connection), revision)


def head_revision() -> str:
    """Return the newest revision that this brainray knows."""
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert head is not None, "there is at least one migration"
    return head


def alembic_config(connection: Connection) -> Config:
    """Return alembic's configuration for ``connection``; no ``alembic.ini`` is needed."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Give a session that sees one state of the database.

    Raises:
        CatalogError: the database says no.
    """
    with _reported(engine.url.render_as_string()), Session(engine) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Give a session whose changes come to be all together, at its end, or not at all.

    Raises:
        CatalogError: the database says no.
    """
    writer = engine.execution_options(**{WRITE: True})
    with _reported(engine.url.render_as_string()), Session(writer) as session, session.begin():
        yield session


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        try:
            return create_engine(parsed)
        except ImportError as error:
            raise CatalogError(f"database {_shown(url)}: its driver is missing: {error}") from error
    if parsed.database:
        try:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CatalogError(f"database {_shown(url)}: {error}") from error
    # No pool: no open file crosses a fork or a pickle.
    engine = create_engine(parsed, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})
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
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
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


@contextmanager
def _migrating(engine: Engine, url: str) -> Iterator[Connection]:
    """Give a connection that may change tables; what would leave a dangling reference fails."""
    with engine.execution_options(**{WRITE: True, MIGRATE: True}).begin() as connection:
        yield connection
        if engine.dialect.name == "sqlite":
            dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if dangling is not None:
                raise CatalogError(
                    f"database {_shown(url)}: table {dangling[0]} refers to rows that are not in "
                    f"{dangling[2]}; nothing was changed"
                )


def _revision(connection: Connection, url: str) -> str | None:
    """Return the revision of a catalog that this brainray knows, None if it is empty."""
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        if tables := inspect(connection).get_table_names():
            raise CatalogError(
                f"database {_shown(url)}: is no brainray catalog, it has the tables "
                f"{', '.join(sorted(tables)[:5])}"
            )
        return None
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if revision not in known:
        raise CatalogError(
            f"database {_shown(url)}: has revision {revision}, which this brainray does not know; "
            f"its newest is {head_revision()}, so a newer brainray is needed"
        )
    return revision


def _migrate_and_seed(connection: Connection, url: str) -> str:
    command.upgrade(alembic_config(connection), "head")
    with Session(connection) as session:
        seed(session)
    revision = _revision(connection, url)
    assert revision is not None, "the migration has just set it"
    return revision


def _shown(url: str) -> str:
    """Return the URL without its password."""
    return make_url(url).render_as_string(hide_password=True)


@contextmanager
def _reported(url: str) -> Iterator[None]:
    """Turn what the database layer raises into one line."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        try:
            shown = _shown(url)
        except SQLAlchemyError:
            shown = "URL"  # what cannot be parsed may hold a password anywhere
        raise CatalogError(f"database {shown}: {' '.join(str(cause).split())}") from error

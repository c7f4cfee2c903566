"""The catalog's database: made, migrated and seeded when empty, refused when of another age."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlmodel import Session

from brainray.catalog.engines import MIGRATE, WRITE, expect_file, make_engine, shown
from brainray.errors import CatalogError, UnavailableError

MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(url: str, new: bool = True) -> Engine:
    """Open the catalog's database; an empty one is migrated and seeded first.

    Several processes may do this at the same time. Once it is open, an SQLite file that is deleted
    is missed, not made again.

    Args:
        url: SQLAlchemy URL, e.g. ``sqlite:////home/me/catalog.sqlite``.
        new: whether it may be empty.

    Raises:
        CatalogError: it cannot be opened, is no catalog, or is older or newer than this brainray.
    """
    with _reported(url):
        engine = make_engine(url)
        if not new:
            expect_file(engine)
        with engine.connect() as connection:
            revision = _revision(connection, url)
        if revision is None:
            if not new:
                raise CatalogError(f"database {shown(url)}: is empty")
            with _migrating(engine, url) as connection:
                # Another process may have filled it between the look above and the lock here.
                revision = _revision(connection, url)
                if revision is None:
                    revision = _migrate_and_seed(connection, url)
    if revision != head_revision():
        raise CatalogError(
            f"database {shown(url)}: has the older revision {revision}, not {head_revision()}; "
            "run `brainray db upgrade`"
        )
    if new:
        expect_file(engine)
    return engine


def upgrade(url: str) -> str:
    """Bring the database to the newest revision, add new built-in rows, and return the revision.

    Raises:
        CatalogError: it cannot be opened, is no catalog, or is newer than this brainray.
    """
    with _reported(url), _migrating(make_engine(url), url) as connection:
        _revision(connection, url)
        return _migrate_and_seed(connection, url)


def downgrade(url: str, revision: str) -> None:
    """Bring the database back to an older revision; what that one cannot express is lost.

    Args:
        url: of the database.
        revision: e.g. ``0001``, or ``base`` for an empty database.

    Raises:
        CatalogError: it cannot be opened, is no catalog, or is newer than this brainray, or there
            is no such older revision.
    """
    with _reported(url), _migrating(make_engine(url), url) as connection:
        current = _revision(connection, url)
        known = ["base", *_revisions()]
        allowed = known[: known.index(current or "base") + 1]
        if revision not in allowed:
            raise CatalogError(
                f"revision {revision!r}: database {shown(url)} is at {allowed[-1]}, "
                f"allowed are {', '.join(allowed)}"
            )
        from brainray.catalog import migrating  # alembic takes as long to import as all of this

        migrating.downgrade(connection, MIGRATIONS, revision)


def head_revision() -> str:
    """Return the newest revision that this brainray knows."""
    return _revisions()[-1]


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


@contextmanager
def _migrating(engine: Engine, url: str) -> Iterator[Connection]:
    """Give a connection that may change tables; what would leave a dangling reference fails."""
    with engine.execution_options(**{WRITE: True, MIGRATE: True}).begin() as connection:
        yield connection
        if engine.dialect.name == "sqlite":
            dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if dangling is not None:
                raise CatalogError(
                    f"database {shown(url)}: table {dangling[0]} refers to rows that are not in "
                    f"{dangling[2]}; nothing was changed"
                )


def _revision(connection: Connection, url: str) -> str | None:
    """Return the revision of a catalog that this brainray knows, None if it is empty."""
    revision: str | None = None
    if inspect(connection).has_table("alembic_version"):
        revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if revision is None:
        if tables := inspect(connection).get_table_names():
            raise CatalogError(
                f"database {shown(url)}: is no brainray catalog, it has the tables "
                f"{', '.join(sorted(tables)[:5])}"
            )
        return None
    if revision not in _revisions():
        raise CatalogError(
            f"database {shown(url)}: has revision {revision}, which this brainray does not know; "
            f"its newest is {head_revision()}, so a newer brainray is needed"
        )
    return revision


def _revisions() -> list[str]:
    """Return all revisions that this brainray knows, the oldest first.

    Their files' names begin with them: to read the files takes longer than to open a catalog.
    """
    return sorted(path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/[0-9]*.py"))


def _migrate_and_seed(connection: Connection, url: str) -> str:
    from brainray.catalog import migrating

    migrating.upgrade(connection, MIGRATIONS)
    revision = _revision(connection, url)
    assert revision is not None, "the migration has just set it"
    return revision


@contextmanager
def _reported(url: str) -> Iterator[None]:
    """Turn what the database layer raises into one line."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        try:
            name = shown(url)
        except SQLAlchemyError:
            name = "URL"  # what cannot be parsed may hold a password anywhere
        raise UnavailableError(f"database {name}: {' '.join(str(cause).split())}") from error

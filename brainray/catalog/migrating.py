"""Alembic at work: tables change from one revision to another, built-in rows are added."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlmodel import Session

from brainray.catalog.seeding import seed


def upgrade(connection: Connection, migrations: Path) -> None:
    """Bring tables to the newest revision, and add built-in rows that are missing.

    Args:
        connection: in a transaction, which the caller ends.
        migrations: folder of the revisions' files.
    """
    command.upgrade(alembic_config(connection, migrations), "head")
    with Session(connection) as session:
        seed(session)


def downgrade(connection: Connection, migrations: Path, revision: str) -> None:
    """Bring tables back to an older revision, or to ``base``, which has none."""
    command.downgrade(alembic_config(connection, migrations), revision)


def alembic_config(connection: Connection, migrations: Path) -> Config:
    """Return alembic's configuration for ``connection``; no ``alembic.ini`` is needed."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    return config

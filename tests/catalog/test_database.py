import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlmodel import select

from brainray.catalog import database, tables
from brainray.catalog.database import (
    downgrade,
    head_revision,
    open_database,
    reading,
    upgrade,
    writing,
)
from brainray.errors import CatalogError

NEWER = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "HEAD"


def upgrade():
    op.add_column("region", sa.Column("note", sa.String()))


def downgrade():
    op.drop_column("region", "note")
"""

OPEN = """
import sys
from sqlmodel import select
from brainray.catalog.database import open_database, reading
from brainray.catalog.tables import Function

print("ready", flush=True)
sys.stdin.readline()
with reading(open_database(sys.argv[1])) as session:
    print(len(session.exec(select(Function)).all()))
"""


@pytest.fixture
def url(tmp_path: Path, new_database: Callable[..., str]) -> str:
    return new_database(tmp_path / "new" / "folder")


@pytest.fixture
def newer_migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    shutil.copytree(database.MIGRATIONS, folder)
    (folder / "versions" / "9999_note.py").write_text(NEWER.replace("HEAD", head_revision()))
    return folder


def count(url: str, table: type[tables.Table]) -> int:
    with reading(open_database(url)) as session:
        return len(session.exec(select(table)).all())


def test_an_empty_database_is_migrated_and_seeded_once(url: str) -> None:
    assert count(url, tables.Function) == 71
    with writing(open_database(url)) as session:
        session.delete(session.get_one(tables.Function, "tracking"))
    assert count(url, tables.Function) == 70  # what was removed stays removed


# One index is PostgreSQL's alone; alembic cannot look for it on SQLite, and says so.
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based")
def test_the_migrations_make_the_tables_of_the_code(url: str) -> None:
    with open_database(url).connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, tables.Table.metadata) == []


def test_the_migrations_can_be_undone(url: str) -> None:
    engine = open_database(url)
    downgrade(url, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]


def test_sqlite_writes_ahead_and_waits(tmp_path: Path) -> None:
    with open_database(f"sqlite:///{tmp_path / 'catalog.sqlite'}").connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 30_000


def test_a_deleted_file_is_missed_and_an_empty_one_refused(tmp_path: Path) -> None:
    file = tmp_path / "catalog.sqlite"
    url = f"sqlite:///{file}"
    with pytest.raises(CatalogError, match=r"catalog\.sqlite: is gone$"):
        open_database(url, new=False)
    file.touch()
    with pytest.raises(CatalogError, match=r"catalog\.sqlite: is empty$"):
        open_database(url, new=False)
    engine = open_database(url)
    open_database(url, new=False)
    file.unlink()
    with (
        pytest.raises(CatalogError, match=r"catalog\.sqlite: is gone$"),
        reading(engine) as session,
    ):
        session.exec(select(tables.Region)).all()
    assert not file.exists()


def test_references_are_checked(url: str) -> None:
    engine = open_database(url)
    with pytest.raises(CatalogError, match=r"(?i)foreign key"), writing(engine) as session:
        session.add(tables.SubRegion(name="ear.left", region="ear"))


def test_a_failed_write_leaves_nothing(url: str) -> None:
    engine = open_database(url)
    with pytest.raises(CatalogError, match=r"(?i)foreign key"), writing(engine) as session:
        session.add_all([tables.Region(name="ear"), tables.SubRegion(name="a.b", region="a")])
    with reading(engine) as session:
        assert session.get(tables.Region, "ear") is None


def test_an_older_database_waits_for_the_upgrade(
    url: str, newer_migrations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(open_database(url)) as session:
        session.delete(session.get_one(tables.Function, "tracking"))
    monkeypatch.setattr(database, "MIGRATIONS", newer_migrations)
    with pytest.raises(CatalogError, match=r"older revision \d{4}.*brainray db upgrade"):
        open_database(url)
    assert upgrade(url) == "9999"
    assert upgrade(url) == "9999"
    with open_database(url).connect() as connection:
        assert "note" in {column["name"] for column in inspect(connection).get_columns("region")}
    assert count(url, tables.Function) == 71  # an upgrade brings the built-in rows


def test_a_newer_database_is_refused(
    url: str, newer_migrations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", newer_migrations)
        open_database(url)
    for use in (open_database, upgrade):
        with pytest.raises(CatalogError, match="9999, which this brainray does not know"):
            use(url)


def test_a_failed_migration_leaves_the_database_empty(
    url: str, newer_migrations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (newer_migrations / "versions" / "9999_note.py").write_text(
        NEWER.replace("HEAD", head_revision()).replace('"region", sa.', '"no_such_table", sa.')
    )
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", newer_migrations)
        with pytest.raises(CatalogError, match="no_such_table"):
            open_database(url)
    assert count(url, tables.Function) == 71


def test_a_foreign_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE customers (id INTEGER)")
    connection.close()
    for use in (open_database, upgrade):
        with pytest.raises(CatalogError, match="no brainray catalog, it has the tables customers"):
            use(f"sqlite:///{path}")


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(CatalogError, match=r"catalog\.sqlite: file is not a database"):
        open_database(f"sqlite:///{path}")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CatalogError, match="file"):
        open_database(f"sqlite:///{tmp_path}/file/catalog.sqlite")


@pytest.mark.parametrize("url", ["secret", "nosuchdb://user:secret@host/base"])
def test_an_impossible_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(CatalogError, match="database") as caught:
        open_database(url)
    assert "secret" not in str(caught.value).replace("'secret'", "")
    assert "\n" not in str(caught.value)


def test_two_processes_open_an_empty_database_at_once(url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=300)[0] for process in processes] == ["71\n"] * 2

"""A PostgreSQL that goes away and comes back: clear errors, nothing lost, resumable."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select

from brainray.catalog import Library, tables
from brainray.catalog.database import downgrade, open_database, reading, writing
from brainray.errors import CatalogError
from brainray.pipeline.local import local_runner
from brainray.pipeline.record import Event, Record
from brainray.pipeline.run import run_scenario
from brainray.scenario import Scenario, load_scenario
from brainray.settings import Settings
from brainray.testing.places import settings_below
from brainray.testing.servers import PostgresServer


@pytest.fixture
def server(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The server, which is there again after the test."""
    yield postgres
    if not postgres.running():
        postgres.start()


@pytest.fixture
def settings(tmp_path: Path, settings_in: Callable[[Path], Settings]) -> Settings:
    return settings_in(tmp_path / "home")


@pytest.fixture
def plain(tmp_path: Path) -> Settings:
    """SQLite and a folder."""
    return settings_below(tmp_path / "plain")


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    """Two texts; each tells half of the label."""
    rows = ["left,right,label"]
    for number in range(160):
        first, second = ("low", "high")[number % 4 // 2], ("even", "odd")[number % 2]
        rows.append(f"{first} filler{number % 7},{second} filler{number % 5},{number % 4}")
    (tmp_path / "data.csv").write_text("\n".join(rows) + "\n")
    path = tmp_path / "scenario.yaml"
    path.write_text(
        "name: two-texts\n"
        "goal: {target: label}\n"
        "inputs: {left: {modality: text}, right: {modality: text}}\n"
        "data: {manifest: data.csv}\n"
        "search: {budget: 8, brood: 4, epochs: 2, depth: 1, finalists: 1}\n"
        "pretraining: {epochs: 2, batch_size: 16, optimizers: [adam]}\n"
        "training: {epochs: 2, workers: 1}\n"
    )
    return load_scenario(path)


def test_a_run_goes_on_when_its_database_is_back(
    scenario: Scenario, settings: Settings, plain: Settings, server: PostgresServer
) -> None:
    undisturbed = run_scenario(scenario, 3, plain, local_runner)

    def crash(event: Event) -> None:
        if event["event"] == "searched":
            server.stop("immediate")

    with pytest.raises(CatalogError, match=r"database postgresql\+psycopg://brainray:\*\*\*@") as e:
        run_scenario(scenario, 3, settings, local_runner, crash)
    assert "\n" not in str(e.value)
    assert server.password not in str(e.value)
    (folder,) = settings.runs.iterdir()
    assert [event["event"] for event in Record(folder).events()][-1] == "failed"
    server.start()
    report = run_scenario(scenario, 3, settings, local_runner, run_id=folder.name)
    assert report.search.history == undisturbed.search.history
    assert report.best == undisturbed.best
    library = Library.open(settings)
    assert library.run(folder.name).status == "finished"
    assert library.model(report.model.id).sha256 in report.model.path


def test_a_library_outlives_a_restart_of_the_server(
    settings: Settings, server: PostgresServer
) -> None:
    library = Library.open(settings)
    before = library.stats()
    server.stop()
    with pytest.raises(CatalogError, match="Connection refused"):
        library.stats()
    server.start()
    assert library.stats() == before


def test_a_transaction_that_was_cut_leaves_nothing(
    settings: Settings, server: PostgresServer
) -> None:
    engine = open_database(settings.database_url)

    def write() -> None:
        with writing(engine) as session:
            session.add(tables.Region(name="ear", description=""))
            session.flush()
            server.stop("immediate")

    with pytest.raises(CatalogError, match="database postgresql"):
        write()
    server.start()
    with reading(engine) as session:
        assert session.get(tables.Region, "ear") is None


def test_reading_sees_one_state(settings: Settings) -> None:
    engine = open_database(settings.database_url)
    with reading(engine) as session:
        before = session.exec(select(tables.Region.name)).all()
        with writing(engine) as other:
            other.add(tables.Region(name="ear", description=""))
        assert session.exec(select(tables.Region.name)).all() == before
    with reading(engine) as session:
        assert session.get(tables.Region, "ear") is not None


def test_a_child_leaves_its_parents_connections_alone(settings: Settings) -> None:
    library = Library.open(settings)
    functions = library.functions()
    child = os.fork()
    if child == 0:
        os._exit(0 if library.functions() == functions else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert library.functions() == functions


def test_a_process_has_few_connections_however_often_it_opens_the_catalog(
    settings: Settings,
) -> None:
    libraries = [Library.open(settings) for _ in range(20)]
    for library in libraries:
        library.stats()
    with reading(open_database(settings.database_url)) as session:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        assert session.execute(text(query)).scalar() == 1


def test_a_wrong_password_and_a_missing_database_are_said(postgres: PostgresServer) -> None:
    url = postgres.url("nothing")
    with pytest.raises(CatalogError, match='database "nothing" does not exist'):
        open_database(url)
    with pytest.raises(CatalogError, match="password authentication failed") as caught:
        open_database(url.replace(postgres.password, "wrong-secret"))
    assert "wrong-secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_said() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(CatalogError, match=f"port {port} failed: Connection refused") as caught:
        open_database(f"postgresql+psycopg://me:secret@127.0.0.1:{port}/catalog")
    assert "secret" not in str(caught.value)


def test_only_older_revisions_can_be_gone_back_to(settings: Settings) -> None:
    with pytest.raises(CatalogError, match=r"revision '7': .* allowed are base, 0001"):
        downgrade(settings.database_url, "7")

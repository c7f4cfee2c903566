"""What every test gets: places of its own, and no data set that is not there.

With ``--services`` the catalogs that tests make lie in PostgreSQL and S3, on servers that are
started for them, instead of SQLite and a folder; only then are the tests in ``services`` collected,
and of the others those alone that make such catalogs.
With ``--zoo`` those in ``zoo`` are, which need torchvision, timm, transformers, OpenCV and PyAV.
With ``--long`` those in folders called ``long`` are: they take minutes and prove what shorter ones
prove in part; and others then try every case where they else try some.

Tests marked ``data`` read the ready data sets of ``$BRAINRAY_DATA``. Where that is not set they
are deselected, so that the suite passes on a fresh machine and a skip always means something.
"""

import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from brainray.settings import Settings, load_settings
from brainray.testing.places import places_below

if TYPE_CHECKING:
    from brainray.testing.servers import ObjectStore, PostgresServer

RAY_TESTS = Path(__file__).parent / "actors"
SERVICES_TESTS = Path(__file__).parent / "services"
CLUSTER_TESTS = "test_cluster.py"
ZOO_TESTS = Path(__file__).parent / "zoo"
EMPTY = "template_empty"


DESELECTED = pytest.StashKey[set[str]]()

# No timing decides a test, however busy the machine is.
hypothesis.settings.register_profile(
    "brainray", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("brainray")


def pytest_configure(config: pytest.Config) -> None:
    # A shell lets what it starts in the background, and all that this starts, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[DESELECTED] = set()


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        item.config.stash[DESELECTED].add(item.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["deselected"] = sorted(session.config.stash[DESELECTED])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Learn from a process of pytest-xdist what it has deselected."""
    node.config.stash[DESELECTED].update(getattr(node, "workeroutput", {}).get("deselected", ()))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Count what was deselected in the last line, as pytest does without pytest-xdist."""
    names = sorted(config.stash[DESELECTED])
    left_out = [SimpleNamespace(nodeid=name) for name in names]
    terminalreporter.stats.setdefault("deselected", left_out)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--services", action="store_true", help="use PostgreSQL and S3")
    parser.addoption(
        "--zoo", action="store_true", help="use torchvision, timm, transformers, OpenCV, PyAV"
    )
    parser.addoption("--long", action="store_true", help="also run the tests that take minutes")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    wanted = {
        SERVICES_TESTS: config.option.services,
        ZOO_TESTS: config.option.zoo,
    }
    if collection_path.name == "long":
        return None if config.option.long else True
    return None if wanted.get(collection_path, True) else True


def pytest_report_header() -> str:
    folder = os.environ.get("BRAINRAY_DATA")
    if folder:
        return f"brainray: data sets of {folder}"
    return "brainray: BRAINRAY_DATA is not set, tests marked 'data' are deselected"


class OneProcessForRay(LoadScopeScheduling):
    """Shares out single tests, but gives one process all that need Ray: its clusters compete.

    So do the tests of the standing cluster, which is started once.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path.endswith(f"{SERVICES_TESTS.name}/{CLUSTER_TESTS}"):
            return path
        return RAY_TESTS.name if f"{RAY_TESTS.name}/" in path else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneProcessForRay:
    config.option.loadscopereorder = False  # else the largest scope, Ray's, would be the first
    return OneProcessForRay(config, log)


def _turn(item: pytest.Item) -> int:
    """Return when a test comes: before, among or after the others."""
    if item.path == SERVICES_TESTS / CLUSTER_TESTS:
        return -1  # one process takes minutes for these, in which it mostly waits
    # Last, so that Ray has the machine to itself: beside other work a cluster takes ten times as
    # long to start its processes.
    return int(RAY_TESTS in item.path.parents)


def _meets_servers(item: pytest.Item) -> bool:
    making = {"new_database", "copy_database", "new_store"}
    used = making & set(getattr(item, "fixturenames", ()))
    return bool(used) or SERVICES_TESTS in item.path.parents


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_turn)
    if config.option.services:  # what never meets a server is the same without one
        items[:] = [item for item in items if _meets_servers(item)]
    if os.environ.get("BRAINRAY_DATA"):
        return
    needing = [item for item in items if item.get_closest_marker("data")]
    config.hook.pytest_deselected(items=needing)
    items[:] = [item for item in items if not item.get_closest_marker("data")]


def point_into(home: Path, environment: pytest.MonkeyPatch) -> None:
    """Have everything that belongs to the user lie in ``home``, and no cluster be joined."""
    environment.setenv("XDG_CONFIG_HOME", str(home / "config"))
    for name, place in places_below(home).items():
        environment.setenv(name, place)
    environment.delenv("RAY_ADDRESS", raising=False)


@pytest.fixture(scope="session", autouse=True)
def session_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what lives as long as the session, such as Ray's workers, out of the user's folders."""
    with pytest.MonkeyPatch.context() as environment:
        point_into(tmp_path_factory.mktemp("user"), environment)
        # Ray would else make a token and keep it in the home folder.
        environment.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        yield


@pytest.fixture(scope="session", autouse=True)
def few_pictures() -> Iterator[None]:
    """Let runs leave out the pictures of their pathway, which take seconds each.

    What draws them is tested by itself; so is what a run does with them, which patches this back.
    """
    with pytest.MonkeyPatch.context() as patched:
        for task in ("pipeline", "pipeline.tracking"):
            patched.setattr(f"brainray.{task}.publication.can_draw", lambda: False)
        yield


@pytest.fixture(autouse=True)
def user_folders(session_folders: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test an empty catalog, store, cache and folder of runs of its own."""
    point_into(tmp_path / "user", monkeypatch)


@pytest.fixture(autouse=True)
def seeded_torch() -> None:
    """Let what a test draws from torch's global generator not depend on the tests before it.

    Fixtures of a wider scope have generators of their own.
    """
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def connections(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give the connections of a test back at its end; each has a database of its own."""
    yield
    if request.config.option.services:
        from brainray.catalog.engines import close_connections

        close_connections()


@pytest.fixture(scope="session")
def ray_cluster(session_folders: None) -> Iterator[None]:
    """Connect this process to one local cluster of four CPUs, for all tests that ask for it."""
    # Ray is imported here, so that tests which do not need it do not wait for it.
    import ray

    with pytest.MonkeyPatch.context() as environment:
        # Ray asks for this in a future release; without it every start prints a warning.
        environment.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(
            address="local",
            num_cpus=4,
            include_dashboard=False,
            namespace="brainray",
            log_to_driver=False,
        )
        yield
        ray.shutdown()


@pytest.fixture(scope="session")
def postgres(session_folders: None) -> Iterator["PostgresServer"]:
    """A PostgreSQL with an empty database, of which tests get copies.

    They sort as people do, not by bytes: nothing may depend on the order of a database.
    """
    from brainray.testing.servers import postgres_server

    with postgres_server(durable=False) as server:
        server.create(EMPTY, locale="en-US")
        yield server


@pytest.fixture(scope="session")
def s3(session_folders: None) -> Iterator["ObjectStore"]:
    """An S3 that this process and its children find by their environment."""
    from brainray.testing.servers import object_store

    with object_store() as store, pytest.MonkeyPatch.context() as environment:
        for name, value in store.environment.items():
            environment.setenv(name, value)
        yield store


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """Makes an empty database that belongs to a folder, and returns its URL."""
    if not request.config.option.services:
        return lambda home: f"sqlite:///{home / 'catalog.sqlite'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return lambda home: server.create(f"test_{secrets.token_hex(8)}", EMPTY)


@pytest.fixture(scope="session")
def copy_database(request: pytest.FixtureRequest) -> Callable[[str, Path], str]:
    """Makes a copy that belongs to a folder of a database that nobody uses; returns its URL."""
    if request.config.option.services:
        server: PostgresServer = request.getfixturevalue("postgres")
        return lambda url, home: server.create(
            f"test_{secrets.token_hex(8)}", url.rpartition("/")[2]
        )

    def copy(url: str, home: Path) -> str:
        home.mkdir(parents=True, exist_ok=True)
        path = shutil.copy(url.removeprefix("sqlite:///"), home / "catalog.sqlite")
        return f"sqlite:///{path}"

    return copy


@pytest.fixture(scope="session")
def new_catalog(
    new_database: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The URL of a new catalog, of which tests get copies: to make one takes a second."""
    from brainray.catalog.database import open_database

    url = new_database(tmp_path_factory.mktemp("catalog"))
    open_database(url).dispose()
    return url


@pytest.fixture(scope="session")
def new_store(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """Makes an empty store that belongs to a folder, and returns its URL."""
    if not request.config.option.services:
        return lambda home: str(home / "store")
    server: ObjectStore = request.getfixturevalue("s3")
    return lambda home: server.bucket(f"test-{secrets.token_hex(8)}")


@pytest.fixture(scope="session")
def settings_in(
    new_catalog: str,
    copy_database: Callable[[str, Path], str],
    new_store: Callable[[Path], str],
) -> Callable[[Path], Settings]:
    """Makes the settings of a new catalog whose files are below a folder."""

    def make(home: Path) -> Settings:
        return load_settings(
            {
                "BRAINRAY_DATABASE_URL": copy_database(new_catalog, home),
                "BRAINRAY_STORE_URL": new_store(home),
                "BRAINRAY_CACHE": str(home / "cache"),
                "BRAINRAY_RUNS": str(home / "runs"),
            }
        )

    return make

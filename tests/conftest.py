"""What every test gets: places of its own, and no data set that is not there.

Tests marked ``data`` read the ready data sets of ``$BRAINRAY_DATA``. Where that is not set they
are deselected, so that the suite passes on a fresh machine and a skip always means something.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

RAY_TESTS = Path(__file__).parent / "actors"


def pytest_report_header() -> str:
    folder = os.environ.get("BRAINRAY_DATA")
    if folder:
        return f"brainray: data sets of {folder}"
    return "brainray: BRAINRAY_DATA is not set, tests marked 'data' are deselected"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        # One process has Ray's clusters, so that they are started once and do not compete.
        if item.path.is_relative_to(RAY_TESTS):
            item.add_marker(pytest.mark.xdist_group("ray"))
    if os.environ.get("BRAINRAY_DATA"):
        return
    needing = [item for item in items if item.get_closest_marker("data")]
    config.hook.pytest_deselected(items=needing)
    items[:] = [item for item in items if not item.get_closest_marker("data")]


def point_into(home: Path, environment: pytest.MonkeyPatch) -> None:
    """Have everything that belongs to the user lie in ``home``, and no cluster be joined."""
    environment.setenv("XDG_CONFIG_HOME", str(home / "config"))
    environment.setenv("BRAINRAY_DATABASE_URL", f"sqlite:///{home / 'catalog.sqlite'}")
    environment.setenv("BRAINRAY_STORE_URL", str(home / "store"))
    environment.setenv("BRAINRAY_CACHE", str(home / "cache"))
    environment.setenv("BRAINRAY_RUNS", str(home / "runs"))
    environment.delenv("RAY_ADDRESS", raising=False)


@pytest.fixture(scope="session", autouse=True)
def session_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what lives as long as the session, such as Ray's workers, out of the user's folders."""
    with pytest.MonkeyPatch.context() as environment:
        point_into(tmp_path_factory.mktemp("user"), environment)
        # Ray would else make a token and keep it in the home folder.
        environment.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        yield


@pytest.fixture(autouse=True)
def user_folders(session_folders: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test an empty catalog, store, cache and folder of runs of its own."""
    point_into(tmp_path / "user", monkeypatch)


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

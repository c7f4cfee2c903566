"""S3 as store: what can be wrong with it is one line that names the place."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from brainray.catalog import Store
from brainray.errors import CatalogError
from brainray.testing.servers import ObjectStore

PUT = """
import sys
from pathlib import Path
from brainray.catalog import Store

store = Store(sys.argv[1], Path(sys.argv[2]))
for number in range(5):
    store.put(f"other/{number}.bin", bytes([number]) * 100_000)
    assert store.local_path(f"other/{number}.bin").stat().st_size == 100_000
"""

Open = Callable[[Store], Store]

uses = pytest.mark.parametrize(
    "use",
    [
        lambda store: store.put("other/one.bin", b"x"),
        lambda store: store.local_path("other/one.bin"),
    ],
    ids=["put", "local_path"],
)


@pytest.fixture
def store(new_store: Callable[[Path], str], tmp_path: Path) -> Store:
    return Store(f"{new_store(tmp_path)}/below", tmp_path / "cache")


@pytest.fixture
def fresh() -> Iterator[Callable[[Store], Store]]:
    """Opens a store as a new process would, with the environment of that moment."""
    clear = fsspec.get_filesystem_class("s3").clear_instance_cache

    def open_again(store: Store) -> Store:
        clear()
        return Store(store.url, store.cache)

    yield open_again
    clear()


def refused(store: Store, use: Callable[[Store], object]) -> str:
    with pytest.raises(CatalogError) as caught:
        use(store)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{store.url}/other/one.bin: ")
    return message


def test_a_store_in_a_bucket(store: Store, tmp_path: Path) -> None:
    store.put("other/one.bin", b"first")
    store.put("other/one.bin", b"second")
    assert store.exists("other/one.bin")
    assert not store.exists("other/two.bin")
    path = store.local_path("other/one.bin")
    assert path.is_relative_to(tmp_path / "cache")
    assert path.read_bytes() == b"second"
    with pytest.raises(CatalogError, match=r"below/other/two\.bin: is not in the store"):
        store.local_path("other/two.bin")


def test_what_another_process_writes_is_seen(store: Store, tmp_path: Path) -> None:
    assert not store.exists("other/3.bin")
    subprocess.run([sys.executable, "-c", PUT, store.url, str(tmp_path / "other")], check=True)
    assert store.exists("other/3.bin")


def test_two_processes_write_the_same_keys(
    new_store: Callable[[Path], str], tmp_path: Path
) -> None:
    url = new_store(tmp_path)
    processes = [
        subprocess.Popen([sys.executable, "-c", PUT, url, str(tmp_path / name)])
        for name in ("one", "two")
    ]
    assert [process.wait(300) for process in processes] == [0, 0]
    store = Store(url, tmp_path / "cache")
    for number in range(5):
        path = store.local_path(f"other/{number}.bin")
        assert path.read_bytes() == bytes([number]) * 100_000


@uses
def test_a_missing_bucket_is_named(
    tmp_path: Path, s3: ObjectStore, use: Callable[..., object]
) -> None:
    refused(Store("s3://nowhere/below", tmp_path), use)


@uses
def test_missing_credentials_are_said(
    store: Store,
    fresh: Open,
    use: Callable[..., object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert "credentials" in refused(fresh(store), use)


@uses
def test_wrong_credentials_are_said(
    store: Store,
    fresh: Open,
    use: Callable[..., object],
    s3: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    with s3.checked():
        message = refused(fresh(store), use)
    assert "Access Key Id" in message or "Forbidden" in message


@uses
def test_a_missing_right_is_said(
    store: Store,
    fresh: Open,
    use: Callable[..., object],
    s3: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    iam = s3.client("iam")
    name = Path(store.url).parent.name
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    with s3.checked():
        message = refused(fresh(store), use)
    assert "Access Denied" in message or "Forbidden" in message


def test_a_server_that_is_down_is_said(
    store: Store, fresh: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    message = refused(fresh(store), lambda store: store.put("other/one.bin", b"x"))
    assert f'Could not connect to the endpoint URL: "{address}' in message

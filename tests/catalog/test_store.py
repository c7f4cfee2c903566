import errno
import hashlib
import os
import pickle
from pathlib import Path
from uuid import uuid4

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from brainray.catalog import Store
from brainray.errors import CatalogError

SHA256 = hashlib.sha256(b"x").hexdigest()


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_is_put_can_be_read(store: Store) -> None:
    store.put("other/one.bin", b"first")
    store.put("other/one.bin", b"first")
    assert store.exists("other/one.bin")
    assert not store.exists("other/two.bin")
    assert store.local_path("other/one.bin").read_bytes() == b"first"
    assert pickle.loads(pickle.dumps(store)).exists("other/one.bin")


def test_a_missing_file_is_named(store: Store) -> None:
    with pytest.raises(CatalogError, match=r"other/two\.bin: is not in the store"):
        store.local_path("other/two.bin")


def test_the_same_bytes_again_do_not_touch_the_file(local: Store) -> None:
    local.put("other/one.bin", b"first")
    before = local.local_path("other/one.bin").stat()
    local.put("other/one.bin", b"first")
    after = local.local_path("other/one.bin").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "a/",
        ".hidden",
        "a/.b",
        "a\\b",
        "a\nb",
        "a\0b",
    ],
)
def test_keys_stay_inside_the_store(store: Store, key: str) -> None:
    for use in (store.local_path, store.exists, lambda key: store.put(key, b"x")):
        with pytest.raises(CatalogError, match="key"):
            use(key)


def test_models_and_data_sets_are_named_by_their_bytes(store: Store) -> None:
    with pytest.raises(CatalogError, match="is not the sha256 of the 1 bytes"):
        store.put(f"models/vision/shape/{'0' * 64}.safetensors", b"x")
    with pytest.raises(CatalogError, match="must be named by a sha256"):
        store.put("datasets/mine.parquet", b"x")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    local: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.put("other/one.bin", b"first")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CatalogError, match="No space left"):
        local.put("other/one.bin", b"second")
    assert local.local_path("other/one.bin").read_bytes() == b"first"
    assert files(tmp_path) == [tmp_path / "store/other/one.bin"]


def test_two_stores_do_not_share_copies(tmp_path: Path) -> None:
    one, two = (Store(f"memory://{uuid4().hex}", tmp_path / "cache") for _ in range(2))
    one.put("other/x.bin", b"one")
    two.put("other/x.bin", b"two")
    assert one.local_path("other/x.bin").read_bytes() == b"one"
    assert two.local_path("other/x.bin").read_bytes() == b"two"


def test_an_impossible_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="store nosuch: cannot be used"):
        Store("nosuch://user:secret@host/x", tmp_path)


def test_what_is_written_is_marked_until_it_is_finished(store: Store) -> None:
    key = f"datasets/{SHA256}.parquet"
    store.put(key, b"x")
    assert store.pending(key)
    store.finish(key)
    assert list(store.files()) == [key]
    store.put(key, b"x")
    store.finish(key)  # of what has no marker
    assert list(store.files()) == [key]


def test_what_can_be_made_again_is_not_marked(store: Store) -> None:
    store.put("other/one.bin", b"x")
    assert store.files() == {"other/one.bin": 1}


def test_storing_again_renews_the_marker(local: Store) -> None:
    key = f"datasets/{SHA256}.parquet"
    local.put(key, b"x")
    os.utime(Path(local.url) / "pending" / key, (0, 0))
    old = local.modified(f"pending/{key}")
    local.put(key, b"x")
    assert local.modified(f"pending/{key}") > old


def test_files_are_listed_by_folder(store: Store) -> None:
    assert store.files() == {}
    for key in ("b/two", "a/one", "a/c/three"):
        store.put(key, key.encode())
    assert store.files() == {"a/c/three": 9, "a/one": 5, "b/two": 5}
    assert store.files("a/") == {"a/c/three": 9, "a/one": 5}
    assert store.files("nothing/") == {}


def test_a_file_is_copied_and_removed(store: Store) -> None:
    source, target = f"models/a/b/{SHA256}.bin", f"models/c/{SHA256}.bin"
    store.put(source, b"x")
    store.copy(source, target)
    assert store.pending(target)
    store.remove(source)
    store.remove(source)
    assert not store.exists(source)
    assert store.local_path(target).read_bytes() == b"x"
    assert store.sha256(target) == SHA256
    with pytest.raises(CatalogError, match="is not in the store"):
        store.copy(source, target)


def test_a_damaged_file_is_not_copied_as_another(store: Store) -> None:
    store.put("other/x", b"not x")
    with pytest.raises(CatalogError, match="is damaged"):
        store.copy("other/x", f"models/a/{SHA256}.bin")
    assert list(store.files()) == ["other/x"]


def test_what_has_no_key_is_listed_and_can_be_removed(local: Store) -> None:
    path = Path(local.url) / "models" / "my notes (1).txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"notes")
    assert local.files() == {"models/my notes (1).txt": 5}
    local.copy("models/my notes (1).txt", "quarantine/models/my notes (1).txt")
    local.remove("models/my notes (1).txt")
    assert local.files() == {"quarantine/models/my notes (1).txt": 5}
    for away in ("../x", "a/../../x", "/etc/passwd"):
        with pytest.raises(CatalogError, match="leads out of the store"):
            local.remove(away)


def test_a_store_that_is_no_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"a file")
    store = Store(str(tmp_path / "store"), tmp_path / "cache")
    for use in (lambda: store.put("other/x", b"x"), lambda: store.local_path("other/x")):
        with pytest.raises(CatalogError, match=r"store/other/x: cannot be (written|read): .*Not a"):
            use()


def test_an_object_store_that_fails_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = Store(f"memory://{uuid4().hex}", tmp_path / "cache")
    remote.put("other/x", b"x")

    def refuse(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("no\ncredentials")  # as botocore: no OSError, several lines

    for name in ("exists", "find", "cat_file", "open", "modified"):
        monkeypatch.setattr(MemoryFileSystem, name, refuse)
    uses = (
        lambda: remote.put("other/x", b"y"),
        lambda: remote.exists("other/x"),
        lambda: remote.local_path("other/x"),
        lambda: remote.holds("other/x"),
        lambda: remote.sha256("other/x"),
        lambda: remote.files("other"),
        lambda: remote.modified("other/x"),
        lambda: remote.remove("other/x"),
        lambda: remote.copy("other/x", f"models/a/{SHA256}.bin"),
    )
    for use in uses:
        with pytest.raises(CatalogError, match=r"^memory://\S+: cannot be [\w ]+: no credentials$"):
            use()

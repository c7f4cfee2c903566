import hashlib
from pathlib import Path
from typing import Any

import pytest

from brainray.datasets import download
from brainray.datasets.download import UnreachableError, fetch
from brainray.errors import DataError

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "downloads/file.bin"


def load(site: Any, path: Path, **options: Any) -> None:
    fetch(f"{site.url}/file.bin", path, pause_seconds=0, **options)


@pytest.mark.parametrize("says_length", [True, False])
def test_a_file_comes_whole_and_is_told_of(site: Any, path: Path, says_length: bool) -> None:
    site.files["/file.bin"], site.says_length = CONTENT, says_length
    told: list[tuple[int, int | None]] = []
    load(
        site,
        path,
        sha256=SHA256,
        size=len(CONTENT),
        on_progress=lambda *so_far: told.append(so_far),
    )
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["file.bin"]
    total = len(CONTENT) if says_length else None
    assert told[0] == (0, total)
    assert told[-1] == (len(CONTENT), total)
    load(site, path, sha256=SHA256)
    assert len(site.asked) == 1  # it was there


@pytest.mark.parametrize("says_length", [True, False])
def test_a_broken_download_goes_on_where_it_broke(site: Any, path: Path, says_length: bool) -> None:
    site.files["/file.bin"], site.says_length, site.breaks = CONTENT, says_length, [70_000, 30_000]
    load(site, path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert [asked for _, asked in site.asked] == [None, "bytes=70000-", "bytes=100000-"]


def test_a_later_call_goes_on_too(site: Any, path: Path) -> None:
    site.files["/file.bin"], site.breaks = CONTENT, [1000] * download.TRIES
    with pytest.raises(UnreachableError, match=r"file\.bin: cannot be reached: "):
        load(site, path, sha256=SHA256)
    assert not path.exists()
    part = path.with_name("file.bin.part")
    assert part.read_bytes() == CONTENT[: 1000 * download.TRIES]
    load(site, path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert site.asked[-1][1] == f"bytes={1000 * download.TRIES}-"
    assert not part.exists()


def test_a_server_without_ranges_sends_all_again(site: Any, path: Path) -> None:
    site.files["/file.bin"], site.ranges, site.breaks = CONTENT, False, [70_000]
    load(site, path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert [asked for _, asked in site.asked] == [None, "bytes=70000-"]


@pytest.mark.parametrize("extra", [b"", b"too much"])
def test_a_part_that_is_complete_or_too_long_is_no_trouble(
    site: Any, path: Path, extra: bytes
) -> None:
    site.files["/file.bin"] = CONTENT
    path.parent.mkdir()
    path.with_name("file.bin.part").write_bytes(CONTENT + extra)
    load(site, path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert len(site.asked) == (2 if extra else 1)


@pytest.mark.parametrize(
    ("pins", "message"),
    [
        ({"sha256": SHA256}, f"has the sha256 [0-9a-f]{{64}}, it must have {SHA256}"),
        ({"size": 7}, "has 512000 bytes, it must have 7"),
    ],
)
def test_a_damaged_file_is_thrown_away(
    site: Any, path: Path, pins: dict[str, Any], message: str
) -> None:
    site.files["/file.bin"] = b"\x01" + CONTENT[1:]
    with pytest.raises(DataError, match=message) as error:
        load(site, path, **pins)
    assert not isinstance(error.value, UnreachableError)
    assert not list(path.parent.iterdir())


def test_a_missing_file_is_not_asked_for_again(site: Any, path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"/file\.bin: the server says 404 Not Found$"):
        load(site, path)
    assert len(site.asked) == 1


def test_a_busy_server_is_asked_again(site: Any, path: Path) -> None:
    site.files["/file.bin"], site.statuses = CONTENT, [503, 429]
    load(site, path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    site.statuses = [500] * download.TRIES
    with pytest.raises(UnreachableError, match="cannot be reached: the server says 500"):
        load(site, path.with_name("other.bin"))


def test_a_server_that_is_not_there_is_named(site: Any, path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"^http://127\.0\.0\.1:1/x: cannot be reached: "):
        fetch("http://127.0.0.1:1/x", path, pause_seconds=0)

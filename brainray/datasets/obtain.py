"""From a data set's public home to its files in the layout of $BRAINRAY_DATA."""

import shutil
import tempfile
import wave
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from brainray.datasets.download import UnreachableError, fetch
from brainray.datasets.files import sha256_of, write_parquet
from brainray.datasets.homes.interface import Content, Download, Home, digest_of
from brainray.errors import DataError

Progress = Callable[[str, int, int | None], None]
"""Told a file's name, the bytes that are there and, if known, how many there will be."""

DAMAGED = (
    ValueError,
    EOFError,
    OSError,  # gzip's, too
    RuntimeError,  # of a zip that is encrypted or packed in an unknown way
    zlib.error,
    zipfile.BadZipFile,
    wave.Error,
    soundfile.SoundFileError,
)
"""What readers raise when they are given something else than they read."""


def obtain(
    home: Home,
    to: Path,
    cache: Path,
    on_progress: Progress = lambda file, done, total: None,
    pause_seconds: float = 1.0,
) -> bool:
    """Make sure that a data set lies in ``to/<name>``, complete and as it should be.

    Files that are there are checked and never overwritten. Each file appears whole, and none
    before all are known to be right.

    Args:
        home: of the data set.
        to: the folder of ready data sets.
        cache: where downloads are kept until they have been unpacked.
        on_progress: told how far each download is.
        pause_seconds: before a download is tried again.

    Returns:
        whether something had to be fetched.

    Raises:
        DataError: a file cannot be had, is damaged, or is there already but something else.
    """
    folder, kept = to / home.name, cache / "downloads" / home.name
    there = {name for name in home.tables if (folder / name).exists()}
    for name in sorted(there):
        check(home, name, folder / name)
    if there == set(home.tables):
        return False
    for download in home.downloads:
        _fetch(download, kept / download.file, home, on_progress, pause_seconds)
    made = _unpack(home, kept)
    try:
        _write(home, made, folder)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error}") from error
    shutil.rmtree(kept)
    return True


def missing(home: Home, data: Path | None) -> list[str]:
    """Return the files of a data set that are not in the folder of ready data sets."""
    names = [f"{home.name}/{name}" for name in home.tables]
    return [name for name in names if data is None or not (data / name).is_file()]


def check(home: Home, name: str, path: Path) -> None:
    """Refuse a table whose content is not the pinned one.

    Raises:
        DataError: it cannot be read, or holds something else.
    """
    try:
        table = pq.read_table(path)
        found = digest_of(home.tables[name].items(table))
    except (OSError, KeyError, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    if found != home.tables[name].digest:
        raise DataError(
            f"{path}: is not the {home.name} that brainray knows (its content's sha256 is {found}, "
            f"not {home.tables[name].digest}); move it away to have it fetched"
        )


def _fetch(
    download: Download, path: Path, home: Home, on_progress: Progress, pause_seconds: float
) -> None:
    errors = []
    for url in download.urls:
        try:
            return fetch(
                url,
                path,
                sha256=download.sha256,
                size=download.size,
                on_progress=lambda done, total: on_progress(download.file, done, total),
                pause_seconds=pause_seconds,
            )
        except UnreachableError as error:
            errors.append(str(error))
        except OSError as error:
            raise DataError(f"{path}: cannot be written: {error}") from error
    raise UnreachableError(
        f"{home.name}: {'; '.join(errors)}; by hand: save that file as {path} and run this again"
    )


def _unpack(home: Home, kept: Path) -> dict[str, Content]:
    """Return the files to be written, the tables among them checked."""
    paths = {download.file: kept / download.file for download in home.downloads}
    try:
        made = home.unpack(paths)
    except DAMAGED as error:
        shutil.rmtree(kept)
        names = ", ".join(paths)
        raise DataError(
            f"{home.name}: {names}: damaged, and thrown away: {' '.join(str(error).split())}"
        ) from error
    for name, table in home.tables.items():
        found = digest_of(table.items(made[name]))
        if found != table.digest:
            shutil.rmtree(kept)
            raise DataError(
                f"{home.name}: {home.page} sent something else than it should have: the sha256 of "
                f"the content of {name} is {found}, it must be {table.digest}; it was thrown away"
            )
    return made


def _write(home: Home, made: Mapping[str, Content], folder: Path) -> None:
    """Write all files into a folder beside, then move those that are missing into place."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{home.name}.") as name:
        beside = Path(name)
        for file, content in made.items():
            if isinstance(content, bytes):
                (beside / file).write_bytes(content)
            else:
                write_parquet(content, beside / file)
        for file in made:
            if not (folder / file).exists():
                (beside / file).replace(folder / file)
        sums = [f"{sha256_of(folder / file)}  {file}\n" for file in sorted(made)]
        (beside / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
        (beside / "README.txt").write_text(_readme(home), encoding="utf-8")
        for file in ("SHA256SUMS", "README.txt"):
            (beside / file).replace(folder / file)


def _readme(home: Home) -> str:
    urls = "".join(f"  {download.urls[0]}\n" for download in home.downloads)
    return (
        f"{home.title}\n\nHome: {home.page}\nLicense: {home.license}\nFetched from:\n{urls}\n"
        f"{home.note}\n\nBrought into this layout by `brainray data get {home.name}`.\n"
    )

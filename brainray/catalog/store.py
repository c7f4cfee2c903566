"""The store of files: by key, in a local folder or an object store.

Keys look like paths. Under ``models/`` and ``datasets/`` a file is named by the sha256 of its
bytes; one under ``banks/`` carries it in itself (`brainray.catalog.sealing`). Both are checked
whenever a process uses the file for the first time.

A file and its row cannot be written in one transaction. So before a file of a model or a data set
is written, or its row removed, an empty marker ``pending/<its key>`` is: where there is one, a file
without a row is unfinished; where there is none, it is damage.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import IO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from brainray.catalog.sealing import has_seal
from brainray.errors import BrainrayError, CatalogError, UnavailableError
from brainray.files import write_atomically

MODELS, DATA_SETS, BANKS = "models/", "datasets/", "banks/"
PENDING, QUARANTINE = "pending/", "quarantine/"
CHECKPOINTS = "checkpoints/"
"""Of trainings that have not ended, by run."""
CONTENT_ADDRESSED = (MODELS, DATA_SETS)
BANK = re.compile(rf"{BANKS}(?P<sha256>[0-9a-f]{{64}})/[0-9a-f]{{64}}\.safetensors")
"""A bank that brainray has made, of the weights of this sha256."""
TEMPORARY = re.compile(r"(.*/)?\.[0-9a-f]{32}\.tmp")
"""What a writer that was killed leaves behind in a local folder."""

_PART = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_KEY = re.compile(rf"{_PART}(/{_PART})*")


class Store:
    """Files by key, in a local folder or an object store; files appear whole or not at all.

    Every method raises `CatalogError` for a key that is impossible, and where the file system
    says no: a full disk, a missing permission, a server that does not answer.

    Attributes:
        url: an fsspec URL or a path, e.g. ``s3://bucket/brainray``.
        cache: folder of local copies of an object store's files.
    """

    def __init__(self, url: str, cache: Path) -> None:
        try:
            # Other processes write too, so that a listing is never remembered.
            self._files, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            protocol = url.partition("://")[0]
            raise CatalogError(f"store {protocol}: cannot be used: {error}") from error
        self.url = url
        self.cache = cache
        self._root = root.rstrip("/")
        self._local = isinstance(self._files, LocalFileSystem)

    # Reading

    def exists(self, key: str) -> bool:
        """Say whether there is such a file."""
        place = self._place(key)
        with self._reported(key, "looked up"):
            return bool(self._files.exists(place))

    def local_path(self, key: str) -> Path:
        """Return a local file to read: the file itself, or a copy of an object store's file.

        Raises:
            CatalogError: there is no such file, or its bytes are not those of its sha256.
        """
        with self._reported(key, "read"):
            path = self._local_file(key)
            if not _is_whole(path, key):
                raise CatalogError(f"{self._shown(key)}: is damaged, its bytes are not its sha256")
            return path

    def holds(self, key: str) -> bool:
        """Say whether there is such a file and its bytes are those of its sha256."""
        if not self.exists(key):
            return False
        with self._reported(key, "read"):
            return _is_whole(self._local_file(key), key)

    def cached_path(self, key: str) -> Path:
        """Return where the local copy of an object store's file is, or would be."""
        self._place(key)
        return self.cache / "store" / hashlib.sha256(self.url.encode()).hexdigest()[:16] / key

    @contextmanager
    def open(self, key: str) -> Iterator[IO[bytes]]:
        """Open a file to read as it is in the store now, unchecked.

        Raises:
            CatalogError: there is no such file, or what is done with it raises.
        """
        place = self._listed_place(key)
        with self._reported(key, "read"), self._files.open(place, "rb") as file:
            yield file

    def sha256(self, key: str) -> str:
        """Return the sha256 of a file's bytes as they are in the store now."""
        with self.open(key) as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()

    def files(self, folder: str = "") -> dict[str, int]:
        """Return the size in bytes of every file under a folder, by key, sorted.

        Files that nobody put there by a key are listed too, those of killed writers among them.

        Args:
            folder: the beginning of keys, e.g. ``models/``; all without.
        """
        with self._reported(folder, "listed"):
            found = self._files.find(f"{self._root}/{folder}".rstrip("/"), detail=True)
        start = len(self._root) + 1
        return {path[start:]: int(found[path]["size"]) for path in sorted(found)}

    def modified(self, key: str) -> datetime | None:
        """Return when a file was written, with its time zone; None if it is gone."""
        place = self._listed_place(key)
        with self._reported(key, "looked up"):
            try:
                time: datetime = self._files.modified(place)
            except FileNotFoundError:
                return None
            return time

    # Writing

    def put(self, key: str, data: bytes) -> None:
        """Write a file, all or nothing; the same bytes again change nothing.

        Raises:
            CatalogError: the key does not name these bytes, or they cannot be written.
        """
        place = self._place(key)
        sha256 = _named_sha256(key)
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise CatalogError(f"key {key!r}: is not the sha256 of the {len(data)} bytes given")
        with self._reported(key, "written"):
            there = self._announce(key)
            if not there or self._files.cat_file(place) != data:
                self._write(place, data)

    def copy(self, key: str, to: str) -> None:
        """Copy a file to another key, all or nothing.

        Raises:
            CatalogError: there is no such file, or it is not what the new key names.
        """
        place, target = self._listed_place(key), self._listed_place(to)
        sha256 = _named_sha256(to)
        if sha256 is not None and self.sha256(key) != sha256:
            raise CatalogError(f"{self._shown(key)}: is damaged, its bytes are not its sha256")
        with self._reported(to, "written"):
            self._announce(to)
            if self._local:
                self._write(target, Path(place).read_bytes())
            else:
                self._copy(place, target)

    def remove(self, key: str) -> None:
        """Remove a file; one that is not there is no error."""
        place = self._listed_place(key)
        with self._reported(key, "removed"):
            self._remove(place)

    # Markers

    def begin(self, key: str) -> None:
        """Mark that a file's row is about to come or to go; `finish` ends it."""
        place = self._place(PENDING + key)
        with self._reported(PENDING + key, "written"):
            self._write(place, b"")

    def pending(self, key: str) -> bool:
        """Say whether there is a marker for this file."""
        return self.exists(PENDING + key)

    def finish(self, key: str) -> None:
        """Remove the marker of a file."""
        self.remove(PENDING + key)

    def _announce(self, key: str) -> bool:
        """Mark a file that is to be written as unfinished; return whether it is there already."""
        there = self.exists(key) if _KEY.fullmatch(key) else False
        # A marker that is there is renewed: its age says how long nobody has come back to it.
        if key.startswith(CONTENT_ADDRESSED) and (not there or self.pending(key)):
            self.begin(key)
        return there

    def _local_file(self, key: str) -> Path:
        """Return the file itself, or its copy, fetched again if it is damaged; perhaps damaged."""
        place = self._place(key)
        if self._local:
            return Path(place)
        path = self.cached_path(key)
        if not (path.is_file() and _is_whole(path, key)):
            write_atomically(path, self._files.cat_file(place))
        return path

    # The only three that change anything; each is atomic.

    def _write(self, place: str, data: bytes) -> None:
        if self._local:
            write_atomically(Path(place), data)
        else:
            self._files.pipe_file(place, data)

    def _copy(self, place: str, target: str) -> None:
        self._files.cp_file(place, target)

    def _remove(self, place: str) -> None:
        if self._local:
            Path(place).unlink(missing_ok=True)
        elif self._files.exists(place):
            self._files.rm_file(place)

    def _place(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise CatalogError(
                f"key {key!r}: must be names of letters, digits, '_', '-', '+' and '.' (not "
                "first), joined by '/'"
            )
        return f"{self._root}/{key}"

    def _listed_place(self, key: str) -> str:
        """Return where a file is that `files` has listed, whatever its name."""
        if {"", ".", ".."} & set(key.split("/")):
            raise CatalogError(f"key {key!r}: leads out of the store")
        return f"{self._root}/{key}"

    def _shown(self, key: str) -> str:
        place = f"{self._root}/{key}".rstrip("/")
        return place if self._local else str(self._files.unstrip_protocol(place))

    @contextmanager
    def _reported(self, key: str, done: str) -> Iterator[None]:
        """Turn what a file system raises into one line."""
        try:
            yield
        except BrainrayError:
            raise
        except Exception as error:  # Object stores raise the errors of their own libraries.
            # A write says so of the folder or the bucket.
            if isinstance(error, FileNotFoundError) and done != "written":
                raise CatalogError(f"{self._shown(key)}: is not in the store") from error
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UnavailableError(f"{self._shown(key)}: cannot be {done}: {reason}") from error


def _named_sha256(key: str) -> str | None:
    """Return the sha256 that the key promises, None for a key that promises none."""
    if not key.startswith(CONTENT_ADDRESSED):
        return None
    sha256 = key.rpartition("/")[2].partition(".")[0]
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise CatalogError(f"key {key!r}: its file must be named by a sha256")
    return sha256


def _is_whole(path: Path, key: str) -> bool:
    status = path.stat()
    state = (path, status.st_ino, status.st_size, status.st_mtime_ns)
    if key.startswith(BANKS):
        return _has_seal(*state)
    sha256 = _named_sha256(key)
    return sha256 is None or _sha256(*state) == sha256


# A file that has not changed is read once a process.


@lru_cache(maxsize=4096)
def _sha256(path: Path, _inode: int, _size: int, _mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=4096)
def _has_seal(path: Path, _inode: int, _size: int, _mtime_ns: int) -> bool:
    with path.open("rb") as file:
        return has_seal(file)

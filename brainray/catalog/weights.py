"""The store of files, and the weights in it.

Keys look like paths. Under ``models/`` and ``datasets/`` a file is named by the sha256 of its
bytes, which is checked whenever a process uses the file for the first time.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import fsspec
import safetensors.torch
import torch
from fsspec.implementations.local import LocalFileSystem
from safetensors import SafetensorError
from torch import Tensor

from brainray.errors import CatalogError
from brainray.files import write_atomically

CONTENT_ADDRESSED = ("models/", "datasets/")
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_KEY = re.compile(rf"{_PART}(/{_PART})*")
_SUB_REGION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")


class Store:
    """Files by key, in a local folder or an object store; local files appear atomically.

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

    def put(self, key: str, data: bytes) -> None:
        """Write a file, all or nothing; the same bytes again change nothing.

        Raises:
            CatalogError: the key is impossible, does not name these bytes, or cannot be written.
        """
        place = self._place(key)
        sha256 = _named_sha256(key)
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise CatalogError(f"key {key!r}: is not the sha256 of the {len(data)} bytes given")
        with self._reported(key, "written"):
            if not self._files.exists(place) or self._files.cat_file(place) != data:
                if self._local:
                    write_atomically(Path(place), data)
                else:
                    self._files.pipe_file(place, data)

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
        place = self._place(key)
        sha256 = _named_sha256(key)
        if self._local:
            path = Path(place)
            if not path.is_file():
                raise CatalogError(f"{path}: is not in the store")
        else:
            folder = hashlib.sha256(self.url.encode()).hexdigest()[:16]
            path = self.cache / "store" / folder / key
            if not path.is_file() or not _has_sha256(path, sha256):
                self._fetch(place, path, key)
        if not _has_sha256(path, sha256):
            raise CatalogError(f"{self._shown(key)}: is damaged, its bytes are not its sha256")
        return path

    def _fetch(self, place: str, path: Path, key: str) -> None:
        with self._reported(key, "fetched"):
            try:
                write_atomically(path, self._files.cat_file(place))
            except FileNotFoundError as error:
                raise CatalogError(f"{self._shown(key)}: is not in the store") from error

    def _place(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise CatalogError(
                f"key {key!r}: must be names of letters, digits, '_', '-', '+' and '.' (not "
                "first), joined by '/'"
            )
        return f"{self._root}/{key}"

    def _shown(self, key: str) -> str:
        place = self._place(key)
        return place if self._local else str(self._files.unstrip_protocol(place))

    @contextmanager
    def _reported(self, key: str, done: str) -> Iterator[None]:
        """Turn what a file system raises into one line."""
        try:
            yield
        except CatalogError:
            raise
        except Exception as error:  # Object stores raise the errors of their own libraries.
            reason = " ".join(str(error).split()) or type(error).__name__
            raise CatalogError(f"{self._shown(key)}: cannot be {done}: {reason}") from error


@dataclass(frozen=True)
class StoredWeights:
    """Weights that are in the store.

    Attributes:
        sha256: of the file's bytes, hexadecimal.
        key: in the store.
        parameters: how many numbers the tensors hold.
        size_bytes: of the file.
    """

    sha256: str
    key: str
    parameters: int
    size_bytes: int


def store_weights(store: Store, sub_region: str, tensors: Mapping[str, Tensor]) -> StoredWeights:
    """Write tensors as ``models/<region>/<sub-region>/<sha256>.safetensors``.

    The same tensors give the same bytes, so storing them again changes nothing.

    Args:
        store: where to.
        sub_region: e.g. ``vision.shape``.
        tensors: by name, e.g. a ``state_dict``.

    Raises:
        CatalogError: there are no tensors, one has NaN or infinite values, or the store says no.
    """
    if not _SUB_REGION.fullmatch(sub_region):
        raise CatalogError(f"sub-region {sub_region!r}: must look like 'vision.shape'")
    if not tensors:
        raise CatalogError(f"weights of {sub_region}: there are no tensors")
    ready = {}
    for name in sorted(tensors):
        # Cloned, because safetensors refuses tensors that share memory.
        ready[name] = tensors[name].detach().cpu().clone(memory_format=torch.contiguous_format)
        if not bool(torch.isfinite(ready[name]).all()):
            raise CatalogError(f"weights of {sub_region}: {name} has NaN or infinite values")
    data = safetensors.torch.save(ready)
    sha256 = hashlib.sha256(data).hexdigest()
    key = f"models/{sub_region.replace('.', '/')}/{sha256}.safetensors"
    store.put(key, data)
    return StoredWeights(sha256, key, sum(t.numel() for t in ready.values()), len(data))


def load_weights(store: Store, key: str) -> dict[str, Tensor]:
    """Read tensors, memory-mapped: processes on one machine share their pages.

    Changing a tensor in place changes this process's copy only, never the file.

    Raises:
        CatalogError: the file is missing, damaged or no safetensors file.
    """
    path = store.local_path(key)
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise CatalogError(f"{path}: is damaged: {error}") from error
    return tensors


def _named_sha256(key: str) -> str | None:
    """Return the sha256 that the key promises, None for a key that promises none."""
    if not key.startswith(CONTENT_ADDRESSED):
        return None
    sha256 = key.rpartition("/")[2].partition(".")[0]
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise CatalogError(f"key {key!r}: its file must be named by a sha256")
    return sha256


def _has_sha256(path: Path, sha256: str | None) -> bool:
    if sha256 is None:
        return True
    status = path.stat()
    return _sha256(path, status.st_ino, status.st_size, status.st_mtime_ns) == sha256


@lru_cache(maxsize=4096)
def _sha256(path: Path, _inode: int, _size: int, _mtime_ns: int) -> str:
    """Hash a file; one that has not changed is hashed once a process."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

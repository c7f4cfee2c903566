"""The weights of models in the store, as safetensors.

The catalog names weights without touching them; what does touch them imports torch for itself.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from brainray.catalog.store import MODELS, Store
from brainray.errors import CatalogError

if TYPE_CHECKING:
    from torch import Tensor

_SUB_REGION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")


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


def model_folder(sub_region: str) -> str:
    """Return the folder of a sub-region's models in the store, e.g. ``models/vision/shape``."""
    return f"{MODELS}{sub_region.replace('.', '/')}"


def store_weights(store: Store, sub_region: str, tensors: Mapping[str, "Tensor"]) -> StoredWeights:
    """Write tensors as ``models/<region>/<sub-region>/<sha256>.safetensors``.

    The same tensors give the same bytes, so storing them again changes nothing.

    Args:
        store: where to.
        sub_region: e.g. ``vision.shape``.
        tensors: by name, e.g. a ``state_dict``.

    Raises:
        CatalogError: there are no tensors, one has NaN or infinite values, or the store says no.
    """
    import safetensors.torch
    import torch

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
    key = f"{model_folder(sub_region)}/{sha256}.safetensors"
    store.put(key, data)
    return StoredWeights(sha256, key, sum(t.numel() for t in ready.values()), len(data))


def weights_path(store: Store, key: str) -> Path:
    """Return a local file of weights.

    Raises:
        CatalogError: it is missing or damaged, with the way to get it back.
    """
    try:
        return store.local_path(key)
    except CatalogError as error:
        raise CatalogError(
            f"{error}; `brainray catalog verify --repair` takes a copy or says what else to do"
        ) from error


def load_weights(store: Store, key: str) -> "dict[str, Tensor]":
    """Read tensors, memory-mapped: processes on one machine share their pages.

    Changing a tensor in place changes this process's copy only, never the file.

    Raises:
        CatalogError: the file is missing, damaged or no safetensors file.
    """
    import safetensors.torch

    path = weights_path(store, key)
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise CatalogError(f"{path}: is damaged: {error}") from error
    return tensors

"""Feature banks: the cached tap features of one pretrained model on one data split.

A candidate is trained on banks instead of raw samples, which costs a few hundredths of running
the frozen networks again in every epoch of every candidate.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from brainray.catalog.weights import Store
from brainray.errors import CatalogError
from brainray.networks.interface import LOGITS, TappedNetwork
from brainray.shapes import Array

BATCH = 128


@dataclass(frozen=True)
class FeatureBank:
    """Tap features of one model on one split.

    Attributes:
        taps: by tap name, float32 `(N, D)`; zeros where the sample lacks this input.
        present: whether the sample has this input, bool `(N,)`.
    """

    taps: dict[str, Tensor]
    present: Tensor

    @property
    def logits(self) -> Tensor:
        """The model's own class scores, `(N, C)`."""
        return self.taps[LOGITS]


def bank_key(weights_sha256: str, prepared: str) -> str:
    """Return where a bank lies in the store: it depends on what the bank is made of alone.

    Args:
        weights_sha256: of the model.
        prepared: what names the prepared samples: data, column, split, preparation, versions.
    """
    made_of = "/".join([weights_sha256, prepared])
    return f"banks/{hashlib.sha256(made_of.encode()).hexdigest()}.safetensors"


def build_bank(network: TappedNetwork, inputs: Array, present: Array) -> FeatureBank:
    """Run a network over all samples of a split.

    Args:
        network: in evaluation mode.
        inputs: prepared samples, shape `(N, ...)`.
        present: whether each sample has this input, bool `(N,)`.
    """
    collected: dict[str, list[Tensor]] = {}
    with torch.inference_mode():
        for start in range(0, len(inputs), BATCH):
            batch = torch.from_numpy(np.array(inputs[start : start + BATCH]))
            for name, features in network.tap_features(batch).items():
                collected.setdefault(name, []).append(features)
    mask = torch.from_numpy(np.array(present, dtype=bool))
    return FeatureBank(
        {name: torch.cat(parts) * mask[:, None] for name, parts in collected.items()}, mask
    )


def save_bank(store: Store, key: str, bank: FeatureBank) -> None:
    """Write a bank atomically."""
    tensors = {f"tap.{name}": tap.contiguous() for name, tap in bank.taps.items()}
    # The order of taps is part of a bank, and safetensors sorts its tensors by name.
    order = ",".join(bank.taps)
    data = safetensors.torch.save(tensors | {"present": bank.present}, {"taps": order})
    store.put(key, data)


def load_bank(store: Store, key: str) -> FeatureBank:
    """Read a bank, memory-mapped.

    Raises:
        CatalogError: it is missing or damaged.
    """
    path: Path = store.local_path(key)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            names = file.metadata()["taps"].split(",")
            taps = {name: file.get_tensor(f"tap.{name}") for name in names}
            return FeatureBank(taps, file.get_tensor("present"))
    except safetensors.SafetensorError as error:
        raise CatalogError(f"{path}: the feature bank is damaged: {error}") from error

"""Feature banks: the cached tap features of one pretrained model on one data split.

A candidate is trained on banks instead of raw samples, which costs a few hundredths of running
the frozen networks again in every epoch of every candidate.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import safetensors
import torch
from torch import Tensor

from brainray.catalog.sealing import notes_of, seal
from brainray.catalog.store import BANKS, Store
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
        weights_sha256: of the model; it stands in the key, so that banks go with their model.
        prepared: what names the prepared samples: data, column, split, preparation, versions.
    """
    return f"{BANKS}{weights_sha256}/{hashlib.sha256(prepared.encode()).hexdigest()}.safetensors"


def build_bank(
    network: TappedNetwork,
    inputs: Array,
    present: Array,
    vary: Callable[[Tensor], Tensor] = lambda samples: samples,
) -> FeatureBank:
    """Run a network over all samples of a split.

    Args:
        network: in evaluation mode.
        inputs: prepared samples, shape `(N, ...)`.
        present: whether each sample has this input, bool `(N,)`.
        vary: what is done to a batch first.
    """
    collected: dict[str, list[Tensor]] = {}
    with torch.inference_mode():
        for start in range(0, len(inputs), BATCH):
            batch = torch.from_numpy(np.array(inputs[start : start + BATCH]))
            for name, features in network.tap_features(vary(batch)).items():
                collected.setdefault(name, []).append(features)
    mask = torch.from_numpy(np.array(present, dtype=bool))
    return FeatureBank(
        {name: torch.cat(parts) * mask[:, None] for name, parts in collected.items()}, mask
    )


def save_bank(store: Store, key: str, bank: FeatureBank) -> None:
    """Write a bank, sealed; one that is damaged is replaced."""
    tensors = {f"tap.{name}": tap.contiguous() for name, tap in bank.taps.items()}
    # The order of taps is part of a bank, and safetensors sorts its tensors by name.
    store.put(key, seal(tensors | {"present": bank.present}, {"taps": list(bank.taps)}))


def load_bank(store: Store, key: str) -> FeatureBank:
    """Read a bank, memory-mapped.

    Raises:
        CatalogError: it is missing or damaged.
    """
    with safetensors.safe_open(store.local_path(key), framework="pt") as file:
        taps = {name: file.get_tensor(f"tap.{name}") for name in notes_of(file.metadata())["taps"]}
        return FeatureBank(taps, file.get_tensor("present"))

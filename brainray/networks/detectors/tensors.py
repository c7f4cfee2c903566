"""Weights as names with tensors."""

from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from brainray.errors import NetworkError


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a state dictionary: safetensors, or what ``torch.save`` has written of tensors alone.

    Raises:
        NetworkError: it is neither.
    """
    try:
        if path.suffix == ".safetensors":
            return dict(safetensors.torch.load_file(path))
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise NetworkError(f"weights {path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:  # of pickle, zip or safetensors
        reason = " ".join(str(error).split())[:300]
        raise NetworkError(
            f"weights {path}: holds no tensors that can be read: {reason}"
        ) from error
    # Trainers keep their own state beside the network's.
    state = found.get("model", found) if isinstance(found, dict) else None
    if not isinstance(state, dict) or not all(isinstance(one, Tensor) for one in state.values()):
        raise NetworkError(f"weights {path}: is no state dictionary, names with tensors")
    return dict(state)

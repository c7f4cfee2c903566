"""The gate: a fused network is returned only if it beats the best unimodal one on validation."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Decision:
    """What is returned, and the fused network's lead on validation, in [-1, 1]."""

    chosen: Literal["fused", "unimodal"]
    margin: float


def decide(fused: float, unimodal: float) -> Decision:
    """Compare the validation accuracies of the best fused and the best unimodal network.

    A tie goes to the unimodal network, which is smaller and needs fewer inputs.
    """
    return Decision("fused" if fused > unimodal else "unimodal", fused - unimodal)

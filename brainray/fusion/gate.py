"""The gate: what a run has made is returned only if it beats what there was, on validation."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Decision:
    """What is returned, and the new network's lead on validation, in [-1, 1]."""

    chosen: Literal["fused", "grown", "unimodal"]
    margin: float


def decide(new: float, unimodal: float, kind: Literal["fused", "grown"] = "fused") -> Decision:
    """Compare the validation accuracies of the new network and the best unimodal one there was.

    A tie goes to the unimodal network: a fused one is larger and needs more inputs, a grown one is
    no better than what is known.
    """
    return Decision(kind if new > unimodal else "unimodal", new - unimodal)

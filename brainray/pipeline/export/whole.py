"""A stored model as one module: prepared inputs in, logits and probabilities out."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from brainray.fusion.network import FusionNetwork
from brainray.networks.interface import LOGITS, TappedNetwork
from brainray.networks.onnx import OnnxNetwork
from brainray.networks.onnx_graph import Tap


class Trained(nn.Module):
    """The features of a network that is computed here, from its prepared input."""

    def __init__(self, network: TappedNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, given: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return every tap, `(B, D)`, of the one tensor given."""
        (inputs,) = given
        return self.network.tap_features(inputs)


class Frozen(nn.Module):
    """The features of an uploaded graph, from the tensors that it computes."""

    def __init__(self, network: OnnxNetwork) -> None:
        super().__init__()
        self.taps = network.taps.taps
        self.head = network.head

    def forward(self, given: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return every tap, `(B, D)`, and the logits, of the graph's tensors in their order."""
        taps = {tap.label: _pooled(one, tap) for tap, one in zip(self.taps, given, strict=True)}
        return {**taps, LOGITS: self.head(torch.cat(list(taps.values()), 1))}


def _pooled(value: Tensor, tap: Tap) -> Tensor:
    """Return a tensor averaged over all axes but the batch and that of the features."""
    if not tap.shape:
        return value.float()[:, None]
    features = value.float().movedim(tap.axis, 1)
    return features.flatten(2).mean(2) if features.dim() > 2 else features


class WholeModel(nn.Module):
    """All networks of a model and what fuses them.

    Args:
        parts: `Trained` or `Frozen` by input.
        fusion: None for a unimodal model.
    """

    def __init__(self, parts: Mapping[str, Trained | Frozen], fusion: FusionNetwork | None) -> None:
        super().__init__()
        self.names = tuple(parts)
        # A list, for a ModuleDict refuses some names that an input may have, such as "type".
        self.parts = nn.ModuleList(parts.values())
        self.fusion = fusion

    def forward(
        self, given: Sequence[Sequence[Tensor]], present: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return logits and probabilities, each `(B, C)`.

        Args:
            given: what each part takes; anything may stand in a row that lacks this input.
            present: whether each row has the input, bool `(B,)`; none for a unimodal model.
        """
        taps = {
            name: part(tensors)
            for name, part, tensors in zip(self.names, self.parts, given, strict=True)
        }
        if self.fusion is None:
            logits_BC = taps[self.names[0]][LOGITS]
        else:
            there = dict(zip(self.names, present, strict=True))
            logits_BC = self.fusion(_cleared(taps, there), there)
        return logits_BC, logits_BC.softmax(dim=1)


def _cleared(
    taps: Mapping[str, Mapping[str, Tensor]], present: Mapping[str, Tensor]
) -> dict[str, dict[str, Tensor]]:
    """Return taps with zeros where an input is missing: not even NaN comes through."""
    return {
        name: {
            tap: torch.where(present[name][:, None], value, torch.zeros_like(value))
            for tap, value in given.items()
        }
        for name, given in taps.items()
    }

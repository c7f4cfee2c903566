"""What all fusion networks have in common: normalised taps, calibrated evidence, a wiring."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from brainray.errors import NetworkError
from brainray.fusion.evidence import evidence
from brainray.fusion.genome import Wiring
from brainray.networks.declared import LOGITS


@dataclass(frozen=True)
class TapScale:
    """How a tap is normalised: mean and standard deviation on the training split, each `(D,)`."""

    mean: Tensor
    deviation: Tensor

    @staticmethod
    def measure(tap_ND: Tensor, present_N: Tensor) -> "TapScale":
        """Measure a tap over the samples that have its input."""
        rows = tap_ND[present_N].double()
        # A unit that hardly moves carries nothing; dividing by its deviation would only add noise.
        deviation = rows.std(dim=0, correction=0).clamp_min(1e-4)
        return TapScale(rows.mean(dim=0).to(tap_ND.dtype), deviation.to(tap_ND.dtype))

    def apply(self, tap_ND: Tensor, present_N: Tensor) -> Tensor:
        """Normalise a tap; rows without the input become zeros."""
        return (tap_ND - self.mean) / self.deviation * present_N[:, None]


def initial_bound(fan_in: int) -> float:
    """Return b such that weights from U(-b, b) keep the variance through a ReLU (He, 2015)."""
    return math.sqrt(6.0 / fan_in)


def initialise(linear: nn.Linear, generator: torch.Generator) -> nn.Linear:
    """Draw a layer's weights for a ReLU behind it; its bias starts at 0."""
    bound = initial_bound(linear.in_features)
    nn.init.uniform_(linear.weight, -bound, bound, generator=generator)
    nn.init.zeros_(linear.bias)
    return linear


def silenced(linear: nn.Linear) -> nn.Linear:
    """Start a layer at zero: it says nothing until it has learned something."""
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


class FusionNetwork(nn.Module):
    """One candidate's head on the taps of its unimodal networks; `brainray.fusion.forms` makes it.

    Args:
        wiring: which taps meet at which level.
        scales: of every tap that the wiring uses, by input and tap.
        temperatures: of each input's unimodal network.
        prior_C: log share of each class.
        hidden: width of a level.
        generator: of the initial weights.
    """

    def __init__(
        self,
        wiring: Wiring,
        scales: Mapping[tuple[str, str], TapScale],
        temperatures: Mapping[str, float],
        prior_C: Tensor,
        hidden: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.wiring = wiring
        self.temperatures = dict(temperatures)
        self.register_buffer("prior", prior_C.float())
        for number, level in enumerate(wiring.levels):
            for name, tap in level.taps.items():
                scale = scales[name, tap]
                self.register_buffer(f"mean_{number}_{name}", scale.mean)
                self.register_buffer(f"deviation_{number}_{name}", scale.deviation)

        self.add_layers(hidden, len(prior_C), generator)

    def add_layers(self, hidden: int, classes: int, generator: torch.Generator) -> None:
        """Add what is trained; the arguments are those of the network."""
        raise NetworkError(f"{type(self).__name__} does not implement add_layers")

    def forward(
        self,
        taps: Mapping[str, Mapping[str, Tensor]],
        present: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """Return fused logits from what the unimodal networks give, shape `(B, C)`.

        Args:
            taps: raw tap features, each `(B, D)`, by tap, by input; inputs that are missing for
                the whole batch are left out, at least one is there.
            present: whether each row has an input, bool `(B,)`, for every input of ``taps``; by
                default each row has them all.
        """
        return self.fuse(*self.prepare(taps, present))

    def prepare(
        self,
        taps: Mapping[str, Mapping[str, Tensor]],
        present: Mapping[str, Tensor] | None = None,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        """Return normalised levels and evidences, the arguments of `fuse`; see `forward`."""
        some = next(iter(taps.values()))[LOGITS]
        if present is None:
            present = dict.fromkeys(taps, torch.ones(len(some), dtype=torch.bool))
        prior = self.get_buffer("prior")
        evidences = {
            name: evidence(given[LOGITS], self.temperatures[name], prior, present[name])
            for name, given in taps.items()
        }
        normalised = []
        for number, level in enumerate(self.wiring.levels):
            met = {}
            for name, tap in level.taps.items():
                mean = self.get_buffer(f"mean_{number}_{name}")
                deviation = self.get_buffer(f"deviation_{number}_{name}")
                met[name] = (
                    TapScale(mean, deviation).apply(taps[name][tap], present[name])
                    if name in taps
                    else mean.new_zeros(len(some), len(mean))
                )
            normalised.append(met)
        return normalised, evidences

    def fuse(self, normalised: list[dict[str, Tensor]], evidences: dict[str, Tensor]) -> Tensor:
        """Return fused logits from prepared features, shape `(B, C)`.

        Args:
            normalised: for each level, the normalised tap of each input, `(B, D)`.
            evidences: of each input that is there, `(B, C)`.
        """
        raise NetworkError(f"{type(self).__name__} does not implement fuse")

    def loss(
        self,
        normalised: list[dict[str, Tensor]],
        evidences: dict[str, Tensor],
        target_B: Tensor,
        said_BM: Tensor,
    ) -> Tensor:
        """Return the mean loss of some rows: the cross-entropy, unless a form adds to it.

        It is a mean over rows of what each row gives by itself: workers share the rows, and how
        many they are must not change the result.

        Args:
            normalised: as for `fuse`.
            evidences: of all inputs, zeros where one is missing.
            target_B: the classes.
            said_BM: the class of the row that each input comes from, for M inputs; another one
                than the target's if the input was exchanged.
        """
        return functional.cross_entropy(self.fuse(normalised, evidences), target_B)

    def _width(self, level: int, name: str) -> int:
        """Return the width of the tap that an input brings to a level."""
        return len(self.get_buffer(f"mean_{level}_{name}"))

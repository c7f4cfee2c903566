"""The fusion network: calibrated unimodal evidence plus a learned correction.

``logits = log prior + sum of evidences + V h_L`` with
``h_l = relu(W_l [x_l,1; ...; x_l,M; h_(l-1)] + b_l)``, where x_l,m is the normalised tap that
input m brings to level l (MFAS, Pérez-Rúa et al., CVPR 2019, with a residual path).

V starts at zero, so that training starts from the evidence and can only add to it. Without
normalisation, without the last taps or without the evidence, fusion falls far below the better
unimodal network. An input that is missing brings zeros: no features and no evidence.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from brainray.errors import NetworkError
from brainray.fusion.evidence import evidence
from brainray.fusion.genome import Wiring
from brainray.networks.interface import LOGITS


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


class FusionNetwork(nn.Module):
    """One candidate's head on the taps of its frozen unimodal networks.

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
        self.levels = nn.ModuleList()
        before = 0
        for number, level in enumerate(wiring.levels):
            width = before
            for name, tap in level.taps.items():
                scale = scales[name, tap]
                self.register_buffer(f"mean_{number}_{name}", scale.mean)
                self.register_buffer(f"deviation_{number}_{name}", scale.deviation)
                width += len(scale.mean)
            linear = nn.Linear(width, hidden)
            bound = initial_bound(width)
            nn.init.uniform_(linear.weight, -bound, bound, generator=generator)
            nn.init.zeros_(linear.bias)
            self.levels.append(linear)
            before = hidden
        self.classifier = nn.Linear(hidden, len(prior_C))
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    @staticmethod
    def from_state(
        wiring: Wiring, temperatures: Mapping[str, float], state: Mapping[str, Tensor]
    ) -> "FusionNetwork":
        """Build the network around a stored ``state_dict``, ready to compute.

        Raises:
            NetworkError: the state is not that of this wiring.
        """
        try:
            scales = {
                (name, tap): TapScale(
                    state[f"mean_{number}_{name}"], state[f"deviation_{number}_{name}"]
                )
                for number, level in enumerate(wiring.levels)
                for name, tap in level.taps.items()
            }
            hidden = state["classifier.weight"].shape[1]
            network = FusionNetwork(
                wiring, scales, temperatures, state["prior"], hidden, torch.Generator()
            )
            network.load_state_dict(dict(state))
        except (KeyError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise NetworkError(f"fusion network: its weights do not fit: {reason}") from error
        return network.eval()

    def forward(self, taps: Mapping[str, Mapping[str, Tensor]]) -> Tensor:
        """Return fused logits from what the unimodal networks give, shape `(B, C)`.

        Args:
            taps: raw tap features, each `(B, D)`, by tap, by input; inputs that are missing for
                the whole batch are left out, at least one is there.
        """
        some = next(iter(taps.values()))[LOGITS]
        present = torch.ones(len(some), dtype=torch.bool)
        prior = self.get_buffer("prior")
        evidences = {
            name: evidence(given[LOGITS], self.temperatures[name], prior, present)
            for name, given in taps.items()
        }
        normalised = []
        for number, level in enumerate(self.wiring.levels):
            met = {}
            for name, tap in level.taps.items():
                mean = self.get_buffer(f"mean_{number}_{name}")
                deviation = self.get_buffer(f"deviation_{number}_{name}")
                met[name] = (
                    TapScale(mean, deviation).apply(taps[name][tap], present)
                    if name in taps
                    else mean.new_zeros(len(some), len(mean))
                )
            normalised.append(met)
        return self.fuse(normalised, evidences)

    def fuse(self, normalised: list[dict[str, Tensor]], evidences: dict[str, Tensor]) -> Tensor:
        """Return fused logits from prepared features, shape `(B, C)`.

        Args:
            normalised: for each level, the normalised tap of each input, `(B, D)`.
            evidences: of each input that is there, `(B, C)`.
        """
        hidden: list[Tensor] = []
        for linear, level in zip(self.levels, normalised, strict=True):
            hidden = [torch.relu(linear(torch.cat([*level.values(), *hidden], dim=1)))]
        correction: Tensor = self.classifier(hidden[0])
        return self.get_buffer("prior") + sum(evidences.values()) + correction

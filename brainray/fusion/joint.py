"""The joint form of a fusion network: doubted calibrated evidence plus a learned correction.

``logits = log prior + sum over inputs m of log((1 - d_m) exp(evidence_m) + d_m) + V h_L`` with
``h_l = relu(operator(W_l1 x_l1, ..., W_lM x_lM, R_l h_(l-1)) + b_l)`` and
``d_m = sigmoid(a_m)``, where x_lm is the normalised tap that input m brings to level
l (MFAS, Pérez-Rúa et al., CVPR 2019, with a residual path).

V starts at zero, so that training starts from the evidence. Without normalisation, without the
last taps or without the evidence, fusion falls far below the better unimodal network.
The doubt d_m is the probability that input m speaks of something else, in which case it says
nothing about the classes: it bounds by how much one input can outvote the others, as some regions
of the brain shield off what does not belong to the problem (paper 1.2). An input that is missing
brings zeros: no features and no evidence. One that the wiring leaves out of a level has no part
there at all, and one without any level still gives its evidence.
"""

import torch
from torch import Tensor, nn

from brainray.fusion.network import FusionNetwork, initialise, silenced
from brainray.fusion.operators import OPERATORS

DOUBT = -3.0
"""The log odds a_m of every doubt at the start of training: a doubt of 5 %."""


class JointLevel(nn.Linear):
    """One level of a joint network: maps what meets there, joins it, and rectifies.

    Args:
        operator: a name in `OPERATORS`.
        widths: of the parts that meet.
        hidden: its own width.
        generator: of the initial weights.
    """

    def __init__(
        self, operator: str, widths: list[int], hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__(sum(widths), hidden)
        initialise(self, generator)
        self._operator = OPERATORS[operator]
        self._widths = widths
        self.own = nn.Parameter(self._operator.initial(len(widths), hidden)[None])

    def join(self, parts: list[Tensor], gates: list[Tensor]) -> Tensor:
        """Return the level's values, `(B, H)`.

        Args:
            parts: each `(B, D)`.
            gates: what the first of the mapped parts are multiplied with, each `(B, H)`.
        """
        weights = torch.split(self.weight, self._widths, dim=1)
        mapped = [part @ weight.T for part, weight in zip(parts, weights, strict=True)]
        for number, gate in enumerate(gates):
            mapped[number] = mapped[number] * gate
        columns_SHB = [part.T[None] for part in mapped]
        return torch.relu(self._operator(columns_SHB, self.own)[0].T + self.bias)


class JointNetwork(FusionNetwork):
    """Fuses the inputs level by level (a joint representation; paper 4.2.1).

    With *feedback* the last level looks back: a second pass runs with what each input brings to
    each level multiplied by gates that the first pass sets from above (paper 1.2; Wang et al.,
    NIPS 2014), in (0, 2) and 1 at the start.
    """

    def add_layers(self, hidden: int, classes: int, generator: torch.Generator) -> None:
        """Add levels, classifier and doubts; see `FusionNetwork.add_layers`."""
        self.levels = nn.ModuleList()
        for number, level in enumerate(self.wiring.levels):
            widths = [self._width(number, name) for name in level.taps] + [hidden] * bool(number)
            self.levels.append(JointLevel(level.operator, widths, hidden, generator))
        self.classifier = silenced(nn.Linear(hidden, classes))
        self.doubt = nn.Parameter(torch.full((len(self.wiring.models),), DOUBT))
        if self.wiring.feedback:
            self.feedback = silenced(nn.Linear(hidden, len(self.wiring.models) * hidden))

    def fuse(self, normalised: list[dict[str, Tensor]], evidences: dict[str, Tensor]) -> Tensor:
        """Return fused logits; see `FusionNetwork.fuse`."""
        top_BH = self._rise(normalised, {})
        names = list(self.wiring.models)
        if self.wiring.feedback:
            gate_BG = 2 * self.feedback(top_BH).sigmoid()
            gates = dict(zip(names, gate_BG.chunk(len(names), dim=1), strict=True))
            top_BH = self._rise(normalised, gates)
        doubt_M = dict(zip(names, self.doubt.sigmoid(), strict=True))
        logits: Tensor = self.get_buffer("prior") + self.classifier(top_BH)
        for name, value in evidences.items():
            logits = logits + torch.log((1 - doubt_M[name]) * value.exp() + doubt_M[name])
        return logits

    def _rise(self, normalised: list[dict[str, Tensor]], gates: dict[str, Tensor]) -> Tensor:
        """Return the last level's values, `(B, H)`; without gates all inputs count in full."""
        below: list[Tensor] = []
        for level, met in zip(self.levels, normalised, strict=True):
            assert isinstance(level, JointLevel)
            own_gates = [gates[name] for name in met] if gates else []
            below = [level.join([*met.values(), *below], own_gates)]
        return below[0]

"""The coordinated form of a fusion network: an embedding for each input, made similar."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from brainray.fusion.genome import Wiring
from brainray.fusion.network import FusionNetwork, TapScale, initialise, silenced


class CoordinatedNetwork(FusionNetwork):
    """Gives each input an embedding of its own and makes those of one sample similar.

    A coordinated representation (paper 4.2.1; Baltrusaitis et al., TPAMI 2019): the levels of an
    input see that input alone. Its last level is its embedding, from which it corrects its own
    evidence. The training adds, for every two inputs, the ranking loss of DeViSE (Frome et al.,
    NIPS 2013): the embeddings of one sample shall be more alike, by a margin of their cosines,
    than those of samples of unequal classes. The operators of the wiring are not used.

    Args:
        wiring: which taps of an input its levels use.
        scales: of every tap that the wiring uses, by input and tap.
        temperatures: of each input's unimodal network.
        prior_C: log share of each class.
        hidden: width of a level.
        generator: of the initial weights.
    """

    MARGIN = 0.5
    SIMILARITY_WEIGHT = 0.1

    def __init__(
        self,
        wiring: Wiring,
        scales: Mapping[tuple[str, str], TapScale],
        temperatures: Mapping[str, float],
        prior_C: Tensor,
        hidden: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__(wiring, scales, temperatures, prior_C)
        # Lists, for a ModuleDict refuses some names that an input may have, such as "type".
        self.levels = nn.ModuleList()
        self.classifiers = nn.ModuleList()
        for name in wiring.models:
            chain = nn.ModuleList()
            for number in range(len(wiring.levels)):
                width = self._width(number, name) + (hidden if number else 0)
                chain.append(initialise(nn.Linear(width, hidden), generator))
            self.levels.append(chain)
            self.classifiers.append(silenced(nn.Linear(hidden, len(prior_C))))

    def embeddings(self, normalised: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Return the embedding of each input, `(B, H)`."""
        found = {}
        for name, chain in zip(self.wiring.models, self.levels, strict=True):
            below: list[Tensor] = []
            assert isinstance(chain, nn.ModuleList)
            for linear, met in zip(chain, normalised, strict=True):
                below = [torch.relu(linear(torch.cat([met[name], *below], dim=1)))]
            found[name] = below[0]
        return found

    def fuse(self, normalised: list[dict[str, Tensor]], evidences: dict[str, Tensor]) -> Tensor:
        """Return fused logits; see `FusionNetwork.fuse`."""
        return self._judge(self.embeddings(normalised), evidences)

    def _judge(self, embeddings: dict[str, Tensor], evidences: dict[str, Tensor]) -> Tensor:
        logits: Tensor = self.get_buffer("prior") + sum(evidences.values())
        for classifier, value in zip(self.classifiers, embeddings.values(), strict=True):
            logits = logits + classifier(value)
        return logits

    def loss(
        self,
        normalised: list[dict[str, Tensor]],
        evidences: dict[str, Tensor],
        target_B: Tensor,
    ) -> Tensor:
        """Return cross-entropy plus similarity loss; missing inputs have no part in the latter."""
        embeddings = self.embeddings(normalised)
        loss = functional.cross_entropy(self._judge(embeddings, evidences), target_B)
        present = {name: evidences[name].abs().sum(dim=1) > 0 for name in embeddings}
        names = list(embeddings)
        for number, first in enumerate(names):
            for second in names[number + 1 :]:
                both = present[first] & present[second]
                loss = loss + self.SIMILARITY_WEIGHT * similarity_loss(
                    embeddings[first][both], embeddings[second][both], target_B[both], self.MARGIN
                )
        return loss


def similarity_loss(first_BH: Tensor, second_BH: Tensor, target_B: Tensor, margin: float) -> Tensor:
    """Return the mean ranking loss between two inputs' embeddings, 0 if all classes are equal.

    ``mean over rows i and rows j of another class of max(0, margin - cos(a_i, b_i) +
    cos(a_i, b_j))`` (Frome et al., NIPS 2013).
    """
    cosine_BB = functional.normalize(first_BH, dim=1) @ functional.normalize(second_BH, dim=1).T
    other_BB = target_B[:, None] != target_B
    ranking_BB = (margin - cosine_BB.diagonal()[:, None] + cosine_BB).clamp_min(0) * other_BB
    return ranking_BB.sum() / other_BB.sum().clamp_min(1)

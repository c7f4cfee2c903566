"""The coordinated form of a fusion network: an embedding for each input, made similar."""

from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

from brainray.fusion.network import FusionNetwork, initialise, silenced


class CoordinatedNetwork(FusionNetwork):
    """Gives each input an embedding of its own and makes those of one sample similar.

    A coordinated representation (paper 4.2.1; Baltrusaitis et al., TPAMI 2019): the levels of an
    input see that input alone. Its last level is its embedding, from which it corrects its own
    evidence. The training adds a contrastive loss (Hadsell et al., CVPR 2006) for every two
    inputs: their embeddings shall be alike, and unlike where one of them was exchanged for that
    of another class (`Spoiling.foreign`). The operators of the wiring are not used.

    An input's chain has the levels that it takes part in. One without any has no embedding: it
    gives its evidence alone, and nothing is made similar to it.
    """

    SIMILARITY_WEIGHT = 0.1

    def add_layers(self, hidden: int, classes: int, generator: torch.Generator) -> None:
        """Add a chain of levels and a classifier for each input; see `FusionNetwork`."""
        # Lists, for a ModuleDict refuses some names that an input may have, such as "type".
        self.levels = nn.ModuleList()
        self.classifiers = nn.ModuleList()
        for name in self.embedded:
            chain = nn.ModuleList()
            for number, level in enumerate(self.wiring.levels):
                if name in level.taps:
                    width = self._width(number, name) + (hidden if len(chain) else 0)
                    chain.append(initialise(nn.Linear(width, hidden), generator))
            self.levels.append(chain)
            self.classifiers.append(silenced(nn.Linear(hidden, classes)))

    @property
    def embedded(self) -> list[str]:
        """The inputs that take part in some level, which therefore have an embedding."""
        levels = self.wiring.levels
        return [name for name in self.wiring.models if any(name in one.taps for one in levels)]

    def embeddings(self, normalised: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Return the embedding of each input that has one, `(B, H)`."""
        found = {}
        for name, chain in zip(self.embedded, self.levels, strict=True):
            below: list[Tensor] = []
            assert isinstance(chain, nn.ModuleList)
            taps = [met[name] for met in normalised if name in met]
            for linear, tap in zip(chain, taps, strict=True):
                below = [torch.relu(linear(torch.cat([tap, *below], dim=1)))]
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
        said_BM: Tensor,
    ) -> Tensor:
        """Return cross-entropy plus similarity loss; missing inputs have no part in the latter."""
        embeddings = self.embeddings(normalised)
        loss = functional.cross_entropy(self._judge(embeddings, evidences), target_B)
        present = {name: evidences[name].abs().sum(dim=1) > 0 for name in embeddings}
        said = dict(zip(self.wiring.models, said_BM.T, strict=True))
        for first, second in combinations(embeddings, 2):
            dissimilarity_B = similarity_loss(
                embeddings[first], embeddings[second], said[first] == said[second]
            )
            both = present[first] & present[second]
            loss = loss + self.SIMILARITY_WEIGHT * (dissimilarity_B * both).mean()
        return loss


def similarity_loss(first_BH: Tensor, second_BH: Tensor, same_B: Tensor) -> Tensor:
    """Return the contrastive loss of each row's two embeddings, `(B,)`, in [0, 1].

    ``1 - cos(a, b)`` if they are to be alike, else ``max(0, cos(a, b))``; being not negative, they
    are at most orthogonal.

    Args:
        first_BH: embeddings, not negative.
        second_BH: the other input's.
        same_B: whether both say the same class, bool.
    """
    cosine_B = functional.cosine_similarity(first_BH, second_BH, dim=1)
    return torch.where(same_B, 1 - cosine_B, cosine_B.clamp_min(0))

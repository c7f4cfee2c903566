"""Two small text networks on word numbers: FastText and TextCNN.

Both take what `HashedWords` gives: numbers from 1 to ``BUCKETS - 1``, and `PADDING` behind the
text's end. Padding never counts: a text gives the same result at any number of places.
"""

import torch
from torch import Tensor, nn

from brainray.networks.blocks import check_build
from brainray.networks.interface import LOGITS, TappedNetwork
from brainray.networks.preparation import BUCKETS, PADDING

WIDTH = 64
"""Numbers that stand for a word."""


class FastText(TappedNetwork):
    """The mean of the words' embeddings, classified (Joulin et al., EACL 2017).

    Word order does not matter. The paper classifies the mean itself; the ``hidden`` layer with a
    leaky ReLU is added here, so that there is a second feature to fuse.

    Taps: ``embedding`` (64), ``hidden`` (32), ``logits``.
    """

    HIDDEN = 32

    def __init__(self, input_shape: tuple[int, ...], classes: int) -> None:
        """Build the untrained network.

        Args:
            input_shape: `(T,)`, the number of places.
            classes: the number of logits.

        Raises:
            NetworkError: the shape or the number of classes is impossible.
        """
        super().__init__()
        check_build("FastText", input_shape, ("tokens",), classes)
        self.embedding = _embedding()
        self.hidden = nn.Sequential(nn.Linear(WIDTH, self.HIDDEN), nn.LeakyReLU())
        self.head = nn.Linear(self.HIDDEN, classes)

    def forward_taps(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return ``embedding`` `(B, 64)`, ``hidden`` `(B, 32)` and the logits `(B, C)`.

        Args:
            inputs: word numbers, int64, shape `(B, T)`.
        """
        mean_BD = _mean_over_words(self.embedding(inputs), inputs)
        hidden_BD = self.hidden(mean_BD)
        return {"embedding": mean_BD, "hidden": hidden_BD, LOGITS: self.head(hidden_BD)}


class TextCNN(TappedNetwork):
    """Convolutions of two widths over the words, each maximised over time (Kim, EMNLP 2014).

    Side by side as in the paper, of 3 and 5 words, with 32 filters each. The paper's dropout is
    left out: it would draw from the one generator that all workers of a process share.

    Taps: ``embedding`` (64), ``conv1`` (32, width 3), ``conv2`` (32, width 5), ``logits``.
    """

    FILTERS = 32

    def __init__(self, input_shape: tuple[int, ...], classes: int) -> None:
        """Build the untrained network.

        Args:
            input_shape: `(T,)`, the number of places.
            classes: the number of logits.

        Raises:
            NetworkError: the shape or the number of classes is impossible.
        """
        super().__init__()
        check_build("TextCNN", input_shape, ("tokens",), classes)
        self.embedding = _embedding()
        self.conv1 = nn.Conv1d(WIDTH, self.FILTERS, 3, padding="same")
        self.conv2 = nn.Conv1d(WIDTH, self.FILTERS, 5, padding="same")
        self.head = nn.Linear(2 * self.FILTERS, classes)

    def forward_taps(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return ``embedding`` `(B, 64)`, ``conv1``, ``conv2`` `(B, 32)`, logits `(B, C)`.

        Args:
            inputs: word numbers, int64, shape `(B, T)`.
        """
        embedded_BTD = self.embedding(inputs)
        words_BDT = embedded_BTD.transpose(1, 2)
        there_B1T = (inputs != PADDING)[:, None]
        # The ReLU is at least 0, so a place set to 0 never wins the maximum over a word.
        conv1_BD = (self.conv1(words_BDT).relu() * there_B1T).amax(2)
        conv2_BD = (self.conv2(words_BDT).relu() * there_B1T).amax(2)
        return {
            "embedding": _mean_over_words(embedded_BTD, inputs),
            "conv1": conv1_BD,
            "conv2": conv2_BD,
            LOGITS: self.head(torch.cat([conv1_BD, conv2_BD], 1)),
        }


def _embedding() -> nn.Embedding:
    """Return a word table that starts small: from torch's unit variance both generalise worse."""
    embedding = nn.Embedding(BUCKETS, WIDTH, padding_idx=PADDING)
    with torch.no_grad():
        embedding.weight.mul_(0.1)
    return embedding


def _mean_over_words(embedded_BTD: Tensor, inputs: Tensor) -> Tensor:
    """Return the mean over the words alone, `(B, D)`; 0 for a text without words."""
    count_B1 = (inputs != PADDING).sum(1, keepdim=True)
    return embedded_BTD.sum(1) / count_B1.clamp(min=1)  # padding's embedding is 0

"""What a progressive search expects of codes that were not evaluated: LSTMs that read prefixes.

A prefix is read as tokens, one a gene. A predictor is fitted to the codes evaluated so far and
scores prefixes; the search draws those with high scores. N codes or prefixes, T tokens of each.
"""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from brainray.seeding import torch_random

WIDTH, HIDDEN = 32, 32
"""Of embeddings and of the LSTM's state."""
RATE = 1e-2
EPOCHS = 60
"""Of the surrogate; all codes are one batch."""
BATCH, UPDATES, ENTROPY = 10, 8, 1e-2
"""Of the policy: codes and gradient steps of a batch, and the weight of the entropy."""
BOUND = 3.0
"""Standard scores are held within plus and minus this: some codes fail so badly that they would
outweigh all the rest."""


class Predictor(Protocol):
    """Scores prefixes. Made as ``Predictor(alleles, whole, seed)``.

    ``alleles`` are the numbers of alleles of the genes in the order in which they are read,
    ``whole`` says that prefixes of a code are codes themselves, with values of their own.
    """

    def fit(self, tokens_NT: Tensor, lengths_N: Tensor, values_N: Tensor) -> None:
        """Learn from all codes evaluated so far.

        Args:
            tokens_NT: alleles' indices, int64; zeros after the end.
            lengths_N: of the codes.
            values_N: to be maximised; the oldest code comes first.
        """

    def score(self, tokens_NT: Tensor) -> NDArray[np.float64]:
        """Return a score for each of N prefixes of equal length; its spread is about 1."""


class Reader(nn.Module):
    """An LSTM that says something after each token.

    Args:
        alleles: of each gene.
        said: the number of values that it says.
    """

    def __init__(self, alleles: tuple[int, ...], said: int) -> None:
        super().__init__()
        self.offsets_T = torch.tensor([0, *alleles]).cumsum(0)
        self.embedding = nn.Embedding(int(self.offsets_T[-1]), WIDTH)
        self.lstm = nn.LSTM(WIDTH, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, said)

    def forward(self, tokens_NT: Tensor) -> Tensor:
        """Return what is said after each token, shape `(N, T, said)`."""
        embedded = self.embedding(tokens_NT + self.offsets_T[: tokens_NT.shape[1]])
        said: Tensor = self.head(self.lstm(embedded)[0])
        return said


def standard_scores(values_N: Tensor) -> Tensor:
    """Return values with mean 0 and deviation 1, held within `BOUND`."""
    deviation = values_N.std(correction=0).clamp_min(1e-12)
    return ((values_N - values_N.mean()) / deviation).clamp(-BOUND, BOUND)


class Surrogate:
    """Predicts the value of a code by regression (MFAS, Pérez-Rúa et al., CVPR 2019).

    After a prefix that is no code it predicts the mean of the codes that begin with it.

    Args:
        alleles: of each gene.
        whole: whether prefixes are codes.
        seed: of initial weights.
    """

    def __init__(self, alleles: tuple[int, ...], whole: bool, seed: int) -> None:
        self._whole = whole
        with torch_random(seed, "surrogate"):
            self._reader = Reader(alleles, 1)

    def fit(self, tokens_NT: Tensor, lengths_N: Tensor, values_N: Tensor) -> None:
        """Minimise the squared error of standard scores with Adam, all codes in one batch."""
        numbers_T = torch.arange(tokens_NT.shape[1])
        ends_N1 = lengths_N[:, None] - 1
        learns_NT = (numbers_T == ends_N1) if self._whole else (numbers_T <= ends_N1)
        targets_N1 = standard_scores(values_N)[:, None]
        optimizer = torch.optim.AdamW(
            self._reader.parameters(), lr=RATE, weight_decay=1e-4, fused=True
        )
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
        for _ in range(EPOCHS):
            errors_NT = self._reader(tokens_NT)[..., 0] - targets_N1
            optimizer.zero_grad()
            backward(errors_NT[learns_NT].square().mean())
            optimizer.step()
            decay.step()

    @torch.no_grad()
    def score(self, tokens_NT: Tensor) -> NDArray[np.float64]:
        """Return the standard score that is expected of each prefix."""
        scores: NDArray[np.float64] = self._reader(tokens_NT)[:, -1, 0].double().numpy()
        return scores


class Policy:
    """Learns by REINFORCE which gene follows a prefix (EPNAS, arXiv 1907.04648; Williams 1992).

    Its score is the log-probability of the prefix. It learns from the codes in the order of
    their evaluation, `BATCH` at a time, with the mean of the batches before as baseline and the
    entropy as a bonus.

    Args:
        alleles: of each gene.
        whole: whether prefixes are codes; makes no difference here.
        seed: of initial weights.
    """

    def __init__(self, alleles: tuple[int, ...], whole: bool, seed: int) -> None:
        # A start token comes first: what is said after it concerns the first gene.
        with torch_random(seed, "policy"):
            self._reader = Reader((1, *alleles), max(alleles))
        self._allowed_TA = torch.arange(max(alleles)) < torch.tensor(alleles)[:, None]

    def fit(self, tokens_NT: Tensor, lengths_N: Tensor, values_N: Tensor) -> None:
        """Climb the expected standard score with Adam, a few steps a batch."""
        scores_N = standard_scores(values_N)
        optimizer = torch.optim.AdamW(self._reader.parameters(), lr=RATE, fused=True)
        baseline = scores_N[:BATCH].mean()
        for first in range(0, len(tokens_NT), BATCH):
            batch = slice(first, first + BATCH)
            advantages_B = scores_N[batch] - baseline
            for _ in range(UPDATES):
                logs_B, entropies_B = self.probabilities(tokens_NT[batch], lengths_N[batch])
                optimizer.zero_grad()
                backward(-(advantages_B * logs_B + ENTROPY * entropies_B).mean())
                optimizer.step()
            baseline = (baseline + scores_N[batch].mean()) / 2

    @torch.no_grad()
    def score(self, tokens_NT: Tensor) -> NDArray[np.float64]:
        """Return the log-probability of each prefix."""
        lengths_N = torch.full((len(tokens_NT),), tokens_NT.shape[1])
        scores: NDArray[np.float64] = self.probabilities(tokens_NT, lengths_N)[0].double().numpy()
        return scores

    def probabilities(self, tokens_NT: Tensor, lengths_N: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log-probability of each code, and the sum of the entropies of its genes.

        Differentiable in the weights.
        """
        started_NT = nn.functional.pad(tokens_NT, (1, -1))
        logits_NTA: Tensor = self._reader(started_NT)
        allowed_TA = self._allowed_TA[: tokens_NT.shape[1]]
        logs_NTA = logits_NTA.masked_fill(~allowed_TA, -1e9).log_softmax(dim=2)
        counts_NT = torch.arange(tokens_NT.shape[1]) < lengths_N[:, None]
        logs_NT = logs_NTA.gather(2, tokens_NT[..., None])[..., 0]
        entropies_NT = -(logs_NTA.exp() * logs_NTA).sum(dim=2)
        return (logs_NT * counts_NT).sum(dim=1), (entropies_NT * counts_NT).sum(dim=1)


def backward(loss: Tensor) -> None:
    """Compute gradients; torch leaves the method untyped."""
    loss.backward()  # type: ignore[no-untyped-call]

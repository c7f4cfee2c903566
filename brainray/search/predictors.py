"""What a progressive search expects of codes that were not evaluated: LSTMs that read prefixes.

A prefix is read as tokens, one a gene. A predictor is fitted to the codes evaluated so far and
scores prefixes; the search draws those with high scores. N codes or prefixes, T tokens of each.
"""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from brainray.seeding import torch_generator, torch_random

WIDTH, HIDDEN = 32, 32
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

    def __init__(
        self,
        alleles: tuple[int, ...],
        whole: bool,
        seed: int,
        epochs: int = 60,
        learning_rate: float = 1e-2,
    ) -> None:
        self._whole = whole
        self._epochs = epochs
        self._learning_rate = learning_rate
        with torch_random(seed, "surrogate"):
            self._reader = Reader(alleles, 1)

    def fit(self, tokens_NT: Tensor, lengths_N: Tensor, values_N: Tensor) -> None:
        """Minimise the squared error of standard scores with Adam, all codes in one batch."""
        numbers_T = torch.arange(tokens_NT.shape[1])
        ends_N1 = lengths_N[:, None] - 1
        learns_NT = (numbers_T == ends_N1) if self._whole else (numbers_T <= ends_N1)
        targets_N1 = standard_scores(values_N)[:, None]
        optimizer = torch.optim.AdamW(
            self._reader.parameters(), lr=self._learning_rate, weight_decay=1e-4, fused=True
        )
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self._epochs)
        for _ in range(self._epochs):
            errors_NT = self._reader(tokens_NT)[..., 0] - targets_N1
            optimizer.zero_grad()
            errors_NT[learns_NT].square().mean().backward()
            optimizer.step()
            decay.step()

    @torch.no_grad()
    def score(self, tokens_NT: Tensor) -> NDArray[np.float64]:
        """Return the standard score that is expected of each prefix."""
        scores: NDArray[np.float64] = self._reader(tokens_NT)[:, -1, 0].double().numpy()
        return scores


class Policy:
    """Learns by REINFORCE which gene follows a prefix (EPNAS, arXiv 1907.04648; Williams 1992).

    Its score is the log-probability of the prefix.

    Args:
        alleles: of each gene.
        whole: whether prefixes are codes; makes no difference here.
        seed: of initial weights.
    """

    def __init__(
        self,
        alleles: tuple[int, ...],
        whole: bool,
        seed: int,
        learning_rate: float = 1e-2,
        updates: int = 8,
        batch: int = 10,
        entropy: float = 1e-2,
    ) -> None:
        self._alleles = alleles
        self._learning_rate, self._updates, self._batch = learning_rate, updates, batch
        self._entropy = entropy
        with torch_random(seed, "policy"):
            self._reader = Reader((1, *alleles), max(alleles))
        self._allowed_TA = torch.arange(max(alleles)) < torch.tensor(alleles)[:, None]

    def _log_probabilities(self, tokens_NT: Tensor) -> Tensor:
        """Return the log-probability of each allele of each gene, shape `(N, T, A)`."""
        read_NT = nn.functional.pad(tokens_NT, (1, -1))  # a start token; the last predicts nothing
        logits_NTA = self._reader(read_NT)
        allowed = self._allowed_TA[: tokens_NT.shape[1]]
        return logits_NTA.masked_fill(~allowed, -1e9).log_softmax(dim=-1)

    def fit(self, tokens_NT: Tensor, lengths_N: Tensor, values_N: Tensor) -> None:
        """Go through the codes in the order of their evaluation."""
        scores_N = standard_scores(values_N)
        counts_NT = torch.arange(tokens_NT.shape[1]) < lengths_N[:, None]
        optimizer = torch.optim.Adam(self._reader.parameters(), lr=self._learning_rate, fused=True)
        baseline = 0.0
        rows = torch.arange(len(tokens_NT))
        for number, batch in enumerate(rows.split(self._batch)):
            baseline = (
                float(scores_N[batch].mean())
                if not number
                else 0.5 * baseline + 0.5 * float(scores_N[batch].mean())
            )
            advantages = scores_N[batch] - baseline
            for _ in range(self._updates):
                logs_NTA = self._log_probabilities(tokens_NT[batch])
                chosen_NT = logs_NTA.gather(2, tokens_NT[batch][..., None])[..., 0]
                chosen_N = (chosen_NT * counts_NT[batch]).sum(dim=1)
                entropy = (
                    -(logs_NTA.exp() * logs_NTA.clamp_min(-50)).sum(dim=-1)[counts_NT[batch]].mean()
                )
                loss = -(advantages * chosen_N).mean() - self._entropy * entropy
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    @torch.no_grad()
    def score(self, tokens_NT: Tensor) -> NDArray[np.float64]:
        """Return the log-probability of each prefix."""
        logs_NTA = self._log_probabilities(tokens_NT)
        chosen_NT = logs_NTA.gather(2, tokens_NT[..., None])[..., 0]
        scores: NDArray[np.float64] = chosen_NT.sum(dim=1).double().numpy()
        return scores

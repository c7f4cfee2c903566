"""What NAO learns: an encoder, a predictor and a decoder of codes (Luo et al., NeurIPS 2018).

The encoder is an LSTM that reads a code gene by gene; its outputs are the embedding. The predictor
says from their mean what the code is worth. The decoder is an LSTM that starts from this mean,
attends to the outputs and writes the code again. All three are trained together, so that a step in
the embedding towards a better prediction can be read as a code.

N codes of T genes, A alleles of the gene that has most, H values of an output.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, normalize

from brainray.search.predictors import backward
from brainray.seeding import torch_random
from brainray.shapes import IntArray

WIDTH, HIDDEN = 32, 32
"""Of the genes' embeddings; of the LSTMs' states and outputs and the predictor's hidden layers."""
RATE, DECAY, CLIP = 5e-3, 1e-4, 5.0
"""Of Adam, its weight decay, and the largest norm of a gradient."""
TRADE_OFF = 0.8
"""The weight of the predictor's error; the decoder's has the rest."""
BATCH = 64
"""Evaluated codes of a batch, and as many others."""


@dataclass(frozen=True)
class Spellings:
    """Codes, each spelled in V ways that mean the same.

    Attributes:
        read_VNT: alleles' indices as they are read, int64.
        written_NT: the canonical codes, as they are to be written.
    """

    read_VNT: IntArray
    written_NT: IntArray

    def draw(self, generator: np.random.Generator) -> tuple[IntArray, Tensor, Tensor]:
        """Return the rows of up to `BATCH` codes, a spelling of each, and the canonical codes."""
        rows_B = generator.permutation(len(self.written_NT))[:BATCH]
        ways_B = generator.integers(len(self.read_VNT), size=len(rows_B))
        read_BT, written_BT = self.read_VNT[ways_B, rows_B], self.written_NT[rows_B]
        return rows_B, torch.from_numpy(read_BT), torch.from_numpy(written_BT)


class NaoNetwork(nn.Module):
    """Encoder, predictor and decoder.

    Args:
        alleles: of each gene.
        seed: of the initial weights.
    """

    def __init__(self, alleles: tuple[int, ...], seed: int) -> None:
        super().__init__()
        most = max(alleles)
        self.offsets_T = torch.tensor([0, *alleles[:-1]]).cumsum(0)
        with torch_random(seed, "nao"):
            self.embedding = nn.Embedding(sum(alleles), WIDTH)
            self.encoder = nn.LSTM(WIDTH, HIDDEN, batch_first=True)
            self.predictor = nn.Sequential(
                nn.Linear(HIDDEN, HIDDEN),
                nn.ReLU(),
                nn.Linear(HIDDEN, HIDDEN),
                nn.ReLU(),
                nn.Linear(HIDDEN, 1),
            )
            self.decoder = nn.LSTM(WIDTH, HIDDEN, batch_first=True)
            self.attention = nn.Linear(HIDDEN, HIDDEN, bias=False)
            self.mixture = nn.Linear(2 * HIDDEN, HIDDEN)
            self.head = nn.Linear(HIDDEN, most, bias=False)
        self.bias_TA = nn.Parameter(torch.zeros(len(alleles), most))
        self.start = nn.Parameter(torch.zeros(WIDTH))

    def encode(self, tokens_NT: Tensor) -> Tensor:
        """Return the embedding of codes: outputs of norm 1, shape `(N, T, H)`."""
        return normalize(self.encoder(self._embed(tokens_NT))[0], dim=2)

    def predict(self, outputs_NTH: Tensor) -> Tensor:
        """Return what codes are expected to be worth, in (0, 1), shape `(N,)`."""
        worth_N1: Tensor = self.predictor(center(outputs_NTH))
        return worth_N1[:, 0].sigmoid()

    def logits(self, outputs_NTH: Tensor, tokens_NT: Tensor) -> Tensor:
        """Return the logits of each gene, given the genes before it, shape `(N, T, A)`."""
        before_NTW = torch.cat([self._begin(outputs_NTH), self._embed(tokens_NT[:, :-1])], dim=1)
        state_1NH = center(outputs_NTH)[None]
        written_NTH = self.decoder(before_NTW, (state_1NH, state_1NH))[0]
        return self._attend(written_NTH, outputs_NTH) + self.bias_TA

    @torch.no_grad()
    def decode(self, outputs_NTH: Tensor, allowed_TA: Tensor) -> Tensor:
        """Return the codes that embeddings stand for, the likeliest gene after gene.

        Args:
            outputs_NTH: the embeddings.
            allowed_TA: which alleles may be written, bool.

        Returns:
            Alleles' indices, int64, shape `(N, T)`.
        """
        state_1NH = center(outputs_NTH)[None]
        states, last_N1W, tokens = (state_1NH, state_1NH), self._begin(outputs_NTH), []
        for offset, bias_A, allowed_A in zip(self.offsets_T, self.bias_TA, allowed_TA, strict=True):
            written_N1H, states = self.decoder(last_N1W, states)
            logits_N1A = self._attend(written_N1H, outputs_NTH) + bias_A
            tokens.append(logits_N1A.masked_fill(~allowed_A, -torch.inf).argmax(dim=2))
            last_N1W = self.embedding(tokens[-1] + offset)
        return torch.cat(tokens, dim=1)

    def climb(self, outputs_NTH: Tensor, length: float) -> Tensor:
        """Return embeddings one step up the gradient of the predicted value.

        Each output takes a step of the same length, whatever the norm of the gradient: that
        vanishes where the predictor is sure.

        Args:
            outputs_NTH: where to start; outputs have the norm 1, before and after.
            length: of the step.
        """
        outputs_NTH = outputs_NTH.detach().requires_grad_()
        (slope_NTH,) = torch.autograd.grad(self.predict(outputs_NTH).sum(), outputs_NTH)
        return normalize(outputs_NTH.detach() + length * normalize(slope_NTH, dim=2), dim=2)

    def fit(
        self,
        known: Spellings,
        values_N: Tensor,
        others: Spellings,
        steps: int,
        generator: np.random.Generator,
    ) -> None:
        """Minimise the joint loss with Adam.

        Args:
            known: evaluated codes.
            values_N: what they are worth, float32 in [0, 1].
            others: teach how codes are read and written alone.
            steps: of the optimizer.
            generator: draws the batches.
        """
        optimizer = torch.optim.Adam(self.parameters(), lr=RATE, weight_decay=DECAY, fused=True)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            rows_B, *of_known = known.draw(generator)
            _, *of_others = others.draw(generator)
            read, written = (torch.cat(pair) for pair in zip(of_known, of_others, strict=True))
            optimizer.zero_grad()
            backward(self._loss(read, written, values_N[rows_B]))
            nn.utils.clip_grad_norm_(self.parameters(), CLIP)
            optimizer.step()
            decay.step()

    def _loss(self, read_NT: Tensor, written_NT: Tensor, values_V: Tensor) -> Tensor:
        """Return the joint loss; the first V of the N codes have values."""
        outputs_NTH = self.encode(read_NT)
        error = mse_loss(self.predict(outputs_NTH[: len(values_V)]), values_V)
        logits_NTA = self.logits(outputs_NTH, written_NT)
        wrong = cross_entropy(logits_NTA.flatten(0, 1), written_NT.flatten())
        return TRADE_OFF * error + (1 - TRADE_OFF) * wrong

    def _embed(self, tokens_NT: Tensor) -> Tensor:
        embedded: Tensor = self.embedding(tokens_NT + self.offsets_T[: tokens_NT.shape[1]])
        return embedded

    def _begin(self, outputs_NTH: Tensor) -> Tensor:
        return self.start.expand(len(outputs_NTH), 1, WIDTH)

    def _attend(self, written_NTH: Tensor, outputs_NTH: Tensor) -> Tensor:
        """Return what the decoder says after bilinear attention to the encoder's outputs."""
        weights_NTT = (self.attention(written_NTH) @ outputs_NTH.mT).softmax(dim=2)
        found_NTX = torch.cat([weights_NTT @ outputs_NTH, written_NTH], dim=2)
        said: Tensor = self.head(self.mixture(found_NTX).tanh())
        return said


def center(outputs_NTH: Tensor) -> Tensor:
    """Return the normalised mean of outputs, shape `(N, H)`."""
    return normalize(outputs_NTH.mean(dim=1), dim=1)

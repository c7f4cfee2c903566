"""The controller of a search by reinforcement learning (paper 3.1.2, Figure 6), as pure functions.

An LSTM writes a code as a string of tokens, one a gene: the token before goes in, the distribution
of the next one comes out (Zoph and Le, ICLR 2017). The string is of variable length: in a fusion
space the depth is written first, and the genes of levels that do not count are not written. The
priors of genes enter the logits as log-probabilities, so that a new controller draws from them.

N codes, G genes, T tokens of a string, A alleles of the gene that has most, K kinds of genes.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from brainray.search.interface import Genome, Space, above, at_least, one_of
from brainray.search.stages import Stages
from brainray.seeding import torch_random
from brainray.shapes import FloatArray


class Writer(nn.Module):
    """Writes some genes of a space in a fixed order.

    Genes with the same alleles are of one kind: they share the embeddings of their tokens and the
    weights of their head, and have a bias each. Heads begin at zero.

    Args:
        space: of the codes.
        order: the positions of the genes that it writes, in the order of writing.
        width: of embeddings and of the LSTM's state.
        temperature: by which logits are divided.
        tanh_constant: logits are held within plus and minus this by `tanh`; 0 leaves them free
            (both: Bello et al., ICLR 2017 workshop, eq. 15 and 16).
    """

    kinds_T: Tensor
    prior_TA: Tensor

    def __init__(
        self,
        space: Space,
        order: Sequence[int],
        width: int,
        temperature: float,
        tanh_constant: float,
    ) -> None:
        super().__init__()
        genes = [space.genes[position] for position in order]
        kinds = list(dict.fromkeys(gene.alleles for gene in genes))
        most = max(map(len, kinds))
        self.order = tuple(order)
        self.kinds_T = torch.tensor([kinds.index(gene.alleles) for gene in genes])
        self._temperature = temperature
        self._tanh_constant = tanh_constant
        self.prior_TA = torch.full((len(genes), most), -torch.inf)
        for row, gene in zip(self.prior_TA, genes, strict=True):
            weights = torch.tensor(gene.prior or (1.0,) * len(gene.alleles), dtype=torch.float64)
            row[: len(weights)] = (weights / weights.sum()).log()
        self._most = most
        self.embedding = nn.Embedding(1 + len(kinds) * most, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.weights_KAW = nn.Parameter(torch.zeros(len(kinds), most, width))
        self.biases_TA = nn.Parameter(torch.zeros(len(genes), most))

    def reset(self) -> None:
        """Give the weights new initial values."""
        self.embedding.reset_parameters()
        self.lstm.reset_parameters()
        nn.init.zeros_(self.weights_KAW)
        nn.init.zeros_(self.biases_TA)

    def logits(self, hidden_NTW: Tensor, first: int = 0) -> Tensor:
        """Return the logits of the tokens from number ``first`` on, shape `(N, T, A)`."""
        here = slice(first, first + hidden_NTW.shape[1])
        weights_TAW = self.weights_KAW[self.kinds_T[here]]
        logits_NTA = torch.einsum("ntw,taw->nta", hidden_NTW, weights_TAW) + self.biases_TA[here]
        logits_NTA = logits_NTA / self._temperature
        if self._tanh_constant:
            logits_NTA = self._tanh_constant * logits_NTA.tanh()
        return logits_NTA + self.prior_TA[here]

    def forward(self, tokens_NT: Tensor) -> Tensor:
        """Return the log-probabilities of all tokens given those before, `(N, T, A)`."""
        begun_NT = nn.functional.pad(self._embedded(tokens_NT[:, :-1]), (1, 0))
        hidden_NTW, _ = self.lstm(self.embedding(begun_NT))
        return self.logits(hidden_NTW).log_softmax(dim=2)

    def draw(self, count: int, generator: torch.Generator, heat: float) -> Tensor:
        """Return drawn strings of full length, shape `(N, T)`; logits are divided by ``heat``."""
        said_N1 = torch.zeros((count, 1), dtype=torch.long)
        drawn, state = [], None
        for number in range(len(self.order)):
            hidden_N1W, state = self.lstm(self.embedding(said_N1), state)
            logits_NA = self.logits(hidden_N1W, number)[:, 0] / heat
            drawn.append(torch.multinomial(logits_NA.softmax(dim=1), 1, generator=generator))
            said_N1 = self._embedded(drawn[-1], number)
        return torch.cat(drawn, dim=1)

    def _embedded(self, tokens_NT: Tensor, first: int = 0) -> Tensor:
        """Return the numbers of the tokens' embeddings; 0 is the beginning of a string."""
        kinds_T = self.kinds_T[first : first + tokens_NT.shape[1]]
        return 1 + kinds_T * self._most + tokens_NT


class Controller:
    """One writer, or one an input, behind pure functions of a flat vector of parameters.

    Writers do not read each other; the log-probability of a code is the sum of theirs. With one
    reward for all, each climbs the gradient of its own (the paper's joint multimodal form).

    Args:
        space: of the codes.
        controllers: ``one`` writes all genes; with ``input`` each gene group has a writer, or in
            a fusion space each input, which also writes the taps that it brings to the levels;
            what belongs to no input has one, too.
        width, temperature, tanh_constant: of each writer.

    Raises:
        SearchError: an argument is not allowed.
    """

    def __init__(
        self,
        space: Space,
        controllers: Literal["one", "input"] = "one",
        width: int = 32,
        temperature: float = 1.0,
        tanh_constant: float = 0.0,
    ) -> None:
        one_of("reinforcement: controllers", controllers, "one", "input")
        at_least("reinforcement: width", width, 1)
        above("reinforcement: temperature", temperature, 0)
        at_least("reinforcement: tanh_constant", tanh_constant, 0)
        stages = Stages.of(space)
        self._depth = stages.depth
        self._stages_G = torch.zeros(len(space.genes), dtype=torch.long)
        for number, genes in enumerate(stages.genes if stages.depth is not None else ()):
            self._stages_G[list(genes)] = number
        strings: dict[str, list[int]] = {}
        for position in stages.written:
            name = "" if controllers == "one" else stages.owner(position)
            strings.setdefault(name, []).append(position)
        self._writers = [
            Writer(space, order, width, temperature, tanh_constant) for order in strings.values()
        ]
        self._weights = [one for writer in self._writers for one in writer.parameters()]

    def initial(self, seed: int) -> FloatArray:
        """Return new parameters, float32 of shape `(P,)`; by these, codes follow their priors."""
        with torch_random(seed, "controller"):
            for writer in self._writers:
                writer.reset()
        return parameters_to_vector(self._weights).detach().numpy().copy()

    @torch.no_grad()
    def sample(
        self, parameters: FloatArray, count: int, generator: torch.Generator, heat: float = 1.0
    ) -> list[Genome]:
        """Draw codes; genes that are not written are 0."""
        self._load(parameters)
        genomes_NG = torch.zeros((count, len(self._stages_G)), dtype=torch.long)
        for writer in self._writers:
            genomes_NG[:, list(writer.order)] = writer.draw(count, generator, heat)
        genomes_NG *= self.written(genomes_NG)
        return [tuple(genome) for genome in genomes_NG.tolist()]

    def written(self, genomes_NG: Tensor) -> Tensor:
        """Return which genes of codes are written, bool of shape `(N, G)`."""
        if self._depth is None:
            return torch.ones_like(genomes_NG, dtype=torch.bool)
        return self._stages_G <= genomes_NG[:, self._depth, None]

    @torch.no_grad()
    def log_prob(self, parameters: FloatArray, genomes: Sequence[Genome]) -> FloatArray:
        """Return the log-probability of each code, shape `(N,)`."""
        self._load(parameters)
        return self._read(genomes)[0].numpy()

    def gradient(
        self,
        parameters: FloatArray,
        genomes: Sequence[Genome],
        advantages_N: FloatArray,
        entropy: float,
    ) -> FloatArray:
        """Return the gradient of `mean(advantage * log p + entropy * H)`, shape `(P,)`.

        REINFORCE (Williams 1992, eq. 11) when an advantage is reward minus baseline and the codes
        were drawn with ``parameters``. H is the sum of the entropies of the tokens' distributions
        along each string (Mnih et al., ICML 2016).

        Args:
            parameters: of the controller.
            genomes: N codes, at least one.
            advantages_N: of the codes.
            entropy: weight of the entropy.
        """
        self._load(parameters)
        logs_N, entropies_N = self._read(genomes)
        objective = (torch.tensor(advantages_N) * logs_N + entropy * entropies_N).mean()
        gradients = torch.autograd.grad(objective, self._weights)
        return parameters_to_vector(gradients).numpy()

    def _load(self, parameters: FloatArray) -> None:
        vector_to_parameters(torch.tensor(parameters), self._weights)

    def _read(self, genomes: Sequence[Genome]) -> tuple[Tensor, Tensor]:
        """Return the log-probability and the entropy of each code.

        An allele that its gene's prior rules out was put there by the space's repair. It was
        not the controller's choice, and does not count.
        """
        genomes_NG = torch.tensor(genomes)
        written_NG = self.written(genomes_NG)
        logs_N, entropies_N = torch.zeros(2, len(genomes))
        for writer in self._writers:
            order = list(writer.order)
            tokens_NT, written_NT = genomes_NG[:, order], written_NG[:, order]
            logs_NTA = writer(tokens_NT)
            chosen_NT = logs_NTA.gather(2, tokens_NT[..., None])[..., 0]
            chosen_NT = chosen_NT.where(written_NT & chosen_NT.isfinite(), 0.0)
            finite_NTA = logs_NTA.where(logs_NTA.isfinite(), 0.0)
            entropies_NT = -(logs_NTA.exp() * finite_NTA).sum(dim=2)
            logs_N = logs_N + chosen_NT.sum(dim=1)
            entropies_N = entropies_N + (entropies_NT * written_NT).sum(dim=1)
        return logs_N, entropies_N

"""Fusion as a search problem: candidates on feature banks, finalists to the end, a test once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from brainray import plugins
from brainray.catalog.weights import Store
from brainray.errors import SearchError
from brainray.fusion.bank import FeatureBank, load_bank
from brainray.fusion.evidence import log_prior
from brainray.fusion.features import Features, Statistics, modality_dropout
from brainray.fusion.genome import FusionCode, Wiring
from brainray.fusion.network import FusionNetwork
from brainray.fusion.population import CandidateRecipe, Population
from brainray.search.interface import Brood, Genome, Solution, Space
from brainray.seeding import derive, torch_generator
from brainray.training.communicator import Alone
from brainray.training.interface import Communicator
from brainray.training.loop import Recipe, fit, one_thread
from brainray.training.metrics import accuracy


@dataclass(frozen=True)
class FusionProblem:
    """Which pretrained networks to fuse, and how, for one scenario.

    Attributes:
        code: what a genome means.
        store: that holds the banks.
        banks: the key of each bank by model and split.
        targets: the class indices of each split, int64 `(N,)`.
        classes: number of classes.
        candidate: how candidates are trained.
        finalist: how finalists are trained.
        finalist_hidden: width of their levels.
        strategy: how their workers synchronise.
        seed: of the run.
        communicator: of this worker.
    """

    code: FusionCode
    store: Store
    banks: Mapping[str, Mapping[str, str]]
    targets: Mapping[str, Tensor]
    classes: int
    candidate: CandidateRecipe
    finalist: Recipe
    finalist_hidden: int
    strategy: str
    seed: int
    communicator: Communicator = field(default_factory=Alone)

    @property
    def space(self) -> Space:
        """The codes of the fusion networks."""
        return self.code.space

    def evaluate(self, brood: Brood) -> list[float]:
        """Train all candidates of a brood in one pass; return their validation accuracies."""
        with one_thread():
            wirings = [self.code.decode(genome) for genome in brood.genomes]
            train, validation = self.features("train"), self.features("validation")
            population = Population(wirings, train, self.candidate, brood.seed)
            population.train(train)
            logits_PNC = population.logits(validation)
            return [
                accuracy(logits, validation.target_N) if logits.isfinite().all() else float("nan")
                for logits in logits_PNC
            ]

    def finish(self, genomes: Sequence[Genome]) -> Solution:
        """Train the best genomes longer and choose one on validation.

        Beside them the winner is trained again with only one of its inputs, for each input: what
        a better head on that input alone reaches, which fusion should beat.

        ``weights`` of the solution are named ``fused/...`` and ``reheaded/<input>/...``;
        ``details`` hold the validation accuracies of the finalists and of the re-headed networks.
        """
        with one_thread():
            networks = [self._train(genome, tuple(self.code.candidates)) for genome in genomes]
            values = [self._accuracy(network, "validation") for network in networks]
            if not max(values) >= 0.0:
                raise SearchError("every finalist diverged; try a smaller training.learning_rate")
            winner = max(range(len(values)), key=lambda number: (values[number], -number))
            reheaded = {
                name: self._train(genomes[winner], (name,)) for name in self.code.candidates
            }
            weights = _prefixed("fused", networks[winner])
            for name, network in reheaded.items():
                weights |= _prefixed(f"reheaded/{name}", network)
            return Solution(
                genome=genomes[winner],
                value=values[winner],
                weights=weights,
                details={
                    "finalists": [
                        {"genome": list(genome), "validation": value}
                        for genome, value in zip(genomes, values, strict=True)
                    ],
                    "reheaded": {
                        name: self._accuracy(network, "validation", (name,))
                        for name, network in reheaded.items()
                    },
                },
            )

    def test(self, solution: Solution) -> dict[str, Any]:
        """Return the test accuracies ``{"fused": a, "reheaded": {input: a}}`` of a solution."""
        with one_thread():
            reheaded = {
                name: self._accuracy(self.restore(solution, f"reheaded/{name}"), "test", (name,))
                for name in self.code.candidates
            }
            return {
                "fused": self._accuracy(self.restore(solution, "fused"), "test"),
                "reheaded": reheaded,
            }

    def unimodal(self, model: str, split: str) -> float:
        """Return the accuracy of a pretrained model alone, over all samples.

        Where its input is missing it can only name the most frequent class.
        """
        bank = load_bank(self.store, self.banks[model][split])
        prior = log_prior(self.targets["train"], self.classes).float()
        logits = torch.where(bank.present[:, None], bank.logits, prior)
        return accuracy(logits, self.targets[split])

    def restore(self, solution: Solution, prefix: str) -> FusionNetwork:
        """Return one of the trained networks of a solution: ``fused`` or ``reheaded/<input>``."""
        wiring = self.code.decode(solution.genome)
        state = {
            name.removeprefix(f"{prefix}/"): weight
            for name, weight in solution.weights.items()
            if name.startswith(f"{prefix}/")
        }
        return FusionNetwork.from_state(wiring, self.temperatures(wiring), state)

    def temperatures(self, wiring: Wiring) -> dict[str, float]:
        """Return the calibration temperature of each input's model."""
        return {name: self._statistics.temperatures[model] for name, model in wiring.models.items()}

    def features(self, split: str) -> Features:
        """Return one split, ready for fusion networks."""
        return Features.make(self._load(split), self.targets[split], self._statistics)

    def measure(self) -> None:
        """Measure scales and temperatures now; copies of this problem then have them."""
        _ = self._statistics

    @cached_property
    def _statistics(self) -> Statistics:
        return Statistics.measure(
            self._load("train"),
            self._load("validation"),
            self.targets["train"],
            self.targets["validation"],
            self.classes,
        )

    def _load(self, split: str) -> dict[str, FeatureBank]:
        return {model: load_bank(self.store, keys[split]) for model, keys in self.banks.items()}

    def _network(self, genome: Genome) -> FusionNetwork:
        """Return the untrained network of a genome."""
        wiring = self.code.decode(genome)
        statistics = self._statistics
        return FusionNetwork(
            wiring,
            {
                (name, tap): statistics.scales[wiring.models[name], tap]
                for level in wiring.levels
                for name, tap in level.taps.items()
            },
            self.temperatures(wiring),
            statistics.prior_C,
            self.finalist_hidden,
            torch_generator(self.seed, "finalist", *genome),
        )

    def _train(self, genome: Genome, inputs: tuple[str, ...]) -> FusionNetwork:
        """Train the network of a genome, with only the given inputs.

        It is trained in double precision: rounding then stays far below what could change an
        answer, so that the number of workers does not change the result.
        """
        network = self._network(genome).double()
        loss = FinalistLoss(
            network,
            self.features("train"),
            inputs,
            self.candidate.modality_dropout if len(inputs) > 1 else 0.0,
            derive(self.seed, "finalist", *genome),
        )
        fit(
            network,
            loss,
            rows=len(self.targets["train"]),
            recipe=self.finalist,
            seed=loss.seed,
            strategy=plugins.load("strategies", self.strategy)(),
            communicator=self.communicator,
        )
        return network.float().eval()

    def _accuracy(
        self, network: FusionNetwork, split: str, inputs: tuple[str, ...] | None = None
    ) -> float:
        """Return a network's accuracy on a split, with all or only the given inputs."""
        features = self.features(split)
        given = tuple(self.code.candidates) if inputs is None else inputs
        with torch.inference_mode():
            levels, evidences = only(features, network.wiring, given, slice(None))
            logits = network.fuse(levels, evidences)
            return accuracy(logits, features.target_N) if logits.isfinite().all() else -math.inf


def only(
    features: Features, wiring: Wiring, inputs: tuple[str, ...], rows: Tensor | slice
) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
    """Return the levels' taps and the evidence of some rows, other inputs than these as zeros."""
    levels = [
        {name: tap if name in inputs else torch.zeros_like(tap) for name, tap in level.items()}
        for level in features.levels(wiring, rows)
    ]
    evidences = {
        name: value if name in inputs else torch.zeros_like(value)
        for name, value in features.evidence_of(wiring, rows).items()
    }
    return levels, evidences


@dataclass
class FinalistLoss:
    """The cross-entropy of a fusion network, with modality dropout.

    Attributes:
        network: in double precision.
        features: of the training split.
        inputs: that the network may see.
        dropout: probability that a row loses one of its inputs.
        seed: of the dropout.
    """

    network: FusionNetwork
    features: Features
    inputs: tuple[str, ...]
    dropout: float
    seed: int
    _epoch: int = -1
    _keep: Tensor = field(default_factory=lambda: torch.empty(0))

    def __call__(self, rows: Tensor, epoch: int) -> Tensor:
        """Return the mean loss of the given rows."""
        if epoch != self._epoch:
            count, width = len(self.features.target_N), len(self.network.wiring.models)
            generator = torch_generator(self.seed, "dropout", epoch)
            self._keep = modality_dropout(count, width, self.dropout, generator).double()
            self._epoch = epoch
        wiring = self.network.wiring
        keep = {name: self._keep[rows, i, None] for i, name in enumerate(wiring.models)}
        levels, evidences = only(self.features, wiring, self.inputs, rows)
        logits = self.network.fuse(
            [{name: tap.double() * keep[name] for name, tap in level.items()} for level in levels],
            {name: value.double() * keep[name] for name, value in evidences.items()},
        )
        return functional.cross_entropy(logits, self.features.target_N[rows])


def _prefixed(prefix: str, network: FusionNetwork) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": weight for name, weight in network.state_dict().items()}

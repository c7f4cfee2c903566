"""Joint fine-tuning: the winner is trained on together with its pretrained networks.

Fusion itself works on what frozen networks say, kept in banks. Here the winner's networks run
again on their inputs, and the gradient goes through all of them; that costs about as much as
pretraining them did. Scales and temperatures stay as they were measured.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from brainray import plugins
from brainray.catalog.weights import load_weights
from brainray.fusion.bank import FeatureBank, build_bank
from brainray.fusion.features import Features, Spoiling, Statistics
from brainray.fusion.genome import Wiring
from brainray.fusion.network import FusionNetwork
from brainray.fusion.problem import FusionProblem
from brainray.networks.interface import NetworkSpec, TappedNetwork
from brainray.networks.zoo.taps import batch_norms
from brainray.pipeline.columns import ColumnUnit, prepared
from brainray.pipeline.frozen import StoredGraph
from brainray.pipeline.models import load_network, quicken
from brainray.search.interface import Genome, Solution
from brainray.seeding import derive, one_thread, torch_generator
from brainray.shapes import Array
from brainray.training.exchange import Effort
from brainray.training.loop import Recipe, fit
from brainray.training.memory import keep_freed_memory

BACKBONES = "backbones"
"""Weights of a solution under this name are those of its fine-tuned networks, by input."""


@dataclass(frozen=True)
class Source:
    """A pretrained network and its inputs.

    Attributes:
        spec: the network.
        weights_key: where its weights lie in the store.
        columns: its prepared input by split.
        graph: of a frozen network, of which only the head is trained on.
    """

    spec: NetworkSpec
    weights_key: str
    columns: Mapping[str, ColumnUnit]
    graph: StoredGraph | None = None


@dataclass(frozen=True, kw_only=True)
class FineTuningProblem(FusionProblem):
    """A fusion problem whose winner is trained on together with its pretrained networks.

    The outcome is kept only if it is better on validation; both accuracies are in the details.
    It is computed in single precision: rounding may then differ with the number of workers.

    Attributes:
        sources: by model.
        fine_tuning: how it is trained.
    """

    sources: Mapping[str, Source]
    fine_tuning: Recipe

    def finish(self, genomes: Sequence[Genome]) -> Solution:
        """Train the finalists, choose one, and fine-tune it.

        ``weights`` of the solution have ``backbones/<input>/...`` if the outcome was kept;
        ``details["fine_tuning"]`` says so, with the accuracies and the seconds that it took.
        """
        solution = super().finish(genomes)
        start = time.monotonic()
        keep_freed_memory()
        name = f"fine_tuning-{derive(self.seed, 'finalist', *solution.genome):x}"
        with one_thread():
            whole = self._whole(solution)
            tuning = fit(
                whole,
                self._loss(whole),
                rows=len(self.targets["train"]),
                recipe=self.fine_tuning,
                seed=derive(self.seed, "fine_tuning"),
                strategy=plugins.build("strategies", self.strategy, self.strategy_options),
                communicator=self.communicator,
                checkpoint=self.checkpoint(name),
                watch=partial(self.watch, name),
            )
            effort = Effort(**solution.effort)
            effort.add(tuning)
            weights = dict(solution.weights) | whole.weights()
            tuned = Solution(solution.genome, solution.value, weights, solution.details)
            value = self.fused_accuracy(tuned, "validation")
        better = value > solution.value
        report = {
            "frozen": solution.value,
            "fine_tuned": value if math.isfinite(value) else None,  # it diverged
            "kept": better,
            "seconds": round(time.monotonic() - start, 3),
        }
        return Solution(
            solution.genome,
            max(value, solution.value),
            weights if better else solution.weights,
            {**solution.details, "fine_tuning": report},
            asdict(effort),
        )

    def trainings(self, finalists: int) -> int:
        """Return how many trainings `finish` does with so many genomes."""
        return super().trainings(finalists) + 1

    def fused_features(self, solution: Solution, split: str) -> Features:
        """Return one split as the fused network sees it: through fine-tuned networks, if kept."""
        if not any(name.startswith(f"{BACKBONES}/") for name in solution.weights):
            return self.features(split)
        wiring = self.code.decode(solution.genome)
        banks = {}
        for name, model in wiring.models.items():
            network = self._backbone(model, backbone_weights(solution.weights, name))
            inputs, mask = prepared(self.sources[model].columns[split])
            banks[model] = build_bank(quicken(network), inputs, mask)
        return Features.make(banks, self.targets[split], self.statistics)

    def _backbone(self, model: str, weights: Mapping[str, Tensor]) -> TappedNetwork:
        source = self.sources[model]
        graph = None if source.graph is None else source.graph.open(self.store)
        return load_network(source.spec, self.classes, weights, graph)

    def _whole(self, solution: Solution) -> "WholeNetwork":
        """Return the winner with copies of its pretrained networks, to be trained together."""
        fusion = self.restore(solution, "fused")
        backbones = {}
        for name, model in fusion.wiring.models.items():
            stored = load_weights(self.store, self.sources[model].weights_key)
            weights = {key: value.clone() for key, value in stored.items()}
            backbones[name] = quicken(self._backbone(model, weights))
        return WholeNetwork(fusion, backbones)

    def _loss(self, whole: "WholeNetwork") -> "FineTuningLoss":
        wiring = whole.fusion.wiring
        columns = {
            name: prepared(self.sources[model].columns["train"])
            for name, model in wiring.models.items()
        }
        return FineTuningLoss(
            whole,
            {name: inputs for name, (inputs, _) in columns.items()},
            {name: torch.from_numpy(mask) for name, (_, mask) in columns.items()},
            self.targets["train"],
            self.statistics,
            self.spoiling,
            derive(self.seed, "fine_tuning"),
        )


class WholeNetwork(nn.Module):
    """A fusion network and the networks below it."""

    def __init__(self, fusion: FusionNetwork, backbones: Mapping[str, TappedNetwork]) -> None:
        super().__init__()
        self.fusion = fusion
        # A list, for a ModuleDict refuses some names that an input may have, such as "type".
        self.parts = nn.ModuleList(backbones.values())
        self.backbones = dict(backbones)

    def train(self, mode: bool = True) -> "WholeNetwork":
        """Set the mode of training; batch norms keep the statistics that pretraining has learned.

        Each worker sees other rows of a batch and would end with other statistics.
        """
        super().train(mode)
        for norm in batch_norms(self.parts):
            norm.eval()
        return self

    def weights(self) -> dict[str, Tensor]:
        """Return the weights as a solution names them."""
        found = {f"fused/{name}": value for name, value in self.fusion.state_dict().items()}
        for name, backbone in self.backbones.items():
            for key, value in backbone.state_dict().items():
                found[f"{BACKBONES}/{name}/{key}"] = value.contiguous()
        return found


@dataclass
class FineTuningLoss:
    """The loss of a whole network on inputs some of which are spoiled.

    Attributes:
        whole: the network.
        inputs: prepared training samples of each input, `(N, ...)`.
        present: whether each sample has the input, bool `(N,)`.
        target_N: the classes.
        statistics: of the frozen networks' taps.
        spoiling: of the training rows.
        seed: of the spoiling.
    """

    whole: WholeNetwork
    inputs: Mapping[str, Array]
    present: Mapping[str, Tensor]
    target_N: Tensor
    statistics: Statistics
    spoiling: Spoiling
    seed: int
    _epoch: int = -1
    _drawn: tuple[Tensor, Tensor] | None = None

    def __call__(self, rows: Tensor, epoch: int) -> Tensor:
        """Return the mean loss of the given rows."""
        if epoch != self._epoch or self._drawn is None:
            generator = torch_generator(self.seed, "spoiling", epoch)
            self._drawn = self.spoiling.draw(len(self.target_N), len(self.inputs), generator)
            self._epoch = epoch
        keep, source = self._drawn
        wiring = self.whole.fusion.wiring
        banks = {}
        for number, (name, model) in enumerate(wiring.models.items()):
            taken, kept = source[rows, number], keep[rows, number].bool()
            banks[model] = self._taps(name, taken, self.present[name][taken] & kept)
        features = Features.make(banks, self.target_N[rows], self.statistics)
        every = dict.fromkeys(wiring.models, slice(None))
        return self.whole.fusion.loss(
            features.levels(wiring, every),
            features.evidence_of(wiring, every),
            self.target_N[rows],
            self.target_N[source[rows]],
        )

    def _taps(self, name: str, rows: Tensor, present: Tensor) -> FeatureBank:
        batch = torch.from_numpy(np.array(self.inputs[name][rows.numpy()]))
        return FeatureBank(self.whole.backbones[name].tap_features(batch), present)


def backbone_weights(weights: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the weights of one input's fine-tuned network; empty if there are none."""
    prefix = f"{BACKBONES}/{name}/"
    return {
        key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)
    }


def fused_weights(problem: FusionProblem, solution: Solution) -> dict[str, Tensor]:
    """Return what is stored of a solution: its fusion network and its fine-tuned networks."""
    wiring: Wiring = problem.code.decode(solution.genome)
    state = dict(problem.restore(solution, "fused").state_dict())
    for name in wiring.models:
        for key, value in backbone_weights(solution.weights, name).items():
            state[f"{BACKBONES}/{name}/{key}"] = value
    return state

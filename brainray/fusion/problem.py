"""Fusion as a search problem: candidates on feature banks, finalists to the end, a test once."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from typing import Any, Literal

import torch
from torch import Tensor

from brainray import plugins
from brainray.catalog.store import Store
from brainray.errors import SearchError
from brainray.fusion.bank import FeatureBank, load_bank
from brainray.fusion.evidence import answers_alone, log_prior
from brainray.fusion.features import Features, Spoiling, Statistics
from brainray.fusion.forms import build, restore
from brainray.fusion.genome import FusionCode, Wiring
from brainray.fusion.halving import train_brood
from brainray.fusion.keeping import BestEpoch
from brainray.fusion.network import FusionNetwork
from brainray.fusion.population import CandidateRecipe
from brainray.search.interface import Brood, Genome, Solution, Space
from brainray.seeding import derive, one_thread, torch_generator
from brainray.training.checkpoint import Beside, Checkpoint, Checkpoints
from brainray.training.communicator import Alone
from brainray.training.exchange import Effort
from brainray.training.interface import Communicator, Strategy
from brainray.training.loop import ALL_REDUCE, Recipe, fit
from brainray.training.metrics import accuracy, accuracy_of
from brainray.training.progress import Watch, WatchAll, none_watched, unwatched

MISSING, FOREIGN = 0.2, 0.25
"""How often a training row loses an input, or has one of another row."""

UNSPOILED = Spoiling(missing=0.0, foreign=0.0, anchor=0)


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
        keep: whether a finalist is what it is after its last epoch, or was after the one that is
            best on validation; not to be trained at all counts as one.
        strategy_options: of that strategy, beside its defaults.
        communicator: of this worker.
        checkpoints: of the trainings of `finish`, which go on from them; None if it keeps none.
        watch: told how the trainings of `finish` go on, by their checkpoints' names.
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
    keep: Literal["last", "best"] = "last"
    strategy_options: Mapping[str, Any] = field(default_factory=dict)
    communicator: Communicator = field(default_factory=Alone)
    checkpoints: Checkpoints | None = None
    watch: WatchAll = none_watched

    @property
    def space(self) -> Space:
        """The codes of the fusion networks."""
        return self.code.space

    def evaluate(self, brood: Brood) -> list[float]:
        """Train the candidates of a brood; return their validation accuracies, NaN if one diverged.

        Joint networks without feedback are trained together in one pass, the other forms one by
        one, which takes several times as long.
        """
        with one_thread():
            if self.code.representation != "joint" or self.code.feedback:
                return [self._value(genome, brood.seed) for genome in brood.genomes]
            return train_brood(
                [self.code.decode(genome) for genome in brood.genomes],
                self.features("train"),
                self.features("validation"),
                self.spoiling,
                self.candidate,
                brood.seed,
            )

    def _value(self, genome: Genome, seed: int) -> float:
        """Train one candidate by itself; return its validation accuracy, NaN if it diverged."""
        inputs, own_seed = tuple(self.code.candidates), derive(seed, *genome)
        network = self._network(genome, self.candidate.hidden, own_seed)
        self._fit(network, inputs, self.candidate.recipe, own_seed, ALL_REDUCE, Alone())
        value = self._accuracy(network.eval(), "validation")
        return float("nan") if value < 0 else value

    def finish(self, genomes: Sequence[Genome]) -> Solution:
        """Train the best genomes longer and choose one on validation.

        Beside them the winner is trained again with only one of its inputs, for each input: what
        a better head on that input alone reaches, which fusion should beat.

        ``weights`` of the solution are named ``fused/...`` and ``reheaded/<input>/...``;
        ``details`` hold the validation accuracies of the finalists and of the re-headed networks.
        """
        with one_thread():
            effort, inputs = Effort(), tuple(self.code.candidates)
            networks = [self._train(genome, inputs, effort) for genome in genomes]
            values = [self._accuracy(network, "validation") for network in networks]
            if not max(values) >= 0.0:
                raise SearchError("every finalist diverged; try a smaller training.learning_rate")
            winner = max(range(len(values)), key=lambda number: (values[number], -number))
            reheaded = {name: self._train(genomes[winner], (name,), effort) for name in inputs}
            weights = _prefixed("fused", networks[winner])
            for name, network in reheaded.items():
                weights |= _prefixed(f"reheaded/{name}", network)
            return Solution(
                genome=genomes[winner],
                value=values[winner],
                weights=weights,
                details={
                    "finalists": [
                        # None if it diverged.
                        {"genome": list(genome), "validation": value if value >= 0.0 else None}
                        for genome, value in zip(genomes, values, strict=True)
                    ],
                    "reheaded": {
                        # One that diverged is right nowhere; it is no reason to lose the run.
                        name: max(0.0, self._accuracy(network, "validation", (name,)))
                        for name, network in reheaded.items()
                    },
                },
                effort=asdict(effort),
            )

    def answers(self, solution: Solution) -> dict[str, Tensor]:
        """Return which class the networks of a solution name for every test row, int64 `(N,)`.

        ``fused`` is the fused network on all inputs and ``reheaded/<input>`` the re-headed one on
        its input. ``without/<input>`` and ``shuffled/<input>`` are the fused network where that
        input is missing, or is another row's.
        """
        with one_thread():
            features = self.features("test")
            fused_features = self.fused_features(solution, "test")
            inputs = tuple(self.code.candidates)
            fused = self.restore(solution, "fused")
            answers = {"fused": self._classes(fused, fused_features, inputs)}
            for name in inputs:
                network = self.restore(solution, f"reheaded/{name}")
                answers[f"reheaded/{name}"] = self._classes(network, features, (name,))
                others = tuple(other for other in inputs if other != name)
                answers[f"without/{name}"] = self._classes(fused, fused_features, others)
                model = fused.wiring.models[name]
                generator = torch_generator(self.seed, "shuffled", name)
                shuffled = fused_features.shuffled(model, generator)
                answers[f"shuffled/{name}"] = self._classes(fused, shuffled, inputs)
            return answers

    def unimodal_answers(self, model: str, split: str) -> Tensor:
        """Return which class a pretrained model alone names for every row, int64 `(N,)`."""
        bank = load_bank(self.store, self.banks[model][split])
        return answers_alone(bank, log_prior(self.targets["train"], self.classes))

    def unimodal(self, model: str, split: str) -> float:
        """Return the accuracy of `unimodal_answers`, in [0, 1]."""
        return accuracy_of(self.unimodal_answers(model, split), self.targets[split])

    def restore(self, solution: Solution, prefix: str) -> FusionNetwork:
        """Return one of the trained networks of a solution: ``fused`` or ``reheaded/<input>``."""
        wiring = self.code.decode(solution.genome)
        state = {
            name.removeprefix(f"{prefix}/"): weight
            for name, weight in solution.weights.items()
            if name.startswith(f"{prefix}/")
        }
        return restore(wiring, self.temperatures(wiring), state)

    def temperatures(self, wiring: Wiring) -> dict[str, float]:
        """Return the calibration temperature of each input's model."""
        return {name: self.statistics.temperatures[model] for name, model in wiring.models.items()}

    def features(self, split: str) -> Features:
        """Return one split, ready for fusion networks."""
        return Features.make(self._load(split), self.targets[split], self.statistics)

    @cached_property
    def spoiling(self) -> Spoiling:
        """How training spoils inputs; the anchor has the best model on validation."""
        best = [
            max(self.unimodal(candidate.model, "validation") for candidate in candidates)
            for candidates in self.code.candidates.values()
        ]
        return Spoiling(MISSING, FOREIGN, best.index(max(best)))

    def fused_features(self, solution: Solution, split: str) -> Features:
        """Return one split as the fused network of a solution sees it."""
        return self.features(split)

    def measure(self) -> None:
        """Measure scales and temperatures now; copies of this problem then have them."""
        _ = self.statistics, self.spoiling

    @cached_property
    def statistics(self) -> Statistics:
        """What is measured once on the training and validation splits."""
        return Statistics.measure(
            self._load("train"),
            self._load("validation"),
            self.targets["train"],
            self.targets["validation"],
            self.classes,
        )

    def _load(self, split: str) -> dict[str, FeatureBank]:
        return {model: load_bank(self.store, keys[split]) for model, keys in self.banks.items()}

    def _network(self, genome: Genome, hidden: int, seed: int) -> FusionNetwork:
        """Return the untrained network of a genome."""
        wiring = self.code.decode(genome)
        statistics = self.statistics
        return build(
            wiring,
            {
                (name, tap): statistics.scales[wiring.models[name], tap]
                for level in wiring.levels
                for name, tap in level.taps.items()
            },
            self.temperatures(wiring),
            statistics.prior_C,
            hidden,
            torch_generator(seed, "weights"),
        )

    def _train(self, genome: Genome, inputs: tuple[str, ...], effort: Effort) -> FusionNetwork:
        """Train the network of a genome to the end, with only the given inputs; add the effort.

        It is trained in double precision: rounding then stays far below what could change an
        answer, so that the number of workers does not change the result.
        """
        seed = derive(self.seed, "finalist", *genome)
        network = self._network(genome, self.finalist_hidden, seed).double()
        strategy = plugins.build("strategies", self.strategy, self.strategy_options)
        name = "-".join([f"{seed:x}", *(inputs if len(inputs) == 1 else ())])
        train = partial(
            self._fit,
            network,
            inputs,
            self.finalist,
            seed,
            strategy,
            self.communicator,
            watch=partial(self.watch, name),
        )
        if self.keep == "last":
            effort.add(train(checkpoint=self.checkpoint(name)))
            return network.float().eval()

        def on_validation(passed: FusionNetwork) -> float:
            return self._accuracy(copy.deepcopy(passed).float(), "validation", inputs)

        best = BestEpoch(network, on_validation)
        effort.add(train(on_epoch=best, checkpoint=self.checkpoint(name, best)))
        return best.network.float().eval()

    def _fit(
        self,
        network: FusionNetwork,
        inputs: tuple[str, ...],
        recipe: Recipe,
        seed: int,
        strategy: Strategy,
        communicator: Communicator,
        on_epoch: Callable[[int], None] = lambda epoch: None,
        checkpoint: Checkpoint | None = None,
        watch: Watch = unwatched,
    ) -> Effort:
        """Train a network in place, in its own precision; return what it cost."""
        spoiling = self.spoiling if len(inputs) > 1 else UNSPOILED
        loss = FusionLoss(network, self.features("train"), inputs, spoiling, seed)
        return fit(
            network,
            loss,
            rows=len(self.targets["train"]),
            recipe=recipe,
            seed=seed,
            strategy=strategy,
            communicator=communicator,
            on_epoch=on_epoch,
            checkpoint=checkpoint,
            watch=watch,
        )

    def trainings(self, finalists: int) -> int:
        """Return how many trainings `finish` does with so many genomes."""
        return finalists + len(self.code.candidates)

    def checkpoint(self, name: str, beside: Beside | None = None) -> Checkpoint | None:
        """Return the checkpoint of one of the trainings of `finish`; None if there are none."""
        return None if self.checkpoints is None else Checkpoint(self.checkpoints, name, beside)

    def fused_accuracy(self, solution: Solution, split: str) -> float:
        """Return the accuracy of a solution's fused network on a split, in [0, 1]; -inf if NaN."""
        features, inputs = self.fused_features(solution, split), tuple(self.code.candidates)
        logits = self._logits(self.restore(solution, "fused"), features, inputs)
        return accuracy(logits, features.target_N) if logits.isfinite().all() else -math.inf

    def _accuracy(
        self, network: FusionNetwork, split: str, inputs: tuple[str, ...] | None = None
    ) -> float:
        """Return a network's accuracy on a split, with all or only the given inputs."""
        features = self.features(split)
        given = tuple(self.code.candidates) if inputs is None else inputs
        logits = self._logits(network, features, given)
        return accuracy(logits, features.target_N) if logits.isfinite().all() else -math.inf

    def _classes(
        self, network: FusionNetwork, features: Features, inputs: tuple[str, ...]
    ) -> Tensor:
        return self._logits(network, features, inputs).argmax(dim=1)

    def _logits(
        self, network: FusionNetwork, features: Features, inputs: tuple[str, ...]
    ) -> Tensor:
        with torch.inference_mode():
            levels, evidences = only(features, network.wiring, inputs)
            return network.fuse(levels, evidences)


def only(
    features: Features, wiring: Wiring, inputs: tuple[str, ...]
) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
    """Return the levels' taps and the evidence of all rows, other inputs than these as zeros."""
    rows = dict.fromkeys(wiring.models, slice(None))
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
class FusionLoss:
    """The loss of a fusion network on inputs some of which are spoiled.

    Attributes:
        network: float32 or double precision.
        features: of the training split.
        inputs: that the network may see.
        spoiling: of the training rows.
        seed: of the spoiling.
    """

    network: FusionNetwork
    features: Features
    inputs: tuple[str, ...]
    spoiling: Spoiling
    seed: int
    _epoch: int = -1
    _keep: Tensor = field(default_factory=lambda: torch.empty(0))
    _source: Tensor = field(default_factory=lambda: torch.empty(0))

    def __call__(self, rows: Tensor, epoch: int) -> Tensor:
        """Return the mean loss of the given rows."""
        wiring, dtype = self.network.wiring, next(self.network.parameters()).dtype
        if epoch != self._epoch:
            generator = torch_generator(self.seed, "spoiling", epoch)
            count = len(self.features.target_N)
            self._keep, self._source = self.spoiling.draw(count, len(wiring.models), generator)
            self._epoch = epoch
        keep = {
            name: self._keep[rows, i, None].to(dtype) * (name in self.inputs)
            for i, name in enumerate(wiring.models)
        }
        source = {name: self._source[rows, i] for i, name in enumerate(wiring.models)}
        levels = self.features.levels(wiring, source)
        evidences = self.features.evidence_of(wiring, source)
        return self.network.loss(
            [{name: tap.to(dtype) * keep[name] for name, tap in level.items()} for level in levels],
            {name: value.to(dtype) * keep[name] for name, value in evidences.items()},
            self.features.target_N[rows],
            self.features.target_N[self._source[rows]],
        )


def _prefixed(prefix: str, network: FusionNetwork) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": weight for name, weight in network.state_dict().items()}

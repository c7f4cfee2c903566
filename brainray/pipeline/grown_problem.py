"""Growing as a search problem: candidates are trained for a moment, finalists to the end."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from brainray.errors import SearchError
from brainray.networks.grown import GROWN, architecture_of
from brainray.networks.interface import NetworkSpec, TappedNetwork, build_network
from brainray.pipeline.grown_code import GrownCode
from brainray.pipeline.units import PretrainUnit, accuracy_alone, train_alone
from brainray.search.interface import Brood, Genome, Solution, Space
from brainray.seeding import one_thread
from brainray.training.communicator import Alone
from brainray.training.exchange import Effort
from brainray.training.interface import Communicator
from brainray.training.loop import ALL_REDUCE
from brainray.training.memory import keep_freed_memory
from brainray.training.progress import Progress, Watch, WatchAll, none_watched, unwatched


@dataclass(frozen=True)
class GrownProblem:
    """Which convolutional network to grow for one input.

    Attributes:
        code: what a genome means.
        units: how a finalist is trained, a unit an optimizer: each of another network with the
            same preparation, whose place the grown one takes.
        epochs: of a candidate's training, by the first unit's optimizer; it is supervised.
        rows: training samples that a candidate is trained on at most; None is all.
        communicator: of this worker.
        watch: told by the first worker of finalists that began anew for their checkpoints were
            damaged, when all are trained.
    """

    code: GrownCode
    units: tuple[PretrainUnit, ...]
    epochs: int
    rows: int | None
    communicator: Communicator = field(default_factory=Alone)
    watch: WatchAll = none_watched

    @property
    def space(self) -> Space:
        """The codes of the networks."""
        return self.code.space

    def spec(self, genome: Genome) -> NetworkSpec:
        """Return the network of a legal code; its name depends on its layers and preparation."""
        return grown_spec(self.units[0], architecture_of(self.code.decode(genome)))

    def evaluate(self, brood: Brood) -> list[float]:
        """Train each candidate for a moment; return their validation accuracies, NaN if diverged.

        A candidate's value depends on its code and the run's seed, not on its brood.
        """
        keep_freed_memory()
        unit = self.units[0]
        recipe = replace(unit.recipe, epochs=self.epochs)
        brief = replace(unit, recipe=recipe, learning=None, checkpoints=None)
        with one_thread():
            return [
                self._trained(replace(brief, spec=self.spec(genome)), self.rows)[1]
                for genome in brood.genomes
            ]

    def finish(self, genomes: Sequence[Genome]) -> Solution:
        """Train the best genomes as their region's networks are, and choose one on validation.

        Each is trained by every optimizer. The workers share these trainings out: each training is
        done by one of them, so that the result does not depend on their number.

        ``weights`` of the solution are the winner's; ``details`` hold its optimizer and the
        validation accuracies of all finalists, None if one diverged.

        Raises:
            SearchError: every finalist diverged.
        """
        keep_freed_memory()
        trainings = [(genome, number) for genome in genomes for number in range(len(self.units))]
        own: dict[int, TappedNetwork] = {}
        values_N, anew_N = torch.zeros(2, len(trainings), dtype=torch.float64)
        with one_thread():
            for place in range(self.communicator.rank, len(trainings), self.communicator.size):
                genome, number = trainings[place]
                told: list[Progress] = []
                network, value = self._trained(self.unit(genome, number), watch=told.append)
                anew_N[place] = any(progress.anew for progress in told)
                own[place] = network
                values_N[place] = -1.0 if math.isnan(value) else value
        values_N, anew_N = self.communicator.merge(torch.stack([values_N, anew_N]), ALL_REDUCE)
        if self.communicator.rank == 0:
            for place in anew_N.nonzero().flatten().tolist():
                unit = self.unit(*trainings[place])
                name, epochs = f"{unit.spec.name}-{unit.recipe.optimizer}", unit.recipe.epochs
                self.watch(name, Progress(0, epochs, 1, Effort(), begins=True, anew=True))
        best = int(values_N.argmax())  # the first of equals
        if values_N[best] < 0:
            raise SearchError("every finalist diverged; try other pretraining.optimizers")
        genome, number = trainings[best]
        return Solution(
            genome=genome,
            value=float(values_N[best]),
            weights=self._shared(self.unit(genome, number), own.get(best)),
            details={
                "optimizer": self.units[number].recipe.optimizer,
                "finalists": [
                    {
                        "genome": list(finalist),
                        "optimizer": self.units[used].recipe.optimizer,
                        "validation": None if value < 0 else value,
                    }
                    for (finalist, used), value in zip(trainings, values_N.tolist(), strict=True)
                ],
            },
        )

    def unit(self, genome: Genome, number: int) -> PretrainUnit:
        """Return the full training of a genome by one of the optimizers."""
        return replace(self.units[number], spec=self.spec(genome))

    def winner(self, solution: Solution) -> PretrainUnit:
        """Return the training that made a solution."""
        optimizers = [unit.recipe.optimizer for unit in self.units]
        return self.unit(solution.genome, optimizers.index(solution.details["optimizer"]))

    def _trained(
        self, unit: PretrainUnit, most: int | None = None, watch: Watch = unwatched
    ) -> tuple[TappedNetwork, float]:
        """Return a trained network and its validation accuracy, NaN if it diverged."""
        network = train_alone(unit, most, watch=watch)
        if not all(parameter.isfinite().all() for parameter in network.parameters()):
            return network, math.nan
        return network, accuracy_alone(network, unit.columns["validation"])

    def _shared(self, unit: PretrainUnit, network: TappedNetwork | None) -> dict[str, Tensor]:
        """Give every worker the weights of the winner, which one of them has trained."""
        with torch.device("meta"):
            shapes = {
                name: weight.shape
                for name, weight in build_network(unit.spec, unit.classes).state_dict().items()
            }
        sizes = [shape.numel() for shape in shapes.values()]
        flat = torch.zeros(sum(sizes))
        if network is not None:
            state = network.state_dict()
            flat = torch.cat([state[name].reshape(-1) for name in shapes])
        parts = torch.split(self.communicator.merge(flat, ALL_REDUCE), sizes)
        return {
            name: part.view(shape).clone()
            for (name, shape), part in zip(shapes.items(), parts, strict=True)
        }


def grown_spec(unit: PretrainUnit, architecture: str) -> NetworkSpec:
    """Return a grown network that takes the place of a unit's network."""
    identity: Any = [architecture, unit.spec.preparation]
    sha256 = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return NetworkSpec(
        name=f"{GROWN}-{sha256[:8]}.{unit.spec.modality}",
        architecture=architecture,
        category="Grown",
        modality=unit.spec.modality,
        preparation=unit.spec.preparation,
        sub_regions=(unit.sub_region,),
        functions=("classification",),
    )

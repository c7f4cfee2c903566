"""A toy problem that takes no time, for tests of searchers, schedules and runners."""

import contextlib
import math
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from brainray import plugins
from brainray.search.interface import Brood, Gene, Genome, Solution, Space
from brainray.seeding import derive
from brainray.training.checkpoint import Checkpoint, Checkpoints
from brainray.training.communicator import Alone
from brainray.training.interface import Communicator
from brainray.training.loop import Recipe, fit
from brainray.training.progress import WatchAll, none_watched
from brainray.training.strategies.all_reduce import AllReduce


def integer_space(genes: int = 8, alleles: int = 4, group_size: int = 2) -> Space:
    """Return a space of equal genes, in groups of ``group_size`` neighbours.

    Args:
        genes: number of genes, named ``gene0``, ``gene1``, …
        alleles: of each gene.
        group_size: genes of a group; the last one may be smaller.
    """
    return Space(
        tuple(
            Gene(
                f"gene{number}",
                tuple(str(allele) for allele in range(alleles)),
                group=f"group{number // group_size}",
            )
            for number in range(genes)
        )
    )


@dataclass(frozen=True)
class OneMax:
    """Maximise the fraction of genes that are at their last allele, in [0, 1].

    The OneMax problem (Ackley 1987) on integers. A value depends on the genome alone.

    Attributes:
        space: what is searched.
        failing: the fraction of genomes, in [0, 1], whose evaluation fails (NaN); which ones
            these are depends on the genome alone.
        seconds_per_brood: how long an evaluation sleeps, for tests of workers that are slow.
        communicator: of this worker.
    """

    space: Space = field(default_factory=integer_space)
    failing: float = 0.0
    seconds_per_brood: float = 0.0
    communicator: Communicator = field(default_factory=Alone)

    def evaluate(self, brood: Brood) -> list[float]:
        """Return the value of each genome."""
        time.sleep(self.seconds_per_brood)
        return [self.value(genome) for genome in brood.genomes]

    def value(self, genome: Genome) -> float:
        """Return the value of one genome, NaN if it fails."""
        if derive(0, "fails", *genome) < self.failing * 2**63:
            return math.nan
        pairs = zip(self.space.genes, genome, strict=True)
        return sum(allele == len(gene.alleles) - 1 for gene, allele in pairs) / len(genome)

    def finish(self, genomes: Sequence[Genome]) -> Solution:
        """Evaluate the genomes, shared out among the workers, and return the best one.

        ``weights`` hold its genes; ``details`` the value of each genome and the number of workers.
        """
        strategy, member = AllReduce(), self.communicator
        values = torch.zeros(len(genomes), dtype=torch.float64)
        for row in strategy.share(torch.arange(len(genomes)), member.rank, member.size).tolist():
            values[row] = self.value(genomes[row])
        values = member.merge(values, strategy)
        winner = int(values.argmax())
        return Solution(
            genome=genomes[winner],
            value=float(values[winner]),
            weights={"genes": torch.tensor(genomes[winner])},
            details={"values": values.tolist(), "workers": member.size},
        )


@dataclass(frozen=True)
class SlowTraining(OneMax):
    """OneMax whose finish is a training that takes time until a file is there.

    Attributes:
        checkpoints: of the training.
        watch: told of the training.
        gate: the file; a step sleeps while it is not there.
        epochs: of the training, of two steps.
        strategy: by which workers synchronise.
        options: of the strategy.
        victim: the worker that kills its process once, in the third epoch.
    """

    checkpoints: Checkpoints | None = None
    watch: WatchAll = none_watched
    gate: Path = Path("gate")
    epochs: int = 1000
    strategy: str = "all_reduce"
    options: dict[str, Any] = field(default_factory=dict)
    victim: int | None = None

    def finish(self, genomes: Sequence[Genome]) -> Solution:
        """Train a small network; ``weights`` hold its parameters."""
        generator = torch.Generator().manual_seed(0)
        inputs_BD = torch.randn(16, 4, generator=generator, dtype=torch.float64)
        target_B = (inputs_BD[:, 0] > 0).long()
        network = nn.Linear(4, 2).double()
        with torch.no_grad():
            network.weight.copy_(torch.randn(2, 4, generator=generator))
            network.bias.zero_()

        def loss(rows: torch.Tensor, epoch: int) -> torch.Tensor:
            if not self.gate.exists():
                time.sleep(0.1)
            if epoch >= 2 and self.communicator.rank == self.victim:
                with contextlib.suppress(FileExistsError):
                    self.gate.with_suffix(".killed").touch(exist_ok=False)
                    os.kill(os.getpid(), signal.SIGKILL)
            return functional.cross_entropy(network(inputs_BD[rows]), target_B[rows])

        fit(
            network,
            loss,
            rows=len(target_B),
            recipe=Recipe(self.epochs, 8, "adam", 0.01),
            seed=0,
            strategy=plugins.build("strategies", self.strategy, self.options),
            communicator=self.communicator,
            checkpoint=Checkpoint(self.checkpoints, "training") if self.checkpoints else None,
            watch=partial(self.watch, "training"),
        )
        weights = {name: value.clone() for name, value in network.state_dict().items()}
        return Solution(genomes[0], 0.0, weights, {"workers": self.communicator.size})


@dataclass(frozen=True)
class OnUnevenWorkers(OneMax):
    """OneMax whose evaluation takes as long as the worker's environment says, and is noted.

    ``WORKER`` is the worker's name and ``SECONDS_PER_BROOD`` how long it needs for a brood.

    Attributes:
        notes: a file; each evaluation adds a line of the worker's name and the brood's number.
    """

    notes: Path = Path("notes")

    def evaluate(self, brood: Brood) -> list[float]:
        """Note who evaluates the brood, take the worker's time, and return the values."""
        with self.notes.open("a") as notes:
            notes.write(f"{os.environ['WORKER']} {brood.index}\n")
        time.sleep(float(os.environ["SECONDS_PER_BROOD"]))
        return super().evaluate(brood)

"""Each candidate for TensorBoard, which also the Ray dashboard's users look at."""

import math
import os
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tensorboardX import SummaryWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import RecordWriter
from tensorboardX.summary import scalar

from brainray.search.interface import Brood, Genome, Space

DESCRIBED = 1000
"""Candidates of a run that TensorBoard lists with their genes: each takes a file."""


class CandidateLog:
    """Writes ``candidate/value`` and ``candidate/best``, a step a candidate, and its genes.

    The genes are the hyperparameters of TensorBoard's page of that name; ``value`` is what it
    compares them by. Each of its rows is a run to TensorBoard, so they lie in a folder of their
    own, ``<folder>_genes``, where they do not crowd the curves.

    What was added is on disk: a run that is killed and goes on does not add it again.

    Args:
        folder: of the event files of the curves.
        space: what the genes mean.
        before: values of the candidates that an interrupted execution has logged, NaN for failed.
    """

    def __init__(self, folder: Path, space: Space, before: Iterable[float] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # A SummaryWriter's thread writes when it likes to; its flush knows nothing of what waits.
        name = f"events.out.tfevents.{time.time():.0f}.{os.getpid()}"
        self._curves = RecordWriter(str(folder / name))
        self._write(file_version="brain.Event:2")
        self._genes = SummaryWriter(str(folder.with_name(f"{folder.name}_genes")))
        self._space = space
        self._count = 0
        self._best = -math.inf
        for value in before:
            self._next(value)

    def __enter__(self) -> Self:
        """Start to log."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what is left."""
        self._curves.close()
        self._genes.close()

    def add(self, brood: Brood, values: list[float]) -> None:
        """Log the candidates of a brood; failed ones (NaN) count but have no value."""
        for genome, value in zip(brood.genomes, values, strict=True):
            self._next(value)
            if math.isnan(value):
                continue
            self._point("candidate/value", value)
            self._point("candidate/best", self._best)
            if self._count <= DESCRIBED:
                self._genes.add_hparams(
                    self._described(genome),
                    {"value": value},
                    name=f"candidate-{self._count:04}",
                    global_step=self._count,
                )
        self._curves.flush()

    def _point(self, curve: str, value: float) -> None:
        self._write(step=self._count, summary=scalar(curve, value))

    def _write(self, **event: Any) -> None:
        self._curves.write(Event(wall_time=time.time(), **event).SerializeToString())

    def _next(self, value: float) -> None:
        self._count += 1
        if not math.isnan(value):
            self._best = max(self._best, value)

    def _described(self, genome: Genome) -> dict[str, str]:
        """Return the allele of each gene as text."""
        return {
            gene.name: gene.alleles[allele]
            for gene, allele in zip(self._space.genes, genome, strict=True)
        }

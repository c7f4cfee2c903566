"""Each candidate's value for TensorBoard, which also the Ray dashboard's users look at."""

import math
from pathlib import Path
from types import TracebackType
from typing import Self

from tensorboardX import SummaryWriter

from brainray.search.interface import Brood


class CandidateLog:
    """Writes ``candidate/value`` and ``candidate/best``, a step a candidate.

    Args:
        folder: of the event files.
    """

    def __init__(self, folder: Path) -> None:
        self._writer = SummaryWriter(str(folder))
        self._count = 0
        self._best = -math.inf

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
        self._writer.close()

    def add(self, brood: Brood, values: list[float]) -> None:
        """Log the candidates of a brood; failed ones (NaN) count but have no value."""
        for value in values:
            self._count += 1
            if not math.isnan(value):
                self._best = max(self._best, value)
                self._writer.add_scalar("candidate/value", value, self._count)
                self._writer.add_scalar("candidate/best", self._best, self._count)

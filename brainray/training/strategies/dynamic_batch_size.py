"""Dynamic batch size (DBS): faster workers get more of each batch (paper 3.3.2, reference 32).

Written from the rule, not from the code that its authors released. Otherwise than there, all
workers always do the same number of steps, whatever their shares, so that none waits for ever;
shares add up to the batch exactly; and no worker falls out with a share of 0.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from brainray import plugins
from brainray.errors import PluginError, TrainingError
from brainray.training.interface import Exchange, Pending, Replica, Start, Step, Strategy, Wait
from brainray.training.mergers import SUM
from brainray.training.options import number, one_of

Speeds = NDArray[np.float64]


class DynamicBatchSize(Strategy):
    """Shares in proportion to speed, for another rule that exchanges gradients by these shares.

    After each epoch workers tell each other how long a row has taken them. A moving average of
    that gives the next shares, unless they would gain next to nothing over the present ones.

    Args:
        rule: ``all_reduce`` or ``hpsgd``: the strategies that weight gradients by rows.
        options: of that strategy.
        smoothing: weight of an epoch's times in the moving average, above 0 and at most 1; the
            first epoch's count fully.
        gain: the share of a step's time that new shares have to save, 0 to 1. Less is noise, and
            workers that are equally fast keep equal shares.

    Raises:
        TrainingError: an option is not allowed.
    """

    def __init__(
        self,
        rule: str = "all_reduce",
        options: Mapping[str, Any] | None = None,
        smoothing: float = 0.7,
        gain: float = 0.03,
    ) -> None:
        one_of("rule", rule, "all_reduce", "hpsgd")
        if not isinstance(options, Mapping | None):
            raise TrainingError(f"options: must be a mapping, not {options!r}")
        try:
            self._rule: Strategy = plugins.build("strategies", rule, options or {})
        except (PluginError, TrainingError) as error:
            raise TrainingError(f"options.{error}") from error
        self.alike = self._rule.alike
        self._smoothing = number("smoothing", smoothing, 1e-3, 1.0)
        self._gain = number("gain", gain, 0.0, 1.0)
        self._clear()

    def _clear(self) -> None:
        self._seconds = 0.0
        self._rows = 0
        self._batch_rows = 0
        self._times: Pending | None = None
        self._row_seconds: Speeds | None = None
        self._weights: Speeds | None = None

    def share(self, rows: Tensor, rank: int, size: int) -> Tensor:
        """Return this worker's part of a batch."""
        if self._weights is None:
            return super().share(rows, rank, size)
        ends = apportion(len(rows), self._weights).cumsum()
        return rows[int(ends[rank - 1]) if rank > 0 else 0 : int(ends[rank])]

    def start(self, replica: Replica) -> Exchange:
        """Begin with equal shares."""
        self._clear()
        yield from self._rule.start(replica)

    def step(self, replica: Replica, step: Step) -> Exchange:
        """Step by the rule; exchange times at the end of an epoch, and change shares a step later.

        So nobody waits for the times.
        """
        yield from self._rule.step(replica, step)
        yield from self._reweigh()
        self._rows += step.rows
        self._seconds += step.seconds if step.rows > 0 else 0.0
        self._batch_rows = max(self._batch_rows, step.batch_rows)
        if step.ends_epoch:
            told = torch.zeros(replica.size, 2, dtype=torch.float64)
            told[replica.rank] = torch.tensor([self._seconds, self._rows])
            self._seconds, self._rows = 0.0, 0
            self._times = yield Start(told.reshape(-1), SUM)

    def pause(self, replica: Replica) -> Exchange:
        """Pause by the rule; shares stay."""
        yield from self._rule.pause(replica)

    def finish(self, replica: Replica) -> Exchange:
        """Finish by the rule."""
        yield from self._rule.finish(replica)
        yield from self._reweigh()

    def _reweigh(self) -> Exchange:
        if self._times is None:
            return
        merged: Tensor = yield Wait(self._times)
        self._times = None
        seconds, rows = merged.reshape(-1, 2).numpy().T
        if not (seconds > 0).all() or not (rows > 0).all():
            return  # a worker had nothing to compute in this epoch: its speed is not known
        self._row_seconds = blend(self._row_seconds, seconds / rows, self._smoothing)
        self._weights = reweigh(self._weights, self._row_seconds, self._batch_rows, self._gain)


def blend(before: Speeds | None, now: Speeds, smoothing: float) -> Speeds:
    """Return the moving average of what a row takes; the first one counts fully."""
    return now if before is None else (1 - smoothing) * before + smoothing * now


def reweigh(weights: Speeds | None, row_seconds: Speeds, batch_rows: int, gain: float) -> Speeds:
    """Return the weights by which rows are shared out next.

    Args:
        weights: the present ones; None is equal ones.
        row_seconds: what a row takes each worker.
        batch_rows: of a step.
        gain: see `DynamicBatchSize`.
    """
    present = np.ones_like(row_seconds) if weights is None else weights
    wanted = 1 / row_seconds
    # A step takes as long as its slowest worker.
    takes = float((apportion(batch_rows, present) * row_seconds).max())
    would_take = float((apportion(batch_rows, wanted) * row_seconds).max())
    return wanted if would_take < (1 - gain) * takes else present


def apportion(rows: int, weights: Speeds) -> NDArray[np.int64]:
    """Return whole numbers that add up to ``rows``, nearly in proportion to the weights.

    By largest remainders (Hamilton's method); of equal ones the first worker is served first.
    Nobody goes away empty-handed if there are at least as many rows as workers.

    Args:
        rows: to share out, at least 0.
        weights: of each worker, above 0.
    """
    size = len(weights)
    least = 1 if rows >= size else 0
    quota = rows * (weights / weights.sum())
    shares: NDArray[np.int64] = np.floor(quota).astype(np.int64)
    by_remainder = np.argsort(shares - quota, kind="stable")
    shares[by_remainder[: rows - int(shares.sum())]] += 1
    while (shares < least).any():  # the largest shares give
        shares[shares.argmax()] -= 1
        shares[shares.argmin()] += 1
    return shares

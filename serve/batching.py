"""Requests that come at the same time are answered together."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias
from weakref import WeakKeyDictionary

from torch import Tensor

from brainray.errors import RunError
from brainray.pipeline.predict import Answer, Predictor

Sample: TypeAlias = dict[str, Tensor]
Computed: TypeAlias = tuple[list[Answer], Exception | None]

PASSES = 16
"""How often the event loop goes round while requests that have begun catch up."""

SLOW_SECONDS = 0.02
"""A model that takes longer answers in a thread, so that it does not hold up the others."""


@dataclass
class _Queue:
    """What waits for one model.

    Attributes:
        busy: whether the thread has a batch of it.
        seconds: that the last batch took; a model is slow until it has shown that it is not.
    """

    waiting: list[tuple[Sample, asyncio.Future[Answer]]] = field(default_factory=list)
    busy: bool = False
    seconds: float = SLOW_SECONDS


class Batcher:
    """Answers samples in batches without waiting for any: a batch is what is there.

    Requests announce themselves by `coming` until they ask for an answer. A batch starts as soon
    as none is on its way, or after a few rounds of the event loop, so that a slow client delays
    nobody and a single request starts at once.

    Args:
        largest: samples of a batch; 1 answers each alone.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._queues: WeakKeyDictionary[Predictor, _Queue] = WeakKeyDictionary()
        self._ready: dict[Predictor, _Queue] = {}
        self._coming = 0
        self._scheduled = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predict")

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Announce a request for as long as it is being read and prepared."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1

    async def answer(self, predictor: Predictor, sample: Sample) -> Answer:
        """Answer one sample.

        Args:
            predictor: of the model.
            sample: as its `prepare` returned it.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        queue = self._queues.setdefault(predictor, _Queue())
        queue.waiting.append((sample, future))
        if not queue.busy:
            self._ready[predictor] = queue
            self._schedule()
        return await future

    def close(self) -> None:
        """End the thread; what waits is not answered."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            passes = PASSES if self._largest > 1 else 0
            asyncio.get_running_loop().call_soon(self._go_round, passes)

    def _go_round(self, passes: int) -> None:
        if self._coming and passes:
            asyncio.get_running_loop().call_soon(self._go_round, passes - 1)
            return
        self._scheduled = False
        ready, self._ready = self._ready, {}
        for predictor, queue in ready.items():
            self._start(predictor, queue)

    def _start(self, predictor: Predictor, queue: _Queue) -> None:
        """Answer all that waits for a model, or hand its next batch to the thread."""
        while queue.waiting:
            taken = queue.waiting[: self._largest]
            del queue.waiting[: self._largest]
            # Whoever has gone away needs no answer.
            batch = [(sample, future) for sample, future in taken if not future.done()]
            if not batch:
                continue
            samples = [sample for sample, _ in batch]
            if queue.seconds < SLOW_SECONDS:
                _resolve(batch, *_compute(predictor, samples, queue))
            else:
                queue.busy = True
                loop = asyncio.get_running_loop()
                work = loop.run_in_executor(self._thread, _compute, predictor, samples, queue)
                work.add_done_callback(partial(self._finish, predictor, queue, batch))
                return

    def _finish(
        self,
        predictor: Predictor,
        queue: _Queue,
        batch: list[tuple[Sample, asyncio.Future[Answer]]],
        done: asyncio.Future[Computed],
    ) -> None:
        """Hand out what the thread has computed, and go on with what came meanwhile."""
        queue.busy = False
        if done.cancelled():
            _resolve(batch, [], RunError("the service is being stopped"))
            return
        _resolve(batch, *done.result())
        if queue.waiting:
            self._ready[predictor] = queue
            self._schedule()


def _compute(predictor: Predictor, samples: list[Sample], queue: _Queue) -> Computed:
    """Answer samples; an error is theirs and must not end the batcher."""
    begun = time.perf_counter()
    try:
        answers = predictor.answer(samples)
    except Exception as error:
        return [], error
    queue.seconds = time.perf_counter() - begun
    return answers, None


def _resolve(
    batch: list[tuple[Sample, asyncio.Future[Answer]]],
    answers: list[Answer],
    error: Exception | None,
) -> None:
    for number, (_, future) in enumerate(batch):
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(answers[number])

"""Requests that come together are answered together, and each gets its own answer."""

import asyncio
import gc
import time
from typing import Any

import pytest
import torch

from brainray.pipeline.predict import Answer, Predictor
from serve.batching import SLOW_SECONDS, Batcher, Sample


class Echo(Predictor):
    """Answers with the number in the sample, and notes its batches."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.batches: list[int] = []
        self.seconds = seconds

    def answer(self, samples: Any) -> list[Answer]:
        self.batches.append(len(samples))
        time.sleep(self.seconds)
        if any(sample["x"].item() < 0 for sample in samples):
            raise ValueError("negative")
        return [Answer(str(int(sample["x"])), {}, ("x",), "echo") for sample in samples]


def sample(number: int) -> Sample:
    return {"x": torch.tensor(number)}


async def ask(batcher: Batcher, predictor: Predictor, number: int, rounds: int = 0) -> str:
    with batcher.coming():
        for _ in range(rounds):
            await asyncio.sleep(0)
    return (await batcher.answer(predictor, sample(number))).label


def test_what_comes_together_goes_together_and_each_gets_its_own() -> None:
    async def main() -> None:
        batcher, echo = Batcher(8), Echo()
        assert await ask(batcher, echo, 1) == "1"  # shows that it is quick
        asked = [ask(batcher, echo, n, rounds=n % 4) for n in range(20)]
        assert await asyncio.gather(*asked) == [str(n) for n in range(20)]
        assert echo.batches == [1, 8, 8, 4]
        batcher.close()

    asyncio.run(main())


def test_a_slow_client_delays_nobody() -> None:
    async def main() -> None:
        batcher, echo = Batcher(8), Echo()
        with batcher.coming():  # its body never arrives
            assert await asyncio.wait_for(ask(batcher, echo, 1), 5) == "1"
            assert await asyncio.wait_for(ask(batcher, echo, 2), 5) == "2"
        batcher.close()

    asyncio.run(main())


def test_a_slow_model_does_not_hold_up_the_others() -> None:
    async def main() -> None:
        batcher, slow, quick = Batcher(8), Echo(10 * SLOW_SECONDS), Echo()
        await ask(batcher, quick, 0)
        first = asyncio.create_task(ask(batcher, slow, 1))
        await asyncio.sleep(SLOW_SECONDS)
        later = [asyncio.create_task(ask(batcher, slow, n)) for n in (2, 3)]
        assert await ask(batcher, quick, 9) == "9"
        assert not first.done()
        assert await asyncio.gather(first, *later) == ["1", "2", "3"]
        assert slow.batches == [1, 2]
        batcher.close()

    asyncio.run(main())


def test_an_error_is_of_its_batch_alone() -> None:
    async def main() -> None:
        batcher, echo = Batcher(1), Echo()
        asked = [ask(batcher, echo, n) for n in (1, -1, 2)]
        first, wrong, second = await asyncio.gather(*asked, return_exceptions=True)
        assert (first, second) == ("1", "2")
        assert isinstance(wrong, ValueError)
        batcher.close()

    asyncio.run(main())


def test_who_has_gone_away_is_not_answered() -> None:
    async def main() -> None:
        batcher, echo = Batcher(8), Echo()
        await ask(batcher, echo, 0)
        gone = asyncio.create_task(ask(batcher, echo, 1))
        stays = asyncio.create_task(ask(batcher, echo, 2))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays == "2"
        with pytest.raises(asyncio.CancelledError):
            await gone
        batcher.close()

    asyncio.run(main())


def test_a_slow_model_stays_slow_when_its_only_client_has_gone() -> None:
    async def main() -> None:
        batcher, slow = Batcher(8), Echo(SLOW_SECONDS)
        gone = asyncio.create_task(ask(batcher, slow, 1))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        with pytest.raises(ValueError, match="negative"):
            await ask(batcher, slow, -1)
        assert 0 not in slow.batches
        assert batcher._queues[slow].seconds >= SLOW_SECONDS  # it answers in the thread
        batcher.close()

    asyncio.run(main())


def test_a_model_that_is_dropped_is_forgotten() -> None:
    async def main() -> None:
        batcher, echo = Batcher(8), Echo()
        await ask(batcher, echo, 0)
        assert len(batcher._queues) == 1
        del echo
        # The thread lets go of its work a moment after it has handed out the answer.
        for _ in range(500):
            gc.collect()
            if not batcher._queues:
                break
            await asyncio.sleep(0.01)
        assert len(batcher._queues) == 0
        batcher.close()

    asyncio.run(main())

import threading
from collections.abc import Iterator

import pytest

from brainray.tracking.ahead import ahead


def test_items_come_in_their_order_and_the_next_one_is_made_meanwhile() -> None:
    made = [threading.Event() for _ in range(4)]

    def items() -> Iterator[int | None]:
        for number, one in enumerate(made):
            one.set()
            yield None if number == 2 else number

    seen = []
    for number, item in enumerate(ahead(items())):
        if number + 1 < len(made):
            assert made[number + 1].wait(timeout=60)
        assert number + 2 >= len(made) or not made[number + 2].is_set()
        seen.append(item)
    assert seen == [0, 1, None, 3]
    assert list(ahead([])) == []


def test_an_error_comes_in_its_turn() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("frame 2")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="frame 2"):
        next(found)


def test_who_stops_early_stops_the_making() -> None:
    ended = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            ended.set()

    made = items()
    found = ahead(made)
    assert next(found) == 0
    found.close()
    made.close()
    assert ended.is_set()

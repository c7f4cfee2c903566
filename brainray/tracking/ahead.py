"""Making the next item while the last one is worked on."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
END = object()


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield items in their order; a thread makes the next one meanwhile.

    What making one raises is raised in its turn.
    """
    made = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        coming = thread.submit(next, made, END)
        while (item := coming.result()) is not END:
            coming = thread.submit(next, made, END)
            yield item  # type: ignore[misc]  # a sentinel has no type of its own

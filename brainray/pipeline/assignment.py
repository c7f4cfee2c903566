"""The units of one run that a region hands out to workers, one at a time."""

from collections.abc import Mapping
from typing import TypeAlias

from brainray.errors import BrainrayError
from brainray.pipeline.units import Pretrained, PretrainUnit

Outcome: TypeAlias = Pretrained | BrainrayError
"""Of a unit: what it made, or why it cannot be done."""


class Assignment:
    """Units that are waiting, held by a worker, or done.

    A worker is known by its number and holds one unit at most. It gets that unit again until it
    has finished it; so what a worker held when it died is what its successor begins with.
    """

    def __init__(self) -> None:
        self._undone: dict[int, PretrainUnit] = {}
        self._held: dict[int, int] = {}
        self._outcomes: dict[int, Outcome] = {}

    def add(self, units: Mapping[int, PretrainUnit]) -> dict[int, Outcome]:
        """Take charge of numbered units, to hand out in this order; return what is done."""
        for number, unit in units.items():
            if number not in self._outcomes:
                self._undone.setdefault(number, unit)
        return dict(self._outcomes)

    def next(self, worker: int) -> tuple[int, PretrainUnit] | None:
        """Return the unit that a worker holds or may begin with, None if there is none for it."""
        held = self._held.get(worker)
        if held in self._undone:
            return held, self._undone[held]
        taken = set(self._held.values())
        for number, unit in self._undone.items():
            if number not in taken:
                self._held[worker] = number
                return number, unit
        return None

    def finish(self, number: int, outcome: Outcome) -> None:
        """Take what a worker made of a unit."""
        self._undone.pop(number, None)
        self._outcomes[number] = outcome

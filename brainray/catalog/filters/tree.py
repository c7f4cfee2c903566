"""Filters as trees: ``In("region", "vision") & ~Contains("platform", "PyTorch 1")``.

``str`` of a tree is what `brainray.catalog.filters.parse` reads again; `to_json` and `from_json`
are the same for programs. The values are checked when a condition is made.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from brainray.catalog.filters.fields import Value, field_of, value_of, written
from brainray.catalog.filters.words import quoted, spelled
from brainray.errors import FilterError

MOST_VALUES = 1000
"""Of one `In`."""


class _Node:
    """What every part of a tree can do."""

    def __and__(self, other: "Filter") -> "And":
        return And((self, other))  # type: ignore[arg-type]

    def __or__(self, other: "Filter") -> "Or":
        return Or((self, other))  # type: ignore[arg-type]

    def __invert__(self) -> "Not":
        return Not(self)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Condition(_Node):
    """A condition on one field; ``at`` is where it stood in a text (from 1), if it did."""

    field: str
    at: int | None = dataclasses.field(default=None, compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", field_of(self.field).name)

    def _read(self, value: object) -> Value:
        return value_of(field_of(self.field), value)


@dataclass(frozen=True)
class In(_Condition):
    """One of the field's values is one of these; one value alone need not be in a tuple."""

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.values if isinstance(self.values, list | tuple) else (self.values,)
        if not 1 <= len(given) <= MOST_VALUES:
            raise FilterError(
                f"field {self.field!r}: {len(given)} values, allowed are 1 to {MOST_VALUES}"
            )
        object.__setattr__(self, "values", tuple(self._read(value) for value in given))

    def __str__(self) -> str:
        values = [spelled(written(value)) for value in self.values]
        if len(values) == 1:
            return f"{self.field} = {values[0]}"
        return f"{self.field} IN ({', '.join(values)})"


@dataclass(frozen=True)
class Range(_Condition):
    """The value is from ``low`` to ``high``, both included, either of which may be open.

    Attributes:
        above: ``low`` itself is left out; only without ``high``.
        below: ``high`` itself is left out; only without ``low``.
    """

    low: Value | None = None
    high: Value | None = None
    above: bool = False
    below: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if field_of(self.field).type == "text":
            raise FilterError(
                f"field {self.field!r}: is text and has no ranges, allowed are = and ~"
            )
        for end in ("low", "high"):
            if getattr(self, end) is not None:
                object.__setattr__(self, end, self._read(getattr(self, end)))
        if self.low is None and self.high is None:
            raise FilterError(f"field {self.field!r}: a range needs a low or a high end")
        if (self.above and (self.low is None or self.high is not None)) or (
            self.below and (self.high is None or self.low is not None)
        ):
            raise FilterError(
                f"field {self.field!r}: only a range with one end can leave that end out"
            )

    def __str__(self) -> str:
        low, high = (None if end is None else written(end) for end in (self.low, self.high))
        if low is not None and high is not None:
            return f"{self.field} {low}..{high}"
        if low is not None:
            return f"{self.field} {'>' if self.above else '>='} {low}"
        return f"{self.field} {'<' if self.below else '<='} {high}"


@dataclass(frozen=True)
class Contains(_Condition):
    """One of the field's values has this text in it; ASCII letters match in either case."""

    text: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if field_of(self.field).type != "text":
            raise FilterError(
                f"field {self.field!r}: is no text to search in, allowed are =, <, <=, >, >= and "
                "LOW..HIGH"
            )
        if not self._read(self.text):
            raise FilterError(f"field {self.field!r}: ~ needs a text that is not empty")

    def __str__(self) -> str:
        return f"{self.field} ~ {spelled(self.text)}"


@dataclass(frozen=True)
class Missing(_Condition):
    """The field has no value."""

    def __str__(self) -> str:
        return f"{self.field} IS MISSING"


@dataclass(frozen=True)
class Text(_Node):
    """Every word occurs in the id, name, network, category, data set or a function."""

    text: str

    def __post_init__(self) -> None:
        if not value_of(field_of("name"), self.text) or not self.words:
            raise FilterError("free text: needs a word")

    @property
    def words(self) -> tuple[str, ...]:
        """The words, as they were given."""
        return tuple(self.text.split())

    def __str__(self) -> str:
        return quoted(self.text)


@dataclass(frozen=True)
class _Several(_Node):
    parts: "tuple[Filter, ...]"

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        if len(self.parts) < 2:
            raise FilterError(f"{type(self).__name__.upper()}: needs at least two parts")

    def __str__(self) -> str:
        return f" {type(self).__name__.upper()} ".join(map(_enclosed, self.parts))


@dataclass(frozen=True)
class And(_Several):
    """All parts hold."""


@dataclass(frozen=True)
class Or(_Several):
    """At least one part holds."""


@dataclass(frozen=True)
class Not(_Node):
    """The part does not hold; a condition on a value that is missing does not."""

    part: "Filter"

    def __str__(self) -> str:
        return f"NOT {_enclosed(self.part)}"


Filter: TypeAlias = And | Or | Not | In | Range | Contains | Missing | Text


def all_of(parts: Iterable[Filter]) -> Filter | None:
    """Return the filter that asks for all parts, None if there are none."""
    given = tuple(parts)
    return And(given) if len(given) > 1 else given[0] if given else None


def _enclosed(part: Filter) -> str:
    return f"({part})" if isinstance(part, _Several) else str(part)

"""Filters as JSON values, for programs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from brainray.catalog.filters.fields import Value
from brainray.catalog.filters.tree import (
    And,
    Contains,
    Filter,
    In,
    Missing,
    Not,
    Or,
    Range,
    Text,
)
from brainray.errors import FilterError


def to_json(tree: Filter) -> dict[str, Any]:
    """Return a tree as JSON values, e.g. ``{"not": {"field": "kind", "in": ["fused"]}}``."""
    match tree:
        case And(parts) | Or(parts):
            return {type(tree).__name__.lower(): [to_json(part) for part in parts]}
        case Not(part):
            return {"not": to_json(part)}
        case Text(text):
            return {"text": text}
        case In():
            return {"field": tree.field, "in": [_json(value) for value in tree.values]}
        case Range():
            ends = {"low": tree.low, "high": tree.high}
            values = {end: _json(value) for end, value in ends.items() if value is not None}
            flags = {name: True for name in ("above", "below") if getattr(tree, name)}
            return {"field": tree.field, **values, **flags}
        case Contains():
            return {"field": tree.field, "contains": tree.text}
        case Missing():
            return {"field": tree.field, "missing": True}


def from_json(document: Any) -> Filter:
    """Return the tree of `to_json`.

    Raises:
        FilterError: it is none.
    """
    if isinstance(document, Mapping):
        keys = set(document)
        if keys == {"and"} and isinstance(document["and"], list):
            return And(tuple(from_json(part) for part in document["and"]))
        if keys == {"or"} and isinstance(document["or"], list):
            return Or(tuple(from_json(part) for part in document["or"]))
        if keys == {"not"}:
            return Not(from_json(document["not"]))
        if keys == {"text"}:
            return Text(document["text"])
        if isinstance(name := document.get("field"), str):
            if keys == {"field", "in"}:
                return In(name, document["in"])
            if keys == {"field", "contains"}:
                return Contains(name, document["contains"])
            if keys == {"field", "missing"} and document["missing"] is True:
                return Missing(name)
            if len(keys) > 1 and keys <= {"field", "low", "high", "above", "below"}:
                return Range(**document)
    raise FilterError(
        f"filter {str(document)[:100]!r}: allowed are and, or, not, text, and field with in, "
        "contains, missing, or low and high with above or below"
    )


def _json(value: Value) -> str | int | float:
    if isinstance(value, str | int | float):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)

"""Filters of models: typed trees, their text and their JSON."""

from brainray.catalog.filters.documents import from_json, to_json
from brainray.catalog.filters.fields import FIELDS, Field, field_of
from brainray.catalog.filters.parsing import parse
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
    all_of,
)

__all__ = [
    "FIELDS",
    "And",
    "Contains",
    "Field",
    "Filter",
    "In",
    "Missing",
    "Not",
    "Or",
    "Range",
    "Text",
    "all_of",
    "field_of",
    "from_json",
    "parse",
    "to_json",
]

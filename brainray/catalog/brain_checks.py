"""What an atlas must be to come into the catalog; what is wrong is said with its row and field.

Rows count from 1 in the order of `AtlasRows`, which is that of a file without its header.
"""

import math
import re
from collections.abc import Collection, Container, Mapping, Sequence, Set
from dataclasses import replace
from difflib import get_close_matches

from brainray.catalog.brain import (
    HEMISPHERES,
    RELATION_KINDS,
    STRUCTURES,
    Association,
    AtlasRows,
    Relation,
    Roi,
)
from brainray.errors import AtlasError

HEAD_MM = {"x": (-78, 78), "y": (-112, 76), "z": (-70, 85)}
"""The bounding box of SPM's normalised images: it holds the whole brain of the MNI template, with
cerebellum and brain stem, so that no ROI has its center outside."""

MIDLINE_MM = 10
"""How far from the midline an ROI may lie that belongs to no hemisphere: half the brain stem is a
little wider, and its center is at 0."""

FUNCTIONS = "allowed are those of a sub-region in `brainray catalog list functions`"

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def check(rows: AtlasRows, functions: Mapping[str, str]) -> tuple[AtlasRows, tuple[str, ...]]:
    """Check an atlas; nothing that contradicts itself or the dictionary passes.

    Args:
        rows: the atlas; associations may name functions by synonyms.
        functions: the function that every name and synonym of the dictionary means; those of a
            sub-region alone.

    Returns:
        the atlas with the functions' own names, and warnings: of ROIs without a function.

    Raises:
        AtlasError: a row is wrong, by its number, field, value and what is allowed.
    """
    if not _NAME.fullmatch(rows.name):
        raise AtlasError(
            f"atlas {rows.name!r}: the name must be up to 100 letters, digits, '_', '.' and '-', "
            "and begin with a letter or digit"
        )
    if not rows.rois:
        raise AtlasError(f"atlas {rows.name!r}: has no ROIs")
    if wrong := _wrong_text("description", " ".join(rows.description.split())):
        raise AtlasError(f"atlas {rows.name!r}: {wrong}")
    names: set[str] = set()
    for number, roi in enumerate(rows.rois, 1):
        check_roi(rows.name, roi, names, number)
        names.add(roi.name)
    excited: set[tuple[str, str]] = set()
    associations = []
    for number, given in enumerate(rows.associations, 1):
        association = check_association(rows.name, given, names, functions, excited, number)
        excited.add((association.function, association.roi))
        associations.append(association)
    pairs: set[tuple[str, str, str, bool]] = set()
    for number, relation in enumerate(rows.relations, 1):
        check_relation(rows.name, relation, names, pairs, number)
        pairs.add((relation.kind, relation.a, relation.b, relation.directed))
    without = names - {roi for _, roi in excited}
    warnings = idle([name for roi in rows.rois if (name := roi.name) in without], len(rows.rois))
    return replace(rows, associations=tuple(associations)), warnings


def check_roi(atlas: str, roi: Roi, names: Collection[str], number: int = 0) -> None:
    """Check an ROI; ``names`` are those of the atlas so far, ``number`` its row or 0.

    Raises:
        AtlasError: it cannot be.
    """
    if wrong := _wrong_roi(roi, names):
        raise AtlasError(f"atlas {atlas!r}: roi {roi.name!r}{_row(number)}: {wrong}")


def check_association(
    atlas: str,
    association: Association,
    names: Collection[str],
    functions: Mapping[str, str],
    excited: Container[tuple[str, str]],
    number: int = 0,
) -> Association:
    """Check an association and return it with the function's own name.

    Args:
        atlas: its name.
        association: to check; its function may be a synonym.
        names: of the atlas's ROIs.
        functions: the function that every name and synonym means.
        excited: the functions and ROIs that are associated already.
        number: of its row, or 0.

    Raises:
        AtlasError: it cannot be.
    """
    function = functions.get(association.function, "")
    if wrong := _wrong_association(association, function, names, functions, excited):
        raise AtlasError(
            f"atlas {atlas!r}: association of {association.function!r} with "
            f"{association.roi!r}{_row(number)}: {wrong}"
        )
    return replace(association, function=function)


def check_relation(
    atlas: str,
    relation: Relation,
    names: Collection[str],
    pairs: Set[tuple[str, str, str, bool]],
    number: int = 0,
) -> None:
    """Check a relation.

    Args:
        atlas: its name.
        relation: to check.
        names: of the atlas's ROIs.
        pairs: kind, ROIs and direction of the relations that there are.
        number: of its row, or 0.

    Raises:
        AtlasError: it cannot be.
    """
    if wrong := _wrong_relation(relation, names, pairs):
        raise AtlasError(
            f"atlas {atlas!r}: {relation.kind} relation of {relation.a!r} with "
            f"{relation.b!r}{_row(number)}: {wrong}"
        )


def _wrong_roi(roi: Roi, names: Collection[str]) -> str:
    if not roi.name or len(roi.name) > 100 or roi.name != roi.name.strip() or "=" in roi.name:
        return "the name must be 1 to 100 characters, without '=' and without spaces around it"
    for field in ("name", "label", "parent", "network", "source"):
        if wrong := _wrong_text(field, getattr(roi, field)):
            return wrong
    if roi.name in names:
        return "is there already; names of ROIs must differ"
    for field, value, allowed in (
        ("hemisphere", roi.hemisphere, HEMISPHERES),
        ("structure", roi.structure, STRUCTURES),
    ):
        if value not in allowed:
            return _not_allowed(field, value, allowed)
    for axis, (low, high) in HEAD_MM.items():
        value_mm = getattr(roi, axis)
        if not low <= value_mm <= high:  # so is NaN
            return f"{axis} {value_mm}: outside the head, allowed are {low} to {high} mm (MNI)"
    if roi.hemisphere == "M" and abs(roi.x) > MIDLINE_MM:
        return f"x {roi.x}: hemisphere 'M' allows -{MIDLINE_MM} to {MIDLINE_MM} mm"
    if (roi.hemisphere == "L" and roi.x >= 0) or (roi.hemisphere == "R" and roi.x <= 0):
        side = "below" if roi.hemisphere == "L" else "above"
        return (
            f"x {roi.x}: hemisphere {roi.hemisphere!r} allows {side} 0 alone; left and right may "
            "be swapped"
        )
    return ""


def _wrong_association(
    association: Association,
    function: str,
    names: Collection[str],
    functions: Mapping[str, str],
    excited: Container[tuple[str, str]],
) -> str:
    if not function:
        close = get_close_matches(association.function, functions, n=3)
        hint = f"did you mean {', '.join(close)}" if close else FUNCTIONS
        return f"function {association.function!r}: not in the catalog's dictionary, {hint}"
    if association.roi not in names:
        return _unknown_roi("roi", association.roi, names)
    if (function, association.roi) in excited:
        return "is there already; an ROI has one degree a function"
    if not 0 <= association.degree < math.inf:
        return f"degree {association.degree}: must be a finite number, at least 0"
    return _wrong_text("source", association.source)


def _wrong_relation(
    relation: Relation, names: Collection[str], pairs: Set[tuple[str, str, str, bool]]
) -> str:
    kind, a, b = relation.kind, relation.a, relation.b
    if kind not in RELATION_KINDS:
        return _not_allowed("kind", kind, RELATION_KINDS)
    for field, name in (("a", a), ("b", b)):
        if name not in names:
            return _unknown_roi(field, name, names)
    if a == b:
        return "an ROI has no relation to itself"
    same = [(kind, a, b, True), (kind, a, b, False), (kind, b, a, False)]
    if not relation.directed:
        same.append((kind, b, a, True))
    if not pairs.isdisjoint(same):
        return "is there already; a pair has one relation of a kind, or one a direction"
    if not math.isfinite(relation.weight):
        return f"weight {relation.weight}: must be a finite number"
    if relation.weight < 0 and kind != "functional":
        return f"weight {relation.weight}: must be at least 0; only functional ones may be negative"
    if relation.length_mm is not None and not 0 < relation.length_mm < math.inf:
        return f"length_mm {relation.length_mm}: must be a finite number above 0, or missing"
    return _wrong_text("source", relation.source)


def _wrong_text(field: str, value: str) -> str:
    return f"{field} {value!r}: must be one line of text" if _CONTROL.search(value) else ""


def _not_allowed(field: str, value: str, allowed: Sequence[str]) -> str:
    return f"{field} {value!r}, allowed are {', '.join(allowed)}"


def _unknown_roi(field: str, name: str, names: Collection[str]) -> str:
    close = get_close_matches(name, sorted(names), n=3)
    hint = f", did you mean {', '.join(close)}" if close else ""
    return f"{field} {name!r}: is no ROI of the atlas{hint}"


def _row(number: int) -> str:
    return f" (row {number})" if number else ""


def idle(names: Sequence[str], count: int) -> tuple[str, ...]:
    """Return the warning of ROIs that no function excites, if there are any."""
    if not names:
        return ()
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (f"{len(names)} of {count} ROIs have no function: {', '.join(names[:5])}{more}",)

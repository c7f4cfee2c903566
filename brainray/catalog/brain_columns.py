"""An atlas column by column: large ones are read without a value for every row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlmodel import Session

from brainray.catalog import atlases, queries
from brainray.catalog.atlases import ASSOCIATION, RELATION, Chunk
from brainray.catalog.brain import RELATION_KINDS, AtlasRows, RelationKind, Roi

RELATION_FIELDS = ("a", "b", "weight", "directed", "length_mm")

Places: TypeAlias = NDArray[np.intp]
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class RelationColumns:
    """The E relations of one kind, in any order.

    Attributes:
        a_E: places of ROIs in the order of the atlas.
        b_E: places of the others.
        weight_E: in the unit of the source.
        directed_E: whether it says nothing of the way from ``b`` to ``a``.
        length_mm_E: NaN where it is not known.
    """

    a_E: Places
    b_E: Places
    weight_E: Floats
    directed_E: NDArray[np.bool_]
    length_mm_E: Floats


@dataclass(frozen=True)
class AtlasColumns:
    """An atlas with A associations, in any order, and the dictionary that it speaks in.

    Attributes:
        name: of the atlas.
        rois: in the order of the atlas.
        function_A: names of functions.
        roi_A: places of ROIs in the order of the atlas.
        degree_A: at least 0, in the unit of the source.
        relations: of every kind.
        sub_regions: the sub-region of each function of the dictionary, by name and synonym.
        synonyms: the function that each synonym means.
    """

    name: str
    rois: tuple[Roi, ...]
    function_A: tuple[str, ...]
    roi_A: Places
    degree_A: Floats
    relations: Mapping[RelationKind, RelationColumns]
    sub_regions: Mapping[str, str]
    synonyms: Mapping[str, str]


def read(session: Session, atlas: str) -> AtlasColumns:
    """Return an atlas of the catalog.

    Raises:
        AtlasError: there is none of this name.
    """
    atlases.description_of(session, atlas)
    associations = select(*(ASSOCIATION.c[field] for field in ("function", "roi", "degree")))
    relations = select(*(RELATION.c[field] for field in RELATION_FIELDS))
    functions = queries.brain_functions(session)
    return _columns(
        atlas,
        atlases.rois(session, atlas),
        atlases.chunks(session, associations.where(ASSOCIATION.c.atlas == atlas)),
        {
            kind: atlases.chunks(
                session, relations.where(RELATION.c.atlas == atlas, RELATION.c.kind == kind)
            )
            for kind in RELATION_KINDS
        },
        {
            known: str(function.sub_region)
            for function in functions
            for known in (function.name, *function.synonyms)
        },
        {synonym: function.name for function in functions for synonym in function.synonyms},
    )


def columns_of(
    rows: AtlasRows, sub_regions: Mapping[str, str], synonyms: Mapping[str, str]
) -> AtlasColumns:
    """Return an atlas of rows that were checked.

    Args:
        rows: the atlas.
        sub_regions: the sub-region of each function, by name and synonym.
        synonyms: the function that each synonym means.
    """
    return _columns(
        rows.name,
        rows.rois,
        [[(one.function, one.roi, one.degree) for one in rows.associations]],
        {
            kind: [
                [
                    (one.a, one.b, one.weight, one.directed, one.length_mm)
                    for one in rows.relations
                    if one.kind == kind
                ]
            ]
            for kind in RELATION_KINDS
        },
        sub_regions,
        synonyms,
    )


def _columns(
    name: str,
    rois: tuple[Roi, ...],
    associations: Iterable[Chunk],
    relations: Mapping[RelationKind, Iterable[Chunk]],
    sub_regions: Mapping[str, str],
    synonyms: Mapping[str, str],
) -> AtlasColumns:
    place = {roi.name: position for position, roi in enumerate(rois)}
    excited = [(one[0], place[one[1]], one[2]) for chunk in associations for one in chunk]
    function_A, roi_A, degree_A = list(zip(*excited, strict=True)) or [()] * 3
    return AtlasColumns(
        name,
        rois,
        function_A,
        np.array(roi_A, dtype=np.intp),
        np.array(degree_A, dtype=np.float64),
        {kind: _relation_columns(place, found) for kind, found in relations.items()},
        sub_regions,
        synonyms,
    )


def _relation_columns(place: Mapping[str, int], chunks: Iterable[Chunk]) -> RelationColumns:
    parts = [_chunk_columns(place, chunk) for chunk in ([], *chunks)]
    return RelationColumns(*map(np.concatenate, zip(*parts, strict=True)))


def _chunk_columns(place: Mapping[str, int], chunk: Chunk) -> tuple[NDArray[Any], ...]:
    columns = list(zip(*chunk, strict=True)) or [()] * len(RELATION_FIELDS)
    a_E, b_E, weight_E, directed_E, length_mm_E = columns
    return (
        _places(place, a_E),
        _places(place, b_E),
        np.array(weight_E, dtype=np.float64),
        np.array(directed_E, dtype=np.bool_),
        np.array(length_mm_E, dtype=np.float64),  # None becomes NaN
    )


def _places(place: Mapping[str, int], names: Sequence[str]) -> Places:
    return np.fromiter(map(place.__getitem__, names), dtype=np.intp, count=len(names))

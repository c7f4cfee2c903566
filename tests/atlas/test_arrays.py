"""The arrays of an atlas say what its rows say, in whatever order these come."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from brainray.atlas.arrays import atlas_of_rows, load_atlas
from brainray.atlas.interface import Atlas
from brainray.catalog import Library
from brainray.catalog.brain import AtlasRows, Relation
from brainray.errors import AtlasError
from brainray.settings import Settings
from brainray.testing.atlases import tiny_atlas

SUB_REGIONS = {
    "visual_motion": "vision.motion",
    "motion": "vision.motion",
    "basic_hearing": "audition.sound",
    "speech_perception": "audition.speech",
    "fear": "emotion.fear",
    "color": "vision.color",
}
SYNONYMS = {"motion": "visual_motion"}
MATRICES = ("functional_RR", "structural_RR", "structural_directed_RR", "tract_mm_RR")
V5_L, V5_R, A1_L, AMY_R, VERMIS, PAG = range(6)


def arrays(rows: AtlasRows) -> Atlas:
    return atlas_of_rows(rows, SUB_REGIONS, SYNONYMS)


def entries(matrix: csr_array) -> dict[tuple[int, int], float]:
    found = matrix.tocoo()
    return dict(zip(zip(*found.coords, strict=True), found.data.tolist(), strict=True))


def same(one: Atlas, other: Atlas) -> bool:
    plain = ("name", "rois", "functions", "sub_regions", "synonyms")
    return (
        all(getattr(one, field) == getattr(other, field) for field in plain)
        and np.array_equal(one.degree_RF, other.degree_RF)
        and all(
            np.array_equal(getattr(getattr(one, name), part), getattr(getattr(other, name), part))
            for name in MATRICES
            for part in ("indptr", "indices", "data")
        )
    )


def both(a: int, b: int, value: float) -> dict[tuple[int, int], float]:
    return {(a, b): value, (b, a): value}


def test_the_arrays_say_what_the_rows_say() -> None:
    atlas = arrays(tiny_atlas())
    assert atlas.names == ("V5_L", "V5_R", "A1_L", "Amy_R", "Vermis", "PAG")
    assert atlas.coordinates[A1_L].tolist() == [-46.0, -27.0, 12.0]
    assert atlas.functions == ("basic_hearing", "fear", "speech_perception", "visual_motion")
    expected_RF = np.zeros((6, 4))
    expected_RF[A1_L, 0], expected_RF[AMY_R, 1], expected_RF[A1_L, 2] = 0.1, 3.0, 2.0
    expected_RF[V5_L, 3], expected_RF[V5_R, 3] = 7.5, 5.0
    assert np.array_equal(atlas.degree_RF, expected_RF)
    assert atlas.relative.max(axis=0).tolist() == [1.0] * 4
    assert entries(atlas.functional_RR) == both(V5_L, V5_R, 0.7) | both(A1_L, V5_L, -0.3)
    assert entries(atlas.structural_RR) == both(V5_L, V5_R, 3.5) | both(V5_R, AMY_R, 2.0)
    assert entries(atlas.structural_directed_RR) == both(V5_L, V5_R, 3.5) | {
        (V5_R, AMY_R): 1.0,
        (AMY_R, V5_R): 2.0,
    }
    lengths = both(V5_L, V5_R, 125.0) | both(V5_R, AMY_R, 80.0) | both(AMY_R, PAG, 40.0)
    assert entries(atlas.tract_mm_RR) == lengths


@given(st.integers(0, 2**32))
def test_the_order_of_rows_plays_no_part(seed: int) -> None:
    rows, chance = tiny_atlas(), random.Random(seed)
    turned = [
        replace(one, a=one.b, b=one.a) if not one.directed and chance.random() < 0.5 else one
        for one in rows.relations
    ]
    chance.shuffle(turned)
    associations = list(rows.associations)
    chance.shuffle(associations)
    shuffled = replace(rows, relations=tuple(turned), associations=tuple(associations))
    assert same(arrays(shuffled), arrays(rows))


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("ABCD"), st.sampled_from("ABCD")).filter(lambda p: p[0] != p[1]),
        st.floats(-1, 1, allow_subnormal=False),
    )
)
def test_directed_rows_are_made_symmetric_by_what_is_farther_from_zero(
    weights: dict[tuple[str, str], float],
) -> None:
    first = tiny_atlas().rois[0]
    rois = tuple(replace(first, name=name) for name in "ABCD")
    relations = tuple(Relation("functional", a, b, w, True) for (a, b), w in weights.items())
    atlas = arrays(tiny_atlas(rois=rois, associations=(), relations=relations))
    found = atlas.functional_RR.toarray()
    assert np.array_equal(found, found.T)
    assert not found.diagonal().any()
    for row, a in enumerate("ABCD"):
        for column, b in enumerate("ABCD"):
            pair = (weights.get((a, b), 0.0), weights.get((b, a), 0.0))
            assert found[row, column] == max(pair, key=lambda weight: (abs(weight), weight))


def test_an_atlas_without_relations_and_functions_has_empty_arrays() -> None:
    atlas = arrays(tiny_atlas(associations=(), relations=()))
    assert atlas.functions == ()
    assert atlas.degree_RF.shape == (6, 0)
    assert atlas.relative.shape == (6, 0)
    assert [getattr(atlas, name).shape for name in MATRICES] == [(6, 6)] * 4
    assert not any(getattr(atlas, name).nnz for name in MATRICES)


def test_an_atlas_is_loaded_from_the_catalog_with_the_names_of_today(
    tmp_path: Path, settings_in: Callable[[Path], Settings]
) -> None:
    library = Library.open(settings_in(tmp_path))
    library.add_atlas(tiny_atlas())
    atlas = load_atlas(library, "tiny")
    synonyms = dict(atlas.synonyms)
    assert same(atlas, atlas_of_rows(tiny_atlas(), library.functions(), synonyms))
    assert synonyms["motion"] == "visual_motion"
    library.rename_region("vision.motion", "vision.movement")
    moved = load_atlas(library, "tiny")
    assert moved.sub_regions["motion"] == "vision.movement"
    assert np.array_equal(moved.degree_RF, atlas.degree_RF)
    with pytest.raises(AtlasError, match="'tini': not in the catalog, did you mean tiny"):
        load_atlas(library, "tini")

"""What a bad atlas is told: the row, the field, the value and what is allowed."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainray.catalog.brain import Association, Relation
from brainray.catalog.brain_checks import check
from brainray.catalog.seeding import seed_functions
from brainray.errors import AtlasError
from brainray.testing.atlases import tiny_atlas

TINY = tiny_atlas()
MEANINGS = {
    known: row["function"]
    for row in seed_functions()
    for known in (row["function"], *row["synonyms"].split())
}


def changed(part: str, number: int, **changes: Any) -> dict[str, Any]:
    rows = list(getattr(TINY, part))
    rows[number] = replace(rows[number], **changes)
    return {part: tuple(rows)}


def more(part: str, row: Any) -> dict[str, Any]:
    return {part: (*getattr(TINY, part), row)}


NAN, INFINITE = float("nan"), float("inf")
BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": "a b"}, "atlas 'a b': the name must be"),
    ({"rois": ()}, "has no ROIs"),
    ({"description": "a\0b"}, "description"),
    (changed("rois", 2, x=NAN), r"roi 'A1_L' \(row 3\): x nan: outside the head, .* -78 to 78 mm"),
    (changed("rois", 2, y=INFINITE), r"\(row 3\): y inf"),
    (changed("rois", 2, z=86.0), r"\(row 3\): z 86\.0: outside the head, allowed are -70 to 85"),
    (changed("rois", 0, x=44.0), r"'V5_L' \(row 1\): x 44\.0: hemisphere 'L' allows below 0"),
    (changed("rois", 1, x=0.0), r"'V5_R' \(row 2\): x 0\.0: hemisphere 'R' allows above 0"),
    (changed("rois", 4, x=10.5), r"'Vermis' \(row 5\): x 10\.5: hemisphere 'M' allows -10 to 10"),
    (changed("rois", 0, hemisphere="left"), "hemisphere 'left', allowed are L, R, M"),
    (changed("rois", 0, structure="bone"), "structure 'bone', allowed are cortex, subcortex"),
    (changed("rois", 0, name=""), "the name must be 1 to 100"),
    (changed("rois", 0, name="V5=L"), "without '='"),
    (changed("rois", 0, label="a\nb"), r"label 'a\\nb': must be one line"),
    (changed("rois", 1, name="V5_L"), r"'V5_L' \(row 2\): is there already"),
    (
        changed("associations", 0, function="visual_motoin"),
        r"'visual_motoin' with 'V5_L' \(row 1\): function .* did you mean visual_motion",
    ),
    (changed("associations", 0, function="classification"), "not in the catalog's dictionary"),
    (changed("associations", 0, function="xyzzy"), "brainray catalog list functions"),
    (changed("associations", 4, roi="Amy_L"), r"\(row 5\): roi 'Amy_L': is no ROI .* mean Amy_R"),
    (changed("associations", 4, degree=-0.1), r"'fear' .*\(row 5\): degree -0\.1: .* at least 0"),
    (changed("associations", 4, degree=NAN), "degree nan"),
    (changed("associations", 4, degree=INFINITE), "degree inf"),
    (more("associations", Association("motion", "V5_L", 1.0)), r"\(row 7\): is there already"),
    (changed("relations", 0, kind="spatial"), "kind 'spatial', allowed are structural, functional"),
    (changed("relations", 0, a="V5_X"), r"'V5_X' with 'V5_R' \(row 1\): a 'V5_X': is no ROI"),
    (changed("relations", 0, b="V5_L"), "no relation to itself"),
    (changed("relations", 0, weight=NAN), "weight nan"),
    (changed("relations", 3, weight=INFINITE), "functional .*weight inf"),
    (changed("relations", 0, weight=-1.0), r"weight -1\.0: must be at least 0"),
    (changed("relations", 6, weight=-1.0), r"anatomical .*\(row 7\): weight -1\.0"),
    (changed("relations", 0, length_mm=0.0), r"length_mm 0\.0: must be .* above 0"),
    (changed("relations", 0, length_mm=NAN), "length_mm nan"),
    (more("relations", Relation("structural", "V5_R", "V5_L", 1.0)), r"\(row 8\): is there alr"),
    (more("relations", Relation("structural", "V5_R", "V5_L", 1.0, True)), "is there already"),
    (more("relations", Relation("structural", "Amy_R", "V5_R", 1.0, True)), "is there already"),
    (more("relations", Relation("structural", "Amy_R", "V5_R", 1.0)), "is there already"),
]


@pytest.mark.parametrize(("changes", "says"), BAD)
def test_bad_atlases_are_refused_with_the_row(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(AtlasError, match=says) as refused:
        check(tiny_atlas(**changes), MEANINGS)
    assert "\n" not in str(refused.value)


def test_a_good_atlas_stays_as_it_is_with_a_warning_of_idle_rois() -> None:
    assert check(TINY, MEANINGS) == (TINY, ("1 of 6 ROIs have no function: Vermis",))
    bare = tiny_atlas(associations=())
    assert check(bare, MEANINGS) == (
        bare,
        ("6 of 6 ROIs have no function: V5_L, V5_R, A1_L, Amy_R, Vermis and 1 more",),
    )
    (whole,) = [tiny_atlas(**more("associations", Association("fear", "Vermis", 1.0)))]
    assert check(whole, MEANINGS) == (whole, ())


def test_an_atlas_in_which_left_and_right_are_swapped_is_refused() -> None:
    mirrored = tuple(replace(roi, x=-roi.x) for roi in TINY.rois)
    with pytest.raises(AtlasError, match="left and right may be swapped"):
        check(tiny_atlas(rois=mirrored), MEANINGS)
    other = {"L": "R", "R": "L", "M": "M"}
    both = tuple(replace(roi, hemisphere=other[roi.hemisphere]) for roi in mirrored)
    check(tiny_atlas(rois=both), MEANINGS)


@given(st.lists(st.sampled_from([("a", "b", True), ("b", "a", True), ("a", "b", False)])))
def test_a_pair_has_one_relation_of_a_kind_or_one_a_way(
    drawn: list[tuple[str, str, bool]],
) -> None:
    ends = {"a": "V5_L", "b": "V5_R"}
    relations = [Relation("functional", ends[a], ends[b], 0.1, way) for a, b, way in drawn]
    atlas = tiny_atlas(relations=tuple(relations))
    one_of_each = len(set(drawn)) == len(drawn)
    if one_of_each and (all(way for _, _, way in drawn) or len(drawn) == 1):
        assert check(atlas, MEANINGS)[0] == atlas
    else:
        with pytest.raises(AtlasError, match="is there already"):
            check(atlas, MEANINGS)

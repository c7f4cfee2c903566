import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainray.atlas.coverage import Coverage, Rule, above, inseparable, ranking
from brainray.errors import AtlasError
from brainray.testing.small_atlas import small_atlas

SUB_REGIONS = {
    "motion": "vision.motion",
    "shape": "vision.shape",
    "face": "vision.shape.face",
    "speech": "audition.speech",
    "music": "audition.music",
    "smell": "olfaction.smell",
}
DEGREES = {
    "motion": {"a": 4.0, "b": 2.0, "c": 1.0},
    "shape": {"b": 3.0, "d": 3.0},
    "face": {"d": 1.0, "e": 0.4},
    "speech": {"f": 2.0, "g": 1.0},
    "music": {"f": 2.0, "g": 0.9},
}


@pytest.fixture
def atlas():
    return small_atlas(DEGREES, SUB_REGIONS, synonyms={"moving": "motion"})


def names(atlas, members):
    return "".join(name for name, found in zip(atlas.names, members, strict=True) if found)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # Relative to the peaks: motion 1 .5 .25, shape 1 1, face 1 .4, speech 1 .5, music 1 .45.
        (Rule.of(), {"motion": "ab", "shape": "bd", "face": "d", "speech": "fg", "music": "f"}),
        (Rule.of("relative", 0.4), {"face": "de", "music": "fg", "motion": "ab"}),
        (Rule.of("raw", 2.0), {"motion": "ab", "shape": "bd", "face": "", "speech": "f"}),
        # b is rather of shape (1 against .5); d is as much of shape as of face, so of both.
        (Rule.of("argmax"), {"motion": "ac", "shape": "bd", "face": "de", "speech": "fg"}),
        (Rule.of("argmax", 0.4), {"motion": "a", "face": "d", "music": "f"}),
    ],
)
def test_an_roi_belongs_to_a_function_by_the_rule(atlas, rule, expected):
    coverage = Coverage(atlas, rule)
    found = {function: names(atlas, coverage.functions[function]) for function in expected}
    assert found == expected


def test_no_degree_is_no_member_at_a_threshold_of_zero(atlas):
    for name in ("relative", "raw"):
        assert names(atlas, Coverage(atlas, Rule.of(name, 0.0)).functions["face"]) == "de"


def test_a_place_covers_what_its_parts_cover(atlas):
    coverage = Coverage(atlas, Rule.of("relative", 0.4))
    assert names(atlas, coverage.places["vision.shape.face"]) == "de"
    assert names(atlas, coverage.places["vision.shape"]) == "bde"
    assert names(atlas, coverage.regions["vision"]) == "abde"
    assert ranking(coverage.regions) == [("vision", 4), ("audition", 2), ("olfaction", 0)]
    assert ranking(coverage.functions)[-1] == ("smell", 0)
    assert "moving" not in coverage.functions


def test_the_hierarchy_counts_each_roi_once(atlas):
    _, _, vision = Coverage(atlas, Rule.of("relative", 0.4)).hierarchy()
    assert (vision.name, vision.rois, vision.functions) == ("vision", 4, ())
    motion, shape = vision.parts
    assert (motion.name, motion.rois, motion.functions) == ("vision.motion", 2, ("motion",))
    assert (shape.name, shape.rois, shape.functions) == ("vision.shape", 3, ("shape",))
    (face,) = shape.parts
    assert (face.name, face.rois, face.parts) == ("vision.shape.face", 2, ())


def test_overlaps_are_of_sub_regions_none_of_which_is_a_part_of_the_other(atlas):
    overlaps = Coverage(atlas, Rule.of("relative", 0.4)).overlaps()
    found = [(pair.a, pair.b, pair.shared, pair.jaccard) for pair in overlaps]
    assert found == [
        ("audition.music", "audition.speech", 2, 1.0),
        ("vision.motion", "vision.shape", 1, 0.25),
    ]
    assert inseparable(overlaps) == overlaps[:1]
    assert inseparable(overlaps, 0.25) == overlaps


def test_complexity_counts_what_a_region_holds(atlas):
    homes = {
        "one": ["vision.shape"],
        "two": ["vision.shape.face", "audition.speech"],
        "three": ["touch.somatic"],
    }
    rows = Coverage(atlas, Rule.of()).complexity(homes, {"vision": 7})
    found = {row.region: (row.rois, row.sub_regions, row.networks, row.parameters) for row in rows}
    assert found == {
        "vision": (3, 3, 2, 7),
        "audition": (2, 2, 1, 0),
        "olfaction": (0, 0, 0, 0),
        "touch": (0, 1, 1, 0),
    }
    assert [row.region for row in rows] == ["vision", "audition", "olfaction", "touch"]


@given(
    st.lists(st.lists(st.floats(0, 9), min_size=3, max_size=3), min_size=1, max_size=5),
    st.sampled_from(["relative", "raw", "argmax"]),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_a_higher_threshold_never_covers_more(degrees, name, low, high):
    rois = [f"r{i}" for i in range(len(degrees))]
    table = {
        function: dict(zip(rois, column, strict=True))
        for function, column in zip("xyz", zip(*degrees, strict=True), strict=True)
    }
    atlas = small_atlas(table, {f: f"some.{f}" for f in "xyz"}, rois=rois)
    low, high = min(low, high), max(low, high)
    more, less = (Rule(name, level).members(atlas) for level in (low, high))
    assert not (less & ~more).any()


@pytest.mark.parametrize(
    ("name", "threshold", "said"),
    [
        ("most", 0.5, "relative, raw, argmax"),
        ("relative", 1.5, r"in \[0, 1\]"),
        ("argmax", -0.1, r"in \[0, 1\]"),
        ("raw", -1.0, "at least 0"),
        ("raw", np.nan, "at least 0"),
        ("raw", np.inf, "at least 0"),
    ],
)
def test_an_impossible_rule_is_refused(name, threshold, said):
    with pytest.raises(AtlasError, match=said):
        Rule.of(name, threshold)


def test_rules_name_their_threshold():
    assert str(Rule.of()) == "relative degree >= 0.5"
    assert str(Rule.of("raw")) == "raw degree >= 1.96"
    assert str(Rule.of("argmax", 0.2)) == "argmax, relative degree > 0.2"


def test_what_a_place_is_a_part_of():
    assert above("vision.shape.face") == ("vision.shape", "vision")
    assert above("vision") == ()

from dataclasses import replace

import numpy as np
import pytest

from brainray.atlas.drawing import MOST_ROIS, drawing_of, region_of
from brainray.atlas.interface import Pathway
from brainray.errors import AtlasError
from brainray.testing.small_atlas import small_atlas

ATLAS = small_atlas(
    degrees={
        "shape": {"LOC": 4.0, "V4": 3.0, "A1": 0.4},
        "listening": {"A1": 2.0, "LOC": 0.2},
        "fear": {"AMY": 1.0, "V4": 1.0},
    },
    sub_regions={
        "shape": "vision.shape",
        "listening": "audition.sound",
        "hearing": "audition.sound",
        "fear": "emotion.fear",
    },
    functional={("LOC", "A1"): 0.2, ("V4", "A1"): 0.5, ("LOC", "V4"): 0.9, ("LOC", "X"): 0.9},
    synonyms={"hearing": "listening"},
)
PATHWAY = Pathway(
    {"vision.shape": 1.0, "audition.sound": 0.5}, (("vision.shape", "audition.sound", 0.7),)
)
STRENGTHS = {"V4": 0.5, "LOC": 1.0, "A1": 0.8, "X": 0.1, "AMY": 0.2}


def test_rois_by_strength_each_with_its_home() -> None:
    drawing = drawing_of(ATLAS, PATHWAY, STRENGTHS, ["hearing", "shape"], "digits")
    assert drawing.names == ("LOC", "A1", "V4", "AMY", "X")
    # V4 carries fear more, but only shape is in the pathway; AMY carries nothing of the pathway.
    home = dict(zip(drawing.names, drawing.homes, strict=True))
    assert home == {
        "LOC": "vision.shape",
        "A1": "audition.sound",
        "V4": "vision.shape",
        "AMY": "emotion.fear",
        "X": "",
    }
    assert drawing.title == "digits: hearing, shape"
    assert drawing.asked == {"vision.shape", "audition.sound"}
    row = ATLAS.names.index("A1")
    np.testing.assert_array_equal(drawing.coordinates[1], ATLAS.coordinates[row])


def drawn(relations: dict[tuple[str, str], float], strengths: dict[str, float]) -> dict:
    """Return the pairs of ROIs between which the one connection is drawn."""
    atlas = replace(
        ATLAS, functional_RR=small_atlas({}, {}, relations, rois=ATLAS.names).functional_RR
    )
    found = drawing_of(atlas, PATHWAY, strengths)
    assert (found.edges_NN == found.edges_NN.T).all()
    return {
        (found.names[i], found.names[j]): found.edges_NN[i, j]
        for i, j in np.argwhere(np.triu(found.edges_NN))
    }


def test_a_connection_is_drawn_where_most_activation_passes() -> None:
    # 0.5 x 0.55 x 0.85, more than 0.2 x 1.05 x 0.85.
    assert drawn({("LOC", "A1"): 0.2, ("V4", "A1"): 0.5}, STRENGTHS) == {("A1", "V4"): 0.7}
    assert drawn({("LOC", "A1"): 0.3, ("V4", "A1"): 0.5}, STRENGTHS) == {("LOC", "A1"): 0.7}


def test_only_members_make_a_connection() -> None:
    assert drawn({("LOC", "AMY"): 0.9, ("X", "A1"): 0.9}, STRENGTHS) == {}


def test_an_inactive_roi_that_makes_a_connection_is_drawn() -> None:
    strengths = {"LOC": 1.0}
    assert drawn({("LOC", "A1"): 0.2}, strengths) == {("LOC", "A1"): 0.7}
    drawing = drawing_of(ATLAS, PATHWAY, {"LOC": 1.0, "X": 0.1})
    assert drawing.names == ("LOC", "X", "A1")
    assert list(drawing.strengths_N) == [1.0, 0.1, 0.0]


@pytest.mark.parametrize(
    ("right", "pair"), [(("A1", "V4"), ("A1", "V4")), (("A1", "LOC"), ("LOC", "A1"))]
)
def test_a_connection_within_a_hemisphere_comes_first(
    right: tuple[str, ...], pair: tuple[str, str]
) -> None:
    rois = tuple(replace(roi, x=40.0 if roi.name in right else -40.0) for roi in ATLAS.rois)
    relations = small_atlas({}, {}, {("LOC", "A1"): 0.4, ("V4", "A1"): 0.6}, rois=ATLAS.names)
    atlas = replace(ATLAS, rois=rois, functional_RR=relations.functional_RR)
    found = drawing_of(atlas, PATHWAY, STRENGTHS)
    assert [(found.names[i], found.names[j]) for i, j in np.argwhere(np.triu(found.edges_NN))] == [
        pair
    ]


def test_a_connection_may_cross_where_no_other_is() -> None:
    rois = tuple(replace(roi, x=40.0 if roi.name == "A1" else -40.0) for roi in ATLAS.rois)
    assert drawing_of(replace(ATLAS, rois=rois), PATHWAY, STRENGTHS).edges_NN.any()


def test_the_strongest_rois_are_drawn_of_very_many() -> None:
    names = [f"r{number}" for number in range(MOST_ROIS + 5)]
    atlas = small_atlas({"fear": dict.fromkeys(names, 1.0)}, {"fear": "emotion.fear"})
    strengths = {name: 1 / (number + 1) for number, name in enumerate(names)}
    drawing = drawing_of(atlas, Pathway({"emotion.fear": 1.0}, ()), strengths)
    assert list(drawing.names) == names[:MOST_ROIS]


def test_a_long_title_is_shortened() -> None:
    title = drawing_of(ATLAS, PATHWAY, STRENGTHS, [f"function_{n}" for n in range(30)]).title
    assert title.startswith("function_0, function_1")
    assert title.endswith(" ...")


@pytest.mark.parametrize(
    ("sub_region", "region"), [("vision.face", "vision"), ("pain.pain", "other"), ("", "other")]
)
def test_regions(sub_region: str, region: str) -> None:
    assert region_of(sub_region) == region


def test_an_activation_of_another_atlas_is_refused() -> None:
    with pytest.raises(AtlasError, match="atlas small: has no ROI 'V9', which is active"):
        drawing_of(ATLAS, PATHWAY, {"V9": 1.0})
    with pytest.raises(AtlasError, match="atlas small: no ROI is active"):
        drawing_of(ATLAS, PATHWAY, {})

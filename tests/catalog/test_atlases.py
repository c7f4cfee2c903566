"""Atlases come whole or not at all, and are read as they came."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainray.catalog import Library
from brainray.catalog.brain import Association, AtlasRows, Relation, Roi
from brainray.catalog.brain_seed import SHIPPED, shipped_atlas
from brainray.catalog.database import downgrade, upgrade
from brainray.catalog.regions import Part
from brainray.errors import AtlasError, CatalogError
from brainray.settings import Settings
from brainray.testing.atlases import tiny_atlas

TINY = tiny_atlas()
LEFT, RIGHT = TINY.rois[:2]


def names(library: Library) -> list[str]:
    return [summary.name for summary in library.atlases()]


def test_an_atlas_is_read_as_it_came(library: Library) -> None:
    warnings = library.add_atlas(TINY)
    assert library.atlas("tiny") == TINY
    assert warnings == ("1 of 6 ROIs have no function: Vermis",)


TEXTS = st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=8)
NUMBERS = st.floats(0, 1e6, allow_subnormal=False)


@st.composite
def drawn_atlases(draw: st.DrawFn) -> AtlasRows:
    called = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=6)
    known = draw(st.lists(called, min_size=2, max_size=6, unique=True))
    rois = tuple(
        replace(LEFT, name=name, label=draw(TEXTS), x=draw(st.floats(-78, -0.001)))
        for name in known
    )
    pairs = [(a, b) for number, a in enumerate(known) for b in known[:number]]
    relations = [
        Relation(kind, a, b, draw(NUMBERS), draw(st.booleans()), draw(st.none() | st.just(0.5)))
        for kind in ("structural", "functional", "anatomical")
        for a, b in draw(st.lists(st.sampled_from(pairs), unique=True))
    ]
    associations = [
        Association(function, name, draw(NUMBERS), draw(TEXTS))
        for function in ("color", "fear")
        for name in draw(st.lists(st.sampled_from(known), unique=True))
    ]
    return AtlasRows("drawn", draw(TEXTS), rois, tuple(associations), tuple(relations))


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(atlas=drawn_atlases())
def test_any_atlas_is_read_as_it_came(library: Library, atlas: AtlasRows) -> None:
    library.add_atlas(atlas)
    found = library.atlas("drawn")
    library.remove_atlas("drawn")
    assert (found.description, found.rois) == (atlas.description, atlas.rois)
    assert set(found.associations) == set(atlas.associations)
    assert set(found.relations) == set(atlas.relations)
    assert len(found.relations) == len(atlas.relations)


def test_columns_say_what_the_rows_say(library: Library) -> None:
    library.add_atlas(TINY)
    columns = library.atlas_columns("tiny")
    place = {roi.name: position for position, roi in enumerate(columns.rois)}
    assert columns.rois == TINY.rois
    excited = zip(columns.function_A, columns.roi_A, columns.degree_A, strict=True)
    assert set(excited) == {(a.function, place[a.roi], a.degree) for a in TINY.associations}
    for kind, found in columns.relations.items():
        lengths = np.nan_to_num(found.length_mm_E, nan=-1.0)
        rows = zip(found.a_E, found.b_E, found.weight_E, found.directed_E, lengths, strict=True)
        assert set(rows) == {
            (place[r.a], place[r.b], r.weight, r.directed, r.length_mm or -1.0)
            for r in TINY.relations
            if r.kind == kind
        }
    assert columns.sub_regions == library.functions()
    assert columns.synonyms["motion"] == "visual_motion"
    assert "visual_motion" not in columns.synonyms


def test_synonyms_are_stored_under_the_functions_name(library: Library) -> None:
    library.add_atlas(tiny_atlas(associations=(Association("motion", "V5_L", 1.0),)))
    assert library.atlas("tiny").associations == (Association("visual_motion", "V5_L", 1.0),)


def test_atlases_are_counted(library: Library) -> None:
    library.add_atlas(TINY)
    library.add_atlas(tiny_atlas(name="bare", associations=(), relations=()))
    bare, *_, tiny = library.atlases()
    assert (tiny.rois, tiny.functions, tiny.associations) == (6, 4, 6)
    assert tiny.relations == {"structural": 3, "functional": 2, "anatomical": 2}
    assert (bare.rois, bare.functions, bare.associations) == (6, 0, 0)
    assert set(bare.relations.values()) == {0}


def test_an_atlas_goes_with_all_that_it_says_and_no_other(library: Library) -> None:
    library.add_atlas(TINY)
    library.add_atlas(tiny_atlas(name="other"))
    library.remove_atlas("tiny")
    assert library.atlas("other") == tiny_atlas(name="other")
    with pytest.raises(AtlasError, match="atlas 'tiny': not in the catalog"):
        library.atlas("tiny")
    library.add_atlas(TINY)


@pytest.mark.parametrize("call", ["atlas", "atlas_columns", "remove_atlas"])
def test_an_unknown_atlas_is_named_with_what_was_perhaps_meant(library: Library, call: str) -> None:
    with pytest.raises(AtlasError, match=r"'brainrai': not in the catalog, did you mean brainray"):
        getattr(library, call)("brainrai")


def test_a_bad_atlas_leaves_nothing(library: Library) -> None:
    before = library.atlases()
    lacking = replace(TINY.relations[-1], b="nothing")
    with pytest.raises(AtlasError, match=r"\(row 8\): b 'nothing': is no ROI"):
        library.add_atlas(tiny_atlas(relations=(*TINY.relations, lacking)))
    assert library.atlases() == before
    library.add_atlas(TINY)


def test_an_atlas_that_is_there_is_not_replaced(library: Library) -> None:
    library.add_atlas(TINY)
    with pytest.raises(AtlasError, match="'tiny': is in the catalog already; remove it first"):
        library.add_atlas(tiny_atlas(description="another"))
    assert library.atlas("tiny") == TINY


def test_rows_are_added_as_data(library: Library) -> None:
    library.add_atlas(TINY)
    roi = Roi("V1_L", "left V1", "L", -8.0, -90.0, 0.0)
    assert library.add_roi("tiny", roi) == ("1 of 7 ROIs have no function: V1_L",)
    stored = library.add_association("tiny", Association("motion", "V1_L", 0.5))
    assert stored == Association("visual_motion", "V1_L", 0.5)
    relation = Relation("structural", "V1_L", "V5_L", 2.0, True, 60.0, "e")
    library.add_relation("tiny", relation)
    library.add_relation("tiny", replace(relation, a="V5_L", b="V1_L"))  # the other way
    found = library.atlas("tiny")
    assert found.rois == (*TINY.rois, roi)
    assert set(found.associations) == {*TINY.associations, stored}
    assert relation in found.relations
    assert len(found.relations) == len(TINY.relations) + 2


@pytest.mark.parametrize(
    ("call", "row", "says"),
    [
        ("add_roi", LEFT, "roi 'V5_L': is there already"),
        ("add_roi", replace(LEFT, name="new", x=5.0), "left and right may be swapped"),
        ("add_association", Association("motion", "V5_L", 1.0), "is there already"),
        ("add_association", Association("motoin", "V5_R", 1.0), "did you mean motion"),
        ("add_association", Association("fear", "V5_X", 1.0), "roi 'V5_X': is no ROI"),
        ("add_relation", Relation("functional", "V5_R", "V5_L", 0.1), "is there already"),
        ("add_relation", Relation("functional", "V5_R", "V5_R", 0.1), "to itself"),
        ("add_relation", Relation("structural", "V5_R", "PAG", -0.1), "must be at least 0"),
    ],
)
def test_single_rows_are_checked_too(library: Library, call: str, row: Any, says: str) -> None:
    library.add_atlas(TINY)
    with pytest.raises(AtlasError, match=says):
        getattr(library, call)("tiny", row)
    with pytest.raises(AtlasError, match="'nothing': not in the catalog"):
        getattr(library, call)("nothing", row)
    assert library.atlas("tiny") == TINY


def test_a_function_stays_while_an_atlas_needs_it(library: Library) -> None:
    library.add_function("dreaming", "vision.other")
    library.add_atlas(tiny_atlas(associations=(Association("dreaming", "V5_L", 1.0),)))
    with pytest.raises(CatalogError, match=r"'dreaming': is in use by association: tiny$"):
        library.remove_entry("functions", "dreaming")
    library.remove_atlas("tiny")
    library.remove_entry("functions", "dreaming")


def test_associations_follow_their_functions_through_changes_of_regions(library: Library) -> None:
    library.add_atlas(TINY)
    library.rename_region("vision.motion", "vision.movement")
    library.merge_regions(["audition.speech"], "audition.sound")
    library.split_region("emotion.fear", {"emotion.fright": Part(functions=("fear",))})
    assert library.atlas("tiny") == TINY
    places = library.atlas_columns("tiny").sub_regions
    assert places["motion"] == places["visual_motion"] == "vision.movement"
    assert places["speech_perception"] == "audition.sound"
    assert places["fear"] == "emotion.fright"
    assert library.verify().whole


def test_a_catalog_starts_with_the_shipped_atlas(library: Library) -> None:
    shipped = shipped_atlas()
    found = library.atlas(SHIPPED)
    assert found.rois == shipped.rois
    assert set(found.associations) == set(shipped.associations)
    assert set(found.relations) == set(shipped.relations)
    assert all(row["definition"] for row in library.entries("functions"))


def test_an_upgrade_brings_the_atlas_and_changes_none(settings: Settings, library: Library) -> None:
    url = settings.database_url
    library.add_roi(SHIPPED, replace(LEFT, name="mine"))
    library.add_atlas(TINY)
    grown = library.atlas(SHIPPED)
    upgrade(url)
    assert library.atlas(SHIPPED) == grown
    downgrade(url, "0004")
    upgrade(url)
    assert names(library) == [SHIPPED]
    assert library.atlas(SHIPPED).rois == shipped_atlas().rois

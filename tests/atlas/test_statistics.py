"""The statistics of the atlas that ships; docs/atlas.md tells what they say of the paper."""

import json
import re
from pathlib import Path

import pytest

from brainray.atlas.arrays import load_atlas
from brainray.atlas.coverage import Rule
from brainray.atlas.statistics import statistics
from brainray.catalog.brain_seed import SHIPPED
from brainray.testing.places import library_below
from brainray.testing.small_atlas import small_atlas

DOCS = Path(__file__).parents[2] / "docs" / "atlas.md"
CLAIM = re.compile(
    r"^\| (?P<text>.+) \((?P<section>2\.\d)\) \| (?P<outcome>[a-z ]+)[:|]", re.MULTILINE
)


@pytest.fixture(scope="module")
def shipped(session_folders, tmp_path_factory):
    library = library_below(tmp_path_factory.mktemp("shipped"))
    homes = {row["name"]: row["sub_regions"] for row in library.entries("networks")}
    atlas = load_atlas(library, SHIPPED)
    return statistics(atlas, Rule.of(), homes, {"vision": 9}, seed=0, permutations=199)


def test_the_docs_say_what_comes_out_for_every_claim(shipped):
    documented = {
        match["text"]: (match["section"], match["outcome"].strip())
        for match in CLAIM.finditer(DOCS.read_text(encoding="utf-8"))
    }
    found = {claim.text: (claim.section, claim.outcome) for claim in shipped.claims}
    assert documented == found


def test_the_docs_have_the_counts_of_regions(shipped):
    text = DOCS.read_text(encoding="utf-8")
    first = ", ".join(f"{name} {count}" for name, count in shipped.coverage["region"][:5])
    assert f"not reproduced: {first} |" in text


def test_all_of_it_agrees(shipped):
    counts = dict(shipped.coverage["region"])
    assert {branch.name: branch.rois for branch in shipped.hierarchy} == counts
    assert {row.region: row.rois for row in shipped.complexity} == counts
    assert {place.name: place.rois for place in shipped.regions} == counts
    assert len(shipped.distances) == len(counts) * (len(counts) - 1) // 2
    assert next(row for row in shipped.complexity if row.region == "vision").parameters == 9
    assert any("spin test turns" in note for note in shipped.notes)
    document = json.loads(json.dumps(shipped.to_json(), allow_nan=False))
    assert [claim["outcome"] for claim in document["claims"]] == [
        claim.outcome for claim in shipped.claims
    ]


def test_an_atlas_without_a_hemisphere_has_no_spin_test():
    atlas = small_atlas({"fear": {"x": 1.0, "y": 1.0}}, {"fear": "emotion.fear"})
    found = statistics(atlas, Rule.of(), {}, {}, permutations=9)
    assert any("No spin test" in note for note in found.notes)
    (emotion,) = found.regions
    assert emotion.p_spread.keys() == {"relabel"}
    assert found.distances == []

from dataclasses import replace

import pytest

from brainray.atlas.claims import Claim, Finding, claims, panel
from brainray.atlas.coverage import Rule
from brainray.atlas.permutations import relabelled
from brainray.catalog.brain import Roi
from brainray.testing.small_atlas import small_atlas

VISION = ("motion", "color", "shape", "other")

# Of each region: ROIs, functions, sub-regions, networks, and the y at which it lies.
PAPER = {
    "vision": (40, 20, 4, 4, -90.0),
    "audition": (25, 12, 3, 3, -20.0),
    "language": (20, 10, 2, 2, -85.0),
    "emotion": (18, 9, 2, 1, 20.0),
    "action": (1, 1, 1, 0, 60.0),
}


def brain(regions):
    """An atlas of such regions; each ROI belongs to two functions of its region."""
    rois, degrees, sub_regions = [], {}, {}
    for region, (size, functions, parts, _, y) in regions.items():
        for i in range(size):
            rois.append(Roi(f"{region}{i}", "", "L", -40 + i / 4, y, i / 2, parent="lobe"))
            for function in {i % functions, (i + 1) % functions}:
                part = VISION[function % parts] if region == "vision" else function % parts
                sub_regions[f"{region}_{function}"] = f"{region}.{part}"
                degrees.setdefault(f"{region}_{function}", {})[f"{region}{i}"] = 2.0
    degrees["vision_0"]["vision0"] = 3.0
    one = {("vision0", "vision1"): 0.5}
    atlas = small_atlas(degrees, sub_regions, one, one, rois=[roi.name for roi in rois])
    return replace(atlas, rois=tuple(rois))


def homes(regions):
    return {
        f"{region}{i}": [f"{region}.{VISION[0] if region == 'vision' else 0}"]
        for region, (_, _, _, networks, _) in regions.items()
        for i in range(networks)
    }


def asked(atlas, living):
    tests = {"relabel": relabelled(len(atlas.rois), 99, seed=0)}
    return {claim.text: claim for claim in claims(atlas, Rule.of(), living, {}, tests)}


@pytest.fixture(scope="module")
def true():
    return asked(brain(PAPER), homes(PAPER))


def outcome(found, words):
    (claim,) = (claim for text, claim in found.items() if words in text)
    return claim.outcome


@pytest.mark.parametrize(
    "words",
    [
        "more than 100 ROIs",
        "nearly 60 functions",
        "many to many",
        "lie near each other",
        "occipital lobe",
        "cover the most ROIs",
        "more than 30 ROIs",
        "divides into motion",
        "every network",
        "regions of more ROIs",
        "hierarchy, degrees",
        "structural, functional",
    ],
)
def test_a_brain_as_the_paper_has_it_reproduces_its_claims(true, words):
    claim = next(claim for text, claim in true.items() if words in text)
    assert claim.outcome == "reproduced", claim


def test_no_atlas_says_what_happens_in_a_scene(true):
    assert outcome(true, "multimodal scenes") == "not measured"


def test_findings_name_rule_counts_and_p(true):
    near = next(claim for text, claim in true.items() if "lie near" in text)
    rules = [finding.rule for finding in near.findings]
    assert rules[0] == "relative degree >= 0.5"
    assert "raw degree >= 1.96" in rules
    assert "rank 1 of" in near.findings[0].text
    assert "p relabel 0.010" in near.findings[0].text


def test_another_brain_does_not_reproduce_them():
    other = PAPER | {"language": (20, 10, 2, 0, 75.0), "action": (60, 20, 1, 0, -60.0)}
    found = asked(brain(other), {"a": [], "b": ["vision.shape"]})
    for words in ("lie near", "occipital", "cover the most", "every network", "regions of more"):
        assert outcome(found, words) == "not reproduced", words


def test_an_atlas_of_one_roi_reproduces_and_measures_little():
    few = asked(small_atlas({"fear": {"x": 1.0}}, {"fear": "emotion.fear"}), {})
    for words in (
        "more than 100",
        "nearly 60",
        "many to many",
        "more than 30",
        "divides into",
        "hierarchy, degrees",
        "structural, functional",
    ):
        assert outcome(few, words) == "not reproduced", words
    for words in ("lie near", "occipital lobe"):
        assert outcome(few, words) == "not measured", words


def test_what_holds_by_one_rule_alone_depends_on_it():
    # 36 ROIs of vision in all, 12 of them at half the peak or more.
    degrees = {"shape": {f"r{i:02}": 1.0 if i < 12 else 0.35 for i in range(36)}}
    found = asked(small_atlas(degrees, {"shape": "vision.shape"}), {})
    claim = next(claim for text, claim in found.items() if "more than 30 ROIs" in text)
    assert claim.outcome == "depends on the rule"
    held = {finding.rule: (finding.holds, finding.text) for finding in claim.findings}
    assert held["relative degree >= 0.5"] == (False, "12 of 36 ROIs")
    assert held["relative degree >= 0.3"] == (True, "36 of 36 ROIs")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([True, True], "reproduced"),
        ([False, None], "not reproduced"),
        ([True, False, None], "depends on the rule"),
        ([None], "not measured"),
    ],
)
def test_the_outcome_of_several_findings(answers, expected):
    findings = tuple(Finding("some", answer, "") for answer in answers)
    assert Claim("2.1", "some", findings).outcome == expected


def test_claims_are_asked_under_the_chosen_rule_first():
    small = small_atlas({"fear": {"x": 1.0}}, {"fear": "emotion.fear"})
    large = small_atlas({"fear": {"x": 4.0}}, {"fear": "emotion.fear"})
    chosen = Rule.of("raw", 0.2)
    assert panel(small, chosen)[0] == chosen
    assert Rule.of("raw") not in panel(small, chosen)
    assert Rule.of("raw") in panel(large, chosen)
    assert panel(small, Rule.of()).count(Rule.of()) == 1

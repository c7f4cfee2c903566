"""What a scenario excites, and what its search is told of that."""

import pytest

from brainray.errors import ScenarioError
from brainray.pipeline.excitation import Excitation, excite
from brainray.scenario.model import Activation as How
from brainray.testing.small_atlas import small_atlas

ATLAS = small_atlas(
    {
        "shape": {"LO": 1.0, "V1": 0.3},
        "motion": {"MT": 1.0, "V1": 0.3},
        "speech": {"STG": 1.0},
        "reading": {"VWFA": 1.0},
        "fear": {"Amygdala": 1.0},
    },
    {
        "shape": "vision.shape",
        "motion": "vision.motion",
        "speech": "audition.speech",
        "reading": "language.reading",
        "fear": "emotion.fear",
    },
    functional={
        ("LO", "VWFA"): 0.6,
        ("VWFA", "STG"): 0.4,
        ("LO", "V1"): 0.7,
        ("MT", "V1"): 0.7,
        ("Amygdala", "LO"): 0.1,
    },
)
FUNCTIONS = {"image": ("shape",), "audio": ("speech",)}


def test_the_brain_itself_guides_the_search_by_what_it_activates() -> None:
    found = excite(FUNCTIONS, How(), ATLAS, 0)
    assert found.guide == found.pathway


@pytest.mark.parametrize("prior", ["distance", "direct", "shuffled"])
def test_another_prior_leaves_candidates_as_they_are(prior: str) -> None:
    brain = excite(FUNCTIONS, How(), ATLAS, 0)
    other = excite(FUNCTIONS, How(prior=prior), ATLAS, 0)
    assert other.activation == brain.activation
    assert other.guide is not None
    assert set(other.guide.sub_regions) == set(brain.pathway.sub_regions)
    assert max(other.guide.sub_regions.values()) == 1.0
    assert other.guide != brain.guide


def test_a_uniform_prior_tells_the_search_nothing() -> None:
    found = excite(FUNCTIONS, How(prior="uniform"), ATLAS, 0)
    assert found.guide is None
    assert found.activation == excite(FUNCTIONS, How(), ATLAS, 0).activation


def test_connections_are_shuffled_by_the_seed() -> None:
    how = How(prior="shuffled")
    assert excite(FUNCTIONS, how, ATLAS, 1) == excite(FUNCTIONS, how, ATLAS, 1)
    guides = [excite(FUNCTIONS, how, ATLAS, seed).guide for seed in range(4)]
    assert any(guide != guides[0] for guide in guides)


def test_observed_rois_count_instead_of_functions() -> None:
    found = excite(FUNCTIONS, How(rois={"MT": 2.0, "Amygdala": 1.0}), ATLAS, 0)
    assert set(found.pathway.sub_regions) == {"vision.motion", "emotion.fear"}
    assert set(found.activation.inputs) == {"image", "audio"}
    assert set(found.activation.rois) <= {"MT", "Amygdala"}


def test_what_is_unknown_is_named() -> None:
    with pytest.raises(ScenarioError, match=r"inputs\.image\.functions: unknown function 'shap'"):
        excite({"image": ("shap",)}, How(), ATLAS, 0)
    with pytest.raises(ScenarioError, match=r"activation\.rois: unknown ROI 'V9'"):
        excite(FUNCTIONS, How(rois={"V9": 1.0}), ATLAS, 0)


@pytest.mark.parametrize("prior", ["brain", "uniform", "shuffled"])
def test_it_is_read_as_it_was_written(prior: str) -> None:
    found = excite(FUNCTIONS, How(prior=prior), ATLAS, 3)
    assert Excitation.from_json(found.to_json()) == found

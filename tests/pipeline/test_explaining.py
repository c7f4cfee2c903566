import pytest

from brainray.atlas.activation import Mechanism
from brainray.atlas.explanation import Explainer
from brainray.pipeline.explaining import explain_choice, pathway_part
from brainray.scenario.report import Candidate
from brainray.testing.small_atlas import small_atlas

FUNCTIONS = {"image": ("form",), "audio": ("speech_perception",)}
MECHANISM = Mechanism(
    small_atlas(
        {"shape": {"LOC": 1.0}, "speech_perception": {"STG": 1.0}},
        {"shape": "vision.shape", "speech_perception": "audition.speech"},
        {("LOC", "STG"): 0.4},
        synonyms={"form": "shape"},
    )
)
ACTIVATION = MECHANISM.by_functions(FUNCTIONS)
CHOSEN = {"image": "lenet-1", "audio": "medium-1"}
HOMES = {"lenet-1": ("vision.other", "vision.shape"), "medium-1": ("audition.speech",)}


def candidate(image: str, value: float | None) -> Candidate:
    return Candidate(genome=[0], models={"image": image, "audio": "medium-1"}, value=value)


def reasons(*history: Candidate) -> dict[str, str]:
    explainer = Explainer(MECHANISM, ACTIVATION, FUNCTIONS)
    found = explain_choice(explainer, CHOSEN, HOMES, history)
    assert list(found) == ["image", "audio"]
    assert {name: part.model for name, part in found.items()} == CHOSEN
    assert found["image"].sub_region == "vision.shape"
    return {name: part.reason for name, part in found.items()}


def test_what_the_search_found_is_a_reason() -> None:
    found = reasons(
        candidate("lenet-1", 0.9),
        candidate("lenet-1", 0.93125),
        candidate("lenet-2", 0.95),
        candidate("lenet-3", None),
        candidate("lenet-4", 0.5),
    )
    # The winner's finalists were trained to the end, so that it need not be best in the search.
    assert found["image"].startswith("vision.shape carries shape, which image asked for. ")
    assert found["image"].endswith(
        "Candidates with it reached 93.12 % on validation, those with the 2 other models of image "
        "95.00 %."
    )
    assert found["audio"].endswith("95.00 % on validation; no other model of audio was tried.")


@pytest.mark.parametrize("history", [(), (candidate("lenet-1", None),)])
def test_a_model_without_a_value_says_nothing_of_it(history: tuple[Candidate, ...]) -> None:
    assert reasons(*history)["image"].endswith("weight 1.00.")


def test_the_pathway_of_the_report_holds_the_activation() -> None:
    part = pathway_part(ACTIVATION, FUNCTIONS, "small", "brain")
    document = part.model_dump(mode="json")
    for key, value in ACTIVATION.to_json().items():
        assert document[key] == value
    assert document["functions"] == {"image": ["form"], "audio": ["speech_perception"]}
    assert (part.atlas, part.prior) == ("small", "brain")

import pytest

from brainray.atlas.functions import distinct_functions
from brainray.errors import ScenarioError

TABLE = {
    "shape": "vision.shape",
    "visual_perception": "vision.other",
    "visual_motion": "vision.motion",
    "motion": "vision.motion",
    "speech_perception": "audition.speech",
    "listening": "audition.speech",
    "basic_hearing": "audition.sound",
    "fear": "emotion.fear",
    "reading": "language.reading",
    "semantics": "language.semantics",
}


def test_each_counts_once_whatever_the_order():
    assert distinct_functions("x", ["shape", "fear", "shape"], TABLE) == ("fear", "shape")
    assert distinct_functions("x", ["motion"], TABLE) == ("motion",)  # a synonym is one


def test_a_misspelt_function_names_its_neighbor():
    with pytest.raises(ScenarioError) as error:
        distinct_functions("image", ("shap",), TABLE)
    message = str(error.value)
    assert message.startswith("inputs.image.functions: unknown function 'shap', did you mean ")
    assert "'shape'" in message
    assert "Known are basic_hearing, fear" in message
    assert message.endswith("and 2 more")
    assert "\n" not in message


def test_an_unheard_of_function_names_some_known_ones():
    with pytest.raises(ScenarioError) as error:
        distinct_functions("nose", ("zzz",), {"fear": "emotion.fear"})
    assert str(error.value) == "inputs.nose.functions: unknown function 'zzz'. Known are fear"


def test_an_input_without_functions_is_refused():
    with pytest.raises(ScenarioError, match=r"inputs\.nose\.functions: must name at least one"):
        distinct_functions("nose", (), TABLE)

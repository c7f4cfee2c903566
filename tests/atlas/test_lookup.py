import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainray.atlas.interface import Pathway
from brainray.atlas.lookup import activate, sub_regions_of
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
DIGITS = {
    "image": ("visual_perception", "shape"),
    "audio": ("speech_perception", "listening"),
}
functions_of_inputs = st.dictionaries(
    st.sampled_from(["image", "audio", "text"]),
    st.lists(st.sampled_from(sorted(TABLE)), min_size=1, max_size=5),
    max_size=3,
)


def test_a_sub_region_weighs_the_functions_that_it_carries():
    assert activate(DIGITS, TABLE) == Pathway(
        sub_regions={"audition.speech": 1.0, "vision.other": 0.5, "vision.shape": 0.5},
        connections=(
            ("audition.speech", "vision.other", 0.5),
            ("audition.speech", "vision.shape", 0.5),
            ("vision.other", "vision.shape", 0.5),
        ),
    )


def test_the_strongest_come_first_then_the_name_decides():
    order = list(activate(DIGITS, TABLE).sub_regions)
    assert order == ["audition.speech", "vision.other", "vision.shape"]


def test_two_inputs_with_one_function_excite_it_twice():
    pathway = activate({"left": ("shape", "fear"), "right": ("shape",)}, TABLE)
    assert pathway.sub_regions == {"vision.shape": 1.0, "emotion.fear": 0.5}


def test_naming_a_function_twice_changes_nothing():
    once = activate({"image": ("shape", "fear")}, TABLE)
    assert activate({"image": ("shape", "fear", "shape")}, TABLE) == once


def test_each_input_excites_its_own_sub_regions():
    assert sub_regions_of({**DIGITS, "film": ("motion", "basic_hearing")}, TABLE) == {
        "image": ("vision.other", "vision.shape"),
        "audio": ("audition.speech",),
        "film": ("audition.sound", "vision.motion"),
    }


def test_json_is_made_of_dictionaries_and_lists():
    assert activate({"image": ("shape", "fear")}, TABLE).to_json() == {
        "sub_regions": {"emotion.fear": 1.0, "vision.shape": 1.0},
        "connections": [["emotion.fear", "vision.shape", 1.0]],
        "integration": {},
    }


@given(functions=functions_of_inputs)
def test_weights_connections_and_inputs_agree(functions):
    pathway = activate(functions, TABLE)
    weights = pathway.sub_regions
    excited = sub_regions_of(functions, TABLE)
    assert set(weights) == {region for regions in excited.values() for region in regions}
    assert all(0 < weight <= 1 for weight in weights.values())
    assert not weights or max(weights.values()) == 1
    assert len(pathway.connections) == len(weights) * (len(weights) - 1) // 2
    assert all(w == min(weights[a], weights[b]) for a, b, w in pathway.connections)


@given(functions=functions_of_inputs, random=st.randoms(use_true_random=False))
def test_no_order_matters(functions, random):
    def shuffled(items):
        items = list(items)
        random.shuffle(items)
        return items

    mixed = {name: shuffled(given) for name, given in shuffled(functions.items())}
    first, second = activate(functions, TABLE), activate(mixed, dict(shuffled(TABLE.items())))
    assert first == second
    assert list(first.sub_regions) == list(second.sub_regions)


@pytest.mark.parametrize("look_up", [activate, sub_regions_of])
class TestRefused:
    def test_a_misspelt_function_names_its_neighbor(self, look_up):
        with pytest.raises(ScenarioError) as error:
            look_up({"image": ("shap",)}, TABLE)
        message = str(error.value)
        assert message.startswith("inputs.image.functions: unknown function 'shap', did you mean ")
        assert "'shape'" in message
        assert "Known are basic_hearing, fear" in message
        assert message.endswith("and 2 more")
        assert "\n" not in message

    def test_an_unheard_of_function_names_some_known_ones(self, look_up):
        with pytest.raises(ScenarioError) as error:
            look_up({"nose": ("zzz",)}, {"fear": "emotion.fear"})
        assert str(error.value) == ("inputs.nose.functions: unknown function 'zzz'. Known are fear")

    def test_an_input_without_functions_is_refused(self, look_up):
        with pytest.raises(ScenarioError, match=r"inputs\.nose\.functions: must name at least one"):
            look_up({"nose": ()}, TABLE)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainray.atlas.activation import Mechanism
from brainray.atlas.mechanism_settings import MechanismSettings
from brainray.errors import AtlasError, ScenarioError
from brainray.testing.small_atlas import reordered, small_atlas

LETTERS = "ABCDEFGH"
EXAMPLE = {
    "degrees": {f"f_{x}": {x.upper(): 1.0} for x in LETTERS.lower()},
    "sub_regions": {f"f_{x}": f"x.{x}" for x in LETTERS.lower()},
}
SUB_REGIONS = {
    "shape": "vision.shape",
    "visual_perception": "vision.other",
    "visual_motion": "vision.motion",
    "listening": "audition.sound",
    "speech_perception": "audition.speech",
    "fear": "emotion.fear",
    "smell": "olfaction.smell",
}
DEGREES = {
    "shape": {"LOC": 3.0, "V1": 1.2},
    "visual_perception": {"V1": 4.0, "V5": 2.5, "LOC": 1.0},
    "visual_motion": {"V5": 5.0, "V1": 1.0},
    "listening": {"A1": 2.0, "STG": 1.5},
    "speech_perception": {"STG": 6.0, "A1": 2.0},
    "fear": {"AMY": 1.0},
}
FUNCTIONAL = {
    ("V1", "V5"): 0.7,
    ("V1", "LOC"): 0.6,
    ("V5", "LOC"): 0.4,
    ("A1", "STG"): 0.8,
    ("LOC", "STG"): 0.2,
    ("STG", "AMY"): 0.1,
    ("V1", "AMY"): -0.3,
}
SYNONYMS = {"motion": "visual_motion", "sound": "listening"}
ATLAS = small_atlas(DEGREES, SUB_REGIONS, FUNCTIONAL, synonyms=SYNONYMS)
DIGITS = {"image": ("visual_perception", "shape"), "audio": ("speech_perception", "listening")}

strengths_of_atlas = st.lists(
    st.floats(0, 10), min_size=len(ATLAS.rois), max_size=len(ATLAS.rois)
).map(np.array)
spreadings = st.floats(0, 0.95)
functions_of_inputs = st.dictionaries(
    st.sampled_from(["image", "audio", "text"]),
    st.lists(st.sampled_from(sorted([*SUB_REGIONS, *SYNONYMS])), min_size=1, max_size=5),
    min_size=1,
    max_size=3,
)


class TestRaw:
    @settings(max_examples=40)
    @given(stimulus=strengths_of_atlas, more=strengths_of_atlas, spreading=spreadings)
    def test_it_is_not_negative_and_grows_with_the_stimulus(self, stimulus, more, spreading):
        mechanism = Mechanism(ATLAS, MechanismSettings(spreading=spreading))
        less = mechanism.raw(stimulus)
        assert (less >= 0).all()
        assert (mechanism.raw(stimulus + more) >= less).all()

    @settings(max_examples=40)
    @given(order=st.permutations(range(len(ATLAS.rois))), stimulus=strengths_of_atlas)
    def test_the_order_of_rois_does_not_matter(self, order, stimulus):
        mixed = Mechanism(reordered(ATLAS, order), MechanismSettings(edges=2))
        plain = Mechanism(ATLAS, MechanismSettings(edges=2))
        np.testing.assert_allclose(
            mixed.raw(stimulus[list(order)]), plain.raw(stimulus)[list(order)], atol=1e-12
        )

    @settings(max_examples=40)
    @given(first=strengths_of_atlas, second=strengths_of_atlas)
    def test_several_stimuli_at_once_and_their_sum(self, first, second):
        mechanism = Mechanism(ATLAS)
        both = mechanism.raw(np.stack([first, second], axis=1))
        np.testing.assert_allclose(both[:, 0], mechanism.raw(first), atol=1e-12)
        np.testing.assert_allclose(both.sum(axis=1), mechanism.raw(first + second), atol=1e-6)

    @pytest.mark.parametrize("nearness", [0.0, 0.5, 1.0])
    def test_it_is_the_limit_of_the_series(self, nearness):
        mechanism = Mechanism(ATLAS, MechanismSettings(nearness=nearness))
        distance_mm = np.abs(np.subtract.outer(*2 * [ATLAS.coordinates[:, 1]]))
        near = np.exp(-distance_mm / 20) - np.eye(len(ATLAS.rois))
        passed = 0.0
        for weights, share in ((mechanism.connectome_RR.toarray(), 1 - nearness), (near, nearness)):
            root = np.sqrt(weights.sum(axis=0))
            passed += share * weights / np.outer(root, root)
        stimulus = mechanism.stimulus(["visual_motion", "fear"])
        exact = 0.7 * np.linalg.solve(np.eye(len(root)) - 0.3 * passed, stimulus)
        np.testing.assert_allclose(mechanism.raw(stimulus), exact, atol=2e-8)


class TestFunctions:
    def test_what_the_inputs_excite(self):
        activation = Mechanism(ATLAS).by_functions(DIGITS)
        assert set(activation.pathway.sub_regions) >= {
            "vision.shape",
            "vision.other",
            "audition.speech",
            "audition.sound",
        }
        assert "emotion.fear" not in activation.pathway.sub_regions
        assert set(activation.inputs["audio"]) == {"audition.speech", "audition.sound"}
        assert max(activation.rois.values()) == next(iter(activation.rois.values())) == 1
        assert "AMY" not in activation.rois or activation.rois["AMY"] < 0.1

    def test_a_synonym_means_its_function_and_counts_once(self):
        mechanism = Mechanism(ATLAS)
        once = mechanism.by_functions({"film": ("visual_motion",)})
        assert mechanism.by_functions({"film": ("motion", "visual_motion")}) == once

    def test_a_function_without_rois_gets_its_sub_region_at_the_threshold(self):
        mechanism = Mechanism(ATLAS)
        pathway = mechanism.by_functions({"nose": ("smell", "fear")}).pathway
        assert 0 < pathway.sub_regions["olfaction.smell"] == min(pathway.sub_regions.values())
        assert not any("olfaction.smell" in pair[:2] for pair in pathway.connections)
        alone = mechanism.by_functions({"nose": ("smell",)})
        assert alone.pathway.sub_regions == {"olfaction.smell": 1.0}
        assert alone.inputs == {"nose": ("olfaction.smell",)}

    def test_what_contributes_adds_up(self):
        mechanism = Mechanism(ATLAS)
        functions = ["shape", "fear", "listening"]
        parts = mechanism.contributions(functions)
        assert sorted(parts) == sorted(functions)
        whole = mechanism.raw(mechanism.stimulus(functions))
        np.testing.assert_allclose(sum(parts.values()), whole, atol=1e-12)
        assert parts["fear"][ATLAS.names.index("AMY")] == parts["fear"].max()

    @settings(max_examples=40)
    @given(functions=functions_of_inputs, random=st.randoms(use_true_random=False))
    def test_no_order_of_inputs_or_functions_matters(self, functions, random):
        mixed = list(functions.items())
        random.shuffle(mixed)
        shuffled = {name: random.sample(given, len(given)) for name, given in mixed}
        mechanism = Mechanism(ATLAS)
        first, second = mechanism.by_functions(functions), mechanism.by_functions(shuffled)
        assert first == second
        assert list(first.pathway.sub_regions.items()) == list(second.pathway.sub_regions.items())

    @settings(max_examples=40)
    @given(functions=functions_of_inputs)
    def test_weights_connections_and_inputs_agree(self, functions):
        activation = Mechanism(ATLAS).by_functions(functions)
        weights = activation.pathway.sub_regions
        assert list(weights.values()) == sorted(weights.values(), reverse=True)
        assert max(weights.values()) == 1
        assert min(weights.values()) > 0
        order = {name: i for i, name in enumerate(weights)}
        for a, b, weight in activation.pathway.connections:
            assert order[a] < order[b]
            assert 0 < weight <= 1
        assert set(activation.pathway.integration) == set(weights)
        for name, given_functions in functions.items():
            asked = {ATLAS.sub_regions[function] for function in given_functions}
            assert asked <= set(activation.inputs[name]) <= set(weights)


class TestObservation:
    @pytest.mark.parametrize("connectome", ["functional", "structural", "distance"])
    @settings(max_examples=40)
    @given(
        strengths=st.lists(st.floats(1e-3, 1e3), min_size=6, max_size=6),
        pairs=st.dictionaries(
            st.tuples(st.sampled_from(LETTERS), st.sampled_from(LETTERS)).filter(
                lambda pair: pair[0] < pair[1]
            ),
            st.floats(0.01, 1),
            min_size=1,
        ),
    )
    def test_the_example_of_the_paper(self, connectome, strengths, pairs):
        atlas = small_atlas(**EXAMPLE, functional=pairs, structural=pairs)
        mechanism = Mechanism(atlas, MechanismSettings(connectome=connectome))
        activation = mechanism.by_observation(
            dict(zip("ABCEFG", strengths, strict=True)), ["image", "audio"]
        )
        assert set(activation.pathway.sub_regions) == {f"x.{x}" for x in "abcefg"}
        assert set(activation.rois) <= set("ABCEFG")
        assert activation.inputs["image"] == tuple(activation.pathway.sub_regions)
        assert activation.inputs["audio"] == tuple(activation.pathway.sub_regions)

    @settings(max_examples=40)
    @given(
        strengths=st.dictionaries(st.sampled_from(ATLAS.names), st.floats(0.01, 100), min_size=1),
        scale=st.floats(1e-6, 1e6),
        complete=st.booleans(),
    )
    def test_the_scale_of_the_strengths_does_not_matter(self, strengths, scale, complete):
        mechanism = Mechanism(ATLAS)
        scaled = {name: strength * scale for name, strength in strengths.items()}
        first = mechanism.by_observation(strengths, ["image"], complete).pathway
        second = mechanism.by_observation(scaled, ["image"], complete).pathway
        assert first.sub_regions == pytest.approx(second.sub_regions, abs=1e-8)

    def test_completion_fills_what_is_missing_and_keeps_what_is_observed(self):
        mechanism = Mechanism(ATLAS)
        seen = {"V1": 2.0, "V5": 1.0, "AMY": 0.0}
        masked = mechanism.by_observation(seen, ["film"])
        completed = mechanism.by_observation(seen, ["film"], complete=True)
        assert set(masked.rois) <= {"V1", "V5"}
        assert "LOC" in completed.rois
        assert "AMY" not in completed.rois
        assert set(masked.pathway.sub_regions) <= set(completed.pathway.sub_regions)

    @pytest.mark.parametrize(
        ("strengths", "message"),
        [
            ({}, r"activation\.rois: must name at least one ROI"),
            ({"LO": 1.0}, r"activation\.rois: unknown ROI 'LO', did you mean 'LOC'"),
            ({"V1": -1.0}, r"activation\.rois\.V1: strength -1\.0 must be .* at least 0"),
            ({"V1": float("nan")}, r"activation\.rois\.V1: strength nan must be a finite"),
            ({"V1": 0.0, "V5": 0.0}, r"activation\.rois: the strengths of V1, V5 are all 0"),
        ],
    )
    def test_what_is_refused(self, strengths, message):
        with pytest.raises(ScenarioError, match=message):
            Mechanism(ATLAS).by_observation(strengths, ["image"])

    def test_rois_of_no_sub_region_are_refused(self):
        atlas = small_atlas({"fear": {"AMY": 1.0}}, SUB_REGIONS, {("AMY", "X"): 1.0})
        with pytest.raises(ScenarioError, match=r"activation\.rois: X belong to no sub-region"):
            Mechanism(atlas).by_observation({"X": 1.0}, ["image"])


class TestVariants:
    def test_each_changes_one_thing(self):
        brain = Mechanism(ATLAS, MechanismSettings(edges=2))
        stimulus = brain.stimulus(["shape"])
        np.testing.assert_array_equal(brain.variant("direct").raw(stimulus), stimulus)
        assert brain.variant("brain").settings == brain.settings
        assert brain.variant("distance").settings.connectome == "distance"
        shuffled = [brain.variant("shuffled", seed).connectome_RR.toarray() for seed in (1, 1, 2)]
        np.testing.assert_array_equal(shuffled[0], shuffled[1])
        assert (shuffled[0] != shuffled[2]).any()
        assert shuffled[0].sum() == pytest.approx(brain.connectome_RR.sum())

    def test_a_connectome_that_is_not_there_is_refused(self):
        with pytest.raises(AtlasError, match="'small' has no structural relation"):
            Mechanism(ATLAS, MechanismSettings(connectome="structural"))

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("spreading", 1.0),
            ("edges", 0),
            ("nearness", 1.5),
            ("inhibition", -0.1),
            ("threshold", -1.0),
            ("membership", 0.0),
            ("floor", 1.1),
        ],
    )
    def test_settings_out_of_range_are_refused(self, field, value):
        with pytest.raises(AtlasError, match=rf"activation\.{field}: {value} must be"):
            MechanismSettings(**{field: value})


class TestRefused:
    def test_a_misspelt_function_names_its_neighbor(self):
        with pytest.raises(ScenarioError) as error:
            Mechanism(ATLAS).by_functions({"image": ("shap",)})
        message = str(error.value)
        assert message.startswith("inputs.image.functions: unknown function 'shap', did you mean ")
        assert "'shape'" in message
        assert "Known are fear, listening, motion" in message
        assert message.endswith("and 1 more")
        assert "\n" not in message

    def test_an_input_without_functions_is_refused(self):
        with pytest.raises(ScenarioError, match=r"inputs\.nose\.functions: must name at least one"):
            Mechanism(ATLAS).by_functions({"nose": ()})

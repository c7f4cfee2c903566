import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainray.atlas.activation import Mechanism
from brainray.atlas.explanation import Explainer, links
from brainray.atlas.interface import Activation, Pathway
from brainray.atlas.mechanism_settings import MechanismSettings
from brainray.scenario.brain import Explanation
from brainray.testing.small_atlas import small_atlas

SUB_REGIONS = {
    "shape": "vision.shape",
    "listening": "audition.sound",
    "speech_perception": "audition.speech",
    "smell": "olfaction.smell",
}
ATLAS = small_atlas(
    degrees={
        "shape": {"LOC": 4.0, "V4": 3.0, "V1": 1.0},
        "listening": {"A1": 2.0},
        "speech_perception": {"STG": 5.0},
    },
    sub_regions=SUB_REGIONS,
    functional={("A1", "STG"): 0.5, ("LOC", "V4"): 0.8, ("LOC", "V1"): 0.1},
    synonyms={"sound": "listening"},
)
PATHWAY = Pathway(
    sub_regions={"audition.sound": 1.0, "vision.shape": 0.75, "audition.speech": 0.5},
    connections=(
        ("audition.sound", "vision.shape", 0.1),
        ("audition.sound", "audition.speech", 0.9),
        ("vision.shape", "audition.speech", 0.6),
    ),
)
REACHED = ("audition.sound", "audition.speech")
ACTIVATION = Activation(
    PATHWAY,
    inputs={"audio": REACHED, "image": ("vision.shape",)},
    rois={"A1": 1.0, "LOC": 0.8, "STG": 0.3, "V4": 0.9},
)


def explainer(**functions: tuple[str, ...]) -> Explainer:
    return Explainer(Mechanism(ATLAS, MechanismSettings(nearness=0.0)), ACTIVATION, functions)


class TestFunctions:
    def test_the_shares_of_two_functions_by_hand(self):
        # A1 and STG are each other's only relation: activation goes to and fro between them, and
        # of what excites the one, 0.7 / (1 - 0.3^2) stays there and 0.3 times as much is passed.
        found = explainer(audio=("listening", "speech_perception")).explain(
            "net", ["audition.speech"], "audio"
        )
        assert found.functions == pytest.approx(
            {"speech_perception": 1 / 1.3, "listening": 0.3 / 1.3}, abs=1e-6
        )
        assert list(found.functions) == ["speech_perception", "listening"]
        assert found.spread == pytest.approx(0.3, abs=1e-6)

    def test_a_function_that_two_inputs_ask_for_counts_twice(self):
        asked = explainer(audio=("sound", "speech_perception"), film=("listening",))
        found = asked.explain("net", ["audition.speech"], "audio")
        assert found.functions == pytest.approx(
            {"speech_perception": 1 / 1.6, "listening": 0.6 / 1.6}, abs=1e-6
        )

    def test_what_was_not_asked_for_is_reached_over_connections_alone(self):
        found = explainer(audio=("sound",)).explain("net", ["audition.speech"], "audio")
        assert found.functions == {"listening": 1.0}
        assert found.spread == 1.0
        assert not found.asked
        assert found.reason == (
            "audition.speech was not asked for but reached: 100 % of its activation is by "
            "listening, and 100 % spread from other ROIs; its strongest link to what was "
            "asked for is audition.sound 0.90. It ranks 3 of 3 in the pathway, with weight 0.50."
        )

    @given(
        functions=st.lists(st.sampled_from([*SUB_REGIONS, "sound"]), min_size=1),
        sub_region=st.sampled_from(sorted(PATHWAY.sub_regions)),
    )
    def test_shares_are_positive_and_sum_to_one(self, functions, sub_region):
        found = explainer(one=tuple(functions)).explain("net", [sub_region], "one")
        shares = list(found.functions.values())
        assert all(share > 0 for share in shares)
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1) or not shares
        assert (found.spread is None) == (not shares)

    def test_no_order_of_inputs_or_functions_matters(self):
        first = explainer(audio=("sound", "speech_perception"), image=("shape",))
        second = explainer(image=("shape",), audio=("speech_perception", "listening"))
        for sub_region in PATHWAY.sub_regions:
            assert first.explain("net", [sub_region], "audio") == second.explain(
                "net", [sub_region], "audio"
            )


class TestSubRegion:
    def test_who_asked_for_what(self):
        found = explainer(image=("shape",), audio=("sound",), film=("listening",))
        assert found.explain("net", ["audition.sound"], "audio").reason == (
            "audition.sound carries listening, which audio and film asked for. "
            "It ranks 1 of 3 in the pathway, with weight 1.00."
        )

    def test_the_strongest_that_the_input_reaches_counts(self):
        found = explainer(image=("shape",), audio=("sound",))
        everywhere = ["vision.shape", "audition.sound"]
        image, audio = (found.explain("net", everywhere, name) for name in ("image", "audio"))
        assert (image.sub_region, image.rank, image.weight) == ("vision.shape", 2, 0.75)
        assert (audio.sub_region, audio.rank, audio.weight) == ("audition.sound", 1, 1.0)

    def test_a_finer_part_lies_in_its_sub_region(self):
        found = explainer(image=("shape",)).explain("net", ["vision.shape.round"], "image")
        assert found.sub_region == "vision.shape"
        assert found.asked

    def test_a_network_that_was_moved_away(self):
        found = explainer(image=("shape",)).explain("net", ["emotion.fear"], "image")
        assert (found.sub_region, found.rank, found.weight) == ("emotion.fear", None, 0.0)
        assert (found.functions, found.rois, found.connections) == ({}, [], [])
        assert "not in the pathway" in found.reason

    def test_what_no_input_reaches_connects(self):
        pathway = Pathway(PATHWAY.sub_regions, PATHWAY.connections)
        inputs = {"image": ("vision.shape",), "audio": ("audition.sound",)}
        between = Activation(pathway, inputs, ACTIVATION.rois)
        asked = {"image": ("shape",), "audio": ("sound",)}
        found = Explainer(Mechanism(ATLAS), between, asked).explain(
            "net", ["audition.speech"], "audio"
        )
        assert found.reason == (
            "audition.speech is reached by no input, but connects what they reach. "
            "It ranks 3 of 3 in the pathway, with weight 0.50."
        )

    def test_observed_rois_ask_for_no_function(self):
        found = explainer().explain("net", ["vision.shape"], "image")
        assert (found.functions, found.spread, found.asked) == ({}, None, False)
        assert found.reason.startswith("vision.shape has ROIs that are active. It ranks 2 of 3")


class TestRois:
    def test_the_active_ones_that_belong_to_the_sub_region(self):
        rois = explainer(image=("shape",)).explain("net", ["vision.shape"], "image").rois
        # V1 is below half of the peak, so it does not belong to it.
        assert [roi.name for roi in rois] == ["V4", "LOC"]
        assert (rois[0].function, rois[0].degree, rois[0].relative) == ("shape", 3.0, 0.75)
        assert rois[0].strength == 0.9
        assert rois[0].coordinates == tuple(ATLAS.coordinates[ATLAS.names.index("V4")])


class TestConnections:
    def test_the_strongest_way_may_be_longer(self):
        found = {link.to: link for link in links(PATHWAY, "audition.sound")}
        assert list(found) == ["audition.speech", "vision.shape"]
        assert found["audition.speech"].through == []
        assert found["vision.shape"].through == ["audition.speech"]
        assert found["vision.shape"].weight == 0.6

    def test_of_equal_ways_the_shortest_then_names_decide(self):
        pathway = Pathway(
            dict.fromkeys("abcd", 1.0),
            (("a", "b", 1.0), ("a", "c", 1.0), ("b", "c", 1.0), ("b", "d", 1.0), ("c", "d", 1.0)),
        )
        assert [(link.to, link.through) for link in links(pathway, "a")] == [
            ("b", []),
            ("c", []),
            ("d", ["b"]),
        ]

    def test_the_way_is_not_longer_than_its_weakest_connection_asks_for(self):
        # The way from a to b is stronger through x, but not that from a to c.
        pathway = Pathway(
            dict.fromkeys("abcx", 1.0),
            (("a", "b", 0.6), ("a", "x", 0.9), ("b", "x", 0.9), ("b", "c", 0.5)),
        )
        assert [str(link) for link in links(pathway, "a")] == [
            "b 0.90 (through x)",
            "x 0.90",
            "c 0.50 (through b)",
        ]

    def test_what_is_not_connected_has_none(self):
        assert links(Pathway({"a": 1.0, "b": 1.0}, ()), "a") == []


def test_it_survives_json():
    found = explainer(image=("shape",), audio=("sound",)).explain("net", ["vision.shape"], "image")
    assert Explanation.model_validate_json(found.model_dump_json()) == found

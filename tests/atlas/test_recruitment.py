"""What the inputs of a scenario excite is connected by further sub-regions, where any can."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainray.atlas.activation import Mechanism
from brainray.atlas.recruitment import recruit
from brainray.testing.small_atlas import small_atlas


def test_what_is_connected_already_needs_nobody() -> None:
    kept = (("a", "b", 0.1),)
    assert recruit([{"a"}, {"b"}], kept, (("a", "b", 0.1), ("a", "c", 1.0), ("c", "b", 1.0))) == ()


def test_inputs_that_share_a_sub_region_are_connected() -> None:
    assert recruit([{"a", "b"}, {"b"}], (), (("a", "b", 1.0),)) == ()


def test_the_strongest_way_is_taken_not_the_shortest() -> None:
    possible = (("a", "b", 0.2), ("a", "c", 0.9), ("c", "d", 0.8), ("d", "b", 0.7))
    ways = recruit([{"a"}, {"b"}], (), possible)
    assert ways == (("a", "c", 0.9), ("b", "d", 0.7), ("c", "d", 0.8))
    assert recruit([{"a"}, {"b"}], (), (("a", "b", 0.6), *possible[1:])) == (("a", "b", 0.6),)


def test_active_sub_regions_of_nobody_may_lie_on_the_way() -> None:
    kept = (("c", "d", 0.1),)  # active together, but no input reaches them
    possible = (("a", "c", 0.5), ("d", "b", 0.5), ("c", "d", 0.1))
    ways = recruit([{"a"}, {"b"}], kept, possible)
    assert ways == (("a", "c", 0.5), ("b", "d", 0.5))


def test_where_nothing_leads_nothing_is_recruited() -> None:
    assert recruit([{"a"}, {"b"}], (), (("a", "c", 1.0),)) == ()
    assert recruit([{"a"}, {"b"}, {"c"}], (), (("a", "c", 1.0),)) == (("a", "c", 1.0),)


@given(
    weights=st.dictionaries(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")).filter(
            lambda pair: pair[0] < pair[1]
        ),
        st.sampled_from([0.1, 0.3, 0.5, 0.9, 1.0]),
    ),
    order=st.randoms(use_true_random=False),
)
def test_a_way_is_as_strong_as_the_strongest_and_no_order_matters(weights, order) -> None:
    possible = [(a, b, weight) for (a, b), weight in weights.items()]
    ways = recruit([{"a"}, {"f"}], (), tuple(possible))
    order.shuffle(possible)
    assert recruit([{"f"}, {"a"}], (), tuple(possible)) == ways
    best = max(_products("a", "f", {}, weights), default=None)
    assert bool(ways) == (best is not None)
    if best is not None:
        assert math.isclose(math.prod(weight for *_, weight in ways), best)


def _products(here, end, seen, weights):
    """Yield the product of weights of every way from here to the end."""
    trail = [*seen, here]
    if here == end:
        yield math.prod(weights[min(a, b), max(a, b)] for a, b in pairwise(trail))
        return
    for a, b in weights:
        other = b if a == here else a if b == here else None
        if other is not None and other not in trail:
            yield from _products(other, end, dict.fromkeys(trail), weights)


ATLAS = small_atlas(
    {f: {f.upper(): 1.0} for f in ("shape", "speech", "reading", "fear", "smell", "pain", "joy")},
    {
        "shape": "vision.shape",
        "speech": "audition.speech",
        "reading": "language.reading",
        "fear": "emotion.fear",
        "smell": "olfaction.smell",
        "pain": "pain.pain",
        "joy": "emotion.joy",
    },
    functional={
        ("SHAPE", "READING"): 0.5,
        ("READING", "SPEECH"): 0.02,
        ("SHAPE", "FEAR"): 0.02,
        ("FEAR", "SPEECH"): 0.02,
        ("SMELL", "PAIN"): 0.8,
        ("JOY", "FEAR"): 0.8,
    },
)


def test_a_pathway_recruits_what_connects_sight_and_sound() -> None:
    found = Mechanism(ATLAS).by_functions({"image": ["shape"], "audio": ["speech"]})
    weights, pairs = found.pathway.sub_regions, {c[:2] for c in found.pathway.connections}
    assert "language.reading" in weights
    assert "emotion.fear" not in weights  # the way through it is weaker
    assert all("language.reading" not in reached for reached in found.inputs.values())
    joined = {frozenset(pair) for pair in pairs}
    assert frozenset({"language.reading", "audition.speech"}) in joined
    assert max(found.pathway.integration, key=found.pathway.integration.__getitem__) == (
        "language.reading"
    )
    assert all(0 < weight <= 1 for weight in weights.values())


def test_one_input_recruits_nobody() -> None:
    alone = Mechanism(ATLAS).by_functions({"all": ["shape", "speech"]})
    assert "emotion.fear" not in alone.pathway.sub_regions


@pytest.mark.parametrize("strength", [0.1, 7.0])
def test_nothing_that_was_not_observed_is_recruited(strength: float) -> None:
    observed = {"SHAPE": strength, "SPEECH": strength}
    found = Mechanism(ATLAS).by_observation(observed, ["image", "audio"])
    assert set(found.pathway.sub_regions) == {"vision.shape", "audition.speech"}

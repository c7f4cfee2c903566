import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainray.atlas.connectome import connectome
from brainray.atlas.regions import SubRegions, integration
from brainray.testing.small_atlas import small_atlas

HOMES = {"shape": "v.shape", "face": "v.shape", "speech": "a.speech", "sound": "a.sound"}
ATLAS = small_atlas(
    degrees={
        "shape": {"A": 2.0, "B": 1.0, "C": 0.4},
        "face": {"B": 4.0, "C": 3.0},
        "speech": {"C": 1.0, "D": 1.0},
        "sound": {"D": 3.0, "E": 2.0},
    },
    sub_regions={**HOMES, "smell": "o.smell"},
    functional={
        ("A", "C"): 0.4,
        ("A", "D"): 0.2,
        ("B", "D"): 0.6,
        ("C", "D"): 0.9,
        ("D", "E"): 0.3,
    },
)
NAMES = ("v.shape", "a.speech", "a.sound", "o.smell")


class TestMembers:
    def test_the_largest_relative_degree_counts(self):
        known = SubRegions(ATLAS, membership=0.5)
        assert known.names == ("a.sound", "a.speech", "v.shape")
        np.testing.assert_allclose(known.degree_RK[:, 2], [1, 1, 0.75, 0, 0])
        np.testing.assert_array_equal(known.peak_RK[:, 2], [True, True, False, False, False])
        assert known.with_peak_among(np.array([False, True, False, True, False])) == set(
            known.names
        )

    def test_below_the_bound_an_roi_is_no_member(self):
        known = SubRegions(ATLAS, membership=0.8)
        np.testing.assert_allclose(known.member_RK[:, 2], [1, 1, 0, 0, 0])
        np.testing.assert_allclose(known.degree_RK[2, 2], 0.75)

    def test_weights_are_cosines(self):
        known = SubRegions(ATLAS, membership=0.5)
        np.testing.assert_allclose(known.weights(3 * known.degree_RK[:, 1])[1], 1.0)
        assert (known.weights(np.zeros(5)) == 0).all()


class TestConnections:
    def test_by_hand(self):
        known = SubRegions(ATLAS, membership=0.5)
        found = known.connections(connectome(ATLAS), NAMES, floor=0.0)
        # v.shape is A, B, C; a.speech C, D; a.sound D, E. C-C is in both, so five pairs are left.
        shape_speech = (0.4 + 0.2 + 0.6 + 0.9) / 5
        shape_sound = (0.2 + 0.6 + 0.9) / 6
        speech_sound = (0.9 + 0.3) / 3
        assert found == (
            ("v.shape", "a.speech", pytest.approx(1.0)),
            ("v.shape", "a.sound", pytest.approx(shape_sound / shape_speech)),
            ("a.speech", "a.sound", pytest.approx(speech_sound / shape_speech)),
        )
        assert len(known.connections(connectome(ATLAS), NAMES, floor=0.9)) == 2

    def test_what_has_the_same_rois_is_connected_by_them(self):
        same = {"a": {"A": 1.0, "B": 1.0}, "b": {"A": 1.0, "B": 1.0}, "c": {"D": 1.0}}
        atlas = small_atlas(
            {**same, "d": {"D": 1.0}},
            {name: f"x.{name}" for name in "abcd"},
            {("A", "B"): 0.5, ("B", "D"): 0.5},
        )
        found = SubRegions(atlas, 0.5).connections(
            connectome(atlas), ("x.a", "x.b", "x.c", "x.d"), 0
        )
        weights = {(a, b): weight for a, b, weight in found}
        assert weights[("x.a", "x.b")] == 1.0
        assert weights[("x.a", "x.c")] == 0.5
        assert weights[("x.c", "x.d")] == 1.0

    def test_without_relations_nothing_is_connected(self):
        known = SubRegions(ATLAS, 0.5)
        apart = connectome(ATLAS) * 0.0
        assert known.connections(apart, NAMES, floor=0.0) == ()


weights = st.dictionaries(
    st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda pair: pair[0] < pair[1]),
    st.floats(0.05, 1.0),
    max_size=15,
)


class TestIntegration:
    def test_all_of_it_goes_through_what_lies_between(self):
        chain = (("a", "b", 0.3), ("b", "c", 1.0))
        assert integration(("a", "b", "c"), chain) == pytest.approx({"a": 0, "b": 1, "c": 0})

    def test_what_nothing_connects_counts_as_nothing(self):
        chains = (("a", "b", 1.0), ("b", "c", 1.0), ("d", "e", 1.0))
        found = integration(tuple("abcde"), chains)
        assert found == pytest.approx({"a": 0, "b": 1 / 6, "c": 0, "d": 0, "e": 0})

    @pytest.mark.parametrize("names", [(), ("a",), ("a", "b")])
    def test_without_two_others_it_is_0(self, names):
        connections = (("a", "b", 1.0),) if len(names) == 2 else ()
        assert integration(names, connections) == dict.fromkeys(names, 0.0)

    @given(weights)
    def test_it_is_the_current_flow_betweenness(self, weights):
        graph = networkx.Graph()
        graph.add_nodes_from(range(6))
        graph.add_weighted_edges_from((a, b, weight) for (a, b), weight in weights.items())
        found = integration(
            tuple(map(str, range(6))), tuple((str(a), str(b), w) for (a, b), w in weights.items())
        )
        for part in networkx.connected_components(graph):
            if len(part) < 3:
                continue
            size = len(part)
            # There relative to the pairs of the part, here to those of the whole.
            share = (size - 1) * (size - 2) / (5 * 4)
            for node, value in networkx.current_flow_betweenness_centrality(
                graph.subgraph(part), weight="weight"
            ).items():
                assert found[str(node)] == pytest.approx(value * share, abs=1e-6)

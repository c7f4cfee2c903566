"""An ONNX graph as a network."""

import numpy as np
import torch

from brainray.networks.interface import LOGITS
from brainray.networks.onnx import LinearHead, OnnxNetwork, OnnxTaps
from brainray.networks.onnx_file import read_graph
from brainray.networks.onnx_graph import Graph, Tap
from brainray.seeding import torch_generator
from brainray.testing.graphs import picture_graph

TAPS = (Tap("relu1", (4, 28, 28), 1), Tap("relu2", (6, 13, 13), 1), Tap("scores", (5,), 1))


def network(taps: tuple[Tap, ...] = TAPS, classes: int = 3) -> OnnxNetwork:
    graph = Graph(read_graph(picture_graph()), [tap.name for tap in taps])
    return OnnxNetwork(OnnxTaps(graph, taps), classes)


def pictures(count: int) -> torch.Tensor:
    return torch.rand((count, 1, 28, 28), generator=torch_generator(0, "pictures"))


def test_taps_are_averages_over_all_positions_and_the_logits_come_last():
    graph = Graph(read_graph(picture_graph()), ["relu2"])
    inputs = pictures(3)
    features = network().tap_features(inputs)
    assert {name: tuple(tap.shape) for name, tap in features.items()} == {
        "relu1": (3, 4),
        "relu2": (3, 6),
        "scores": (3, 5),
        LOGITS: (3, 3),
    }
    for row, sample in zip(features["relu2"], inputs, strict=True):
        maps = graph.run(sample.numpy())["relu2"][0]
        np.testing.assert_allclose(row, maps.mean((1, 2)), rtol=1e-5, atol=1e-6)


def test_features_on_the_last_axis_are_averaged_over_the_others():
    channels_last = (Tap("relu1", (4, 28, 28), 3),)
    features = network(channels_last).tap_features(pictures(2))["relu1"]
    assert features.shape == (2, 28)
    first = network().tap_features(pictures(2))["relu1"]
    torch.testing.assert_close(features.mean(1), first.mean(1))


def test_a_sample_has_the_same_taps_in_any_batch():
    inputs = pictures(5)
    together = network().taps.forward_taps(inputs)
    for number, sample in enumerate(inputs):
        alone = network().taps.forward_taps(sample[None])
        assert all(torch.equal(alone[name][0], together[name][number]) for name in together)


def test_only_the_head_is_trained():
    built = network()
    assert {name for name, _ in built.named_parameters()} == {
        "head.linear.weight",
        "head.linear.bias",
    }
    assert set(built.state_dict()) == {
        *(name for name, _ in built.named_parameters()),
        "head.mean",
        "head.deviation",
    }
    built(pictures(2)).sum().backward()
    assert built.head.linear.weight.grad.abs().sum() > 0


def test_a_graphs_own_logits_are_another_tap_than_those_of_the_scenario():
    tap = Tap(LOGITS, (5,), 1)
    assert tap.label == "graph.logits"


def test_a_head_scales_its_features_and_leaves_out_what_does_not_move():
    features = torch.rand((50, 3), generator=torch_generator(0, "features")) * 100 + 7
    features[:, 2] = 5.0
    head = LinearHead(3, 2)
    head.measure(features)
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]))
    scaled = head(features)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled.std(0, correction=0), torch.ones(2), atol=1e-4, rtol=0)

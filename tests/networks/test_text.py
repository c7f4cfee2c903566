import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from brainray import seeding
from brainray.errors import NetworkError
from brainray.networks.interface import TappedNetwork
from brainray.networks.preparation import BUCKETS, HashedWords
from brainray.networks.text import FastText, TextCNN

TAPS = {
    FastText: {"embedding": 64, "hidden": 32, "logits": 4},
    TextCNN: {"embedding": 64, "conv1": 32, "conv2": 32, "logits": 4},
}
NETWORKS = pytest.mark.parametrize("architecture", list(TAPS))


def build(architecture: type[TappedNetwork], tokens: int = 64) -> TappedNetwork:
    with seeding.torch_random(0, "test"):
        return architecture((tokens,), 4)


def prepared(texts: list[str], tokens: int = 64) -> torch.Tensor:
    return torch.tensor(np.stack([HashedWords(tokens).prepare(text) for text in texts]))


def fit(network: TappedNetwork, words: torch.Tensor, labels: torch.Tensor, epochs: int) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    order = seeding.torch_generator(0, "order")
    for _ in range(epochs):
        for rows in torch.randperm(len(labels), generator=order).split(32):
            optimizer.zero_grad()
            functional.cross_entropy(network(words[rows]), labels[rows]).backward()
            optimizer.step()


@NETWORKS
def test_taps_are_named_in_order_and_are_features(architecture):
    network = build(architecture)
    words = prepared(["so happy", "not at all", ""])
    taps = network.forward_taps(words)
    assert {name: tap.shape for name, tap in taps.items()} == {
        name: (3, width) for name, width in TAPS[architecture].items()
    }
    assert list(taps) == list(TAPS[architecture])
    features = network.tap_features(words)
    assert all(torch.equal(features[name], taps[name]) for name in taps)
    assert torch.equal(network(words), taps["logits"])


@NETWORKS
def test_the_embedding_tap_is_the_mean_of_the_words(architecture):
    network = build(architecture)
    tap = network.forward_taps(prepared(["one two two"]))["embedding"]
    one, two = prepared(["one two"])[0, :2]
    table = network.embedding.weight
    torch.testing.assert_close(tap[0], (table[one] + 2 * table[two]) / 3)


@NETWORKS
@settings(max_examples=25, deadline=None)
@given(text=st.text(max_size=30), more=st.integers(0, 40))
def test_padding_does_not_matter(architecture, text, more):
    network = build(architecture)
    tight = max(1, int(np.count_nonzero(HashedWords(64).prepare(text))))
    some = network.forward_taps(prepared([text], tight))
    padded = network.forward_taps(prepared([text], tight + more))
    for name in some:
        torch.testing.assert_close(some[name], padded[name])


@NETWORKS
def test_padding_does_not_matter_after_training_either(architecture):
    network = build(architecture)
    texts = ["good", "bad thing", "good good day", "bad"] * 8
    fit(network, prepared(texts), torch.tensor([0, 1, 0, 1] * 8), epochs=3)
    assert not network.embedding.weight[0].any()
    torch.testing.assert_close(network(prepared(texts, 5)), network(prepared(texts, 50)))


@NETWORKS
def test_an_empty_text_gives_finite_logits(architecture):
    assert build(architecture)(prepared([""])).isfinite().all()


def test_word_order_matters_to_the_convolutions_only():
    words = prepared(["dog bites the man", "man bites the dog"])
    first, second = build(FastText)(words)
    torch.testing.assert_close(first, second)
    first, second = build(TextCNN)(words)
    assert not torch.allclose(first, second)


def test_a_convolution_is_maximised_over_the_words():
    network = build(TextCNN, 6)
    words = prepared(["a b c d"], 6)
    embedded = network.embedding(words)[0, :4]
    windows = functional.pad(embedded, (0, 0, 1, 1)).unfold(0, 3, 1)
    scores = torch.einsum("tdk,fdk->tf", windows, network.conv1.weight) + network.conv1.bias
    tap = network.forward_taps(words)["conv1"][0]
    torch.testing.assert_close(tap, scores.amax(0).clamp(min=0))


@NETWORKS
def test_every_number_of_the_preparation_is_in_the_table(architecture):
    """`HashedWords` refuses more buckets, so that no word can miss the table."""
    words = torch.arange(BUCKETS).reshape(-1, 64)
    assert build(architecture)(words).isfinite().all()


@NETWORKS
@pytest.mark.parametrize("shape", [(), (0,), (1, 28, 28)])
def test_an_impossible_shape_is_refused(architecture, shape):
    with pytest.raises(NetworkError, match=r"must be \(tokens\)") as error:
        architecture(shape, 4)
    assert str(shape) in str(error.value)


@NETWORKS
def test_too_few_classes_are_refused(architecture):
    with pytest.raises(NetworkError, match="classes must be at least 2, not 1"):
        architecture((64,), 1)


@pytest.mark.data
@NETWORKS
def test_emotions_of_tweets_are_learned(architecture):
    """Four emotions; the most frequent one is 0.39 of the test split."""
    path = Path(os.environ["BRAINRAY_DATA"]) / "text_emotion" / "tweeteval_emotion.parquet"
    table = pq.read_table(path, columns=["split", "label_id", "text"]).to_pydict()
    words, labels = prepared(table["text"]), torch.tensor(table["label_id"])
    train, test = (
        torch.tensor([s == split for s in table["split"]]) for split in ("train", "test")
    )
    network = build(architecture)
    fit(network, words[train], labels[train], epochs=4)
    with torch.no_grad():
        right = network(words[test]).argmax(1) == labels[test]
    assert right.float().mean() > 0.55

"""The coordinated form: an embedding for each input, alike for one sample."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from brainray.fusion.coordinated import CoordinatedNetwork, similarity_loss
from brainray.fusion.features import Features, Spoiling
from brainray.fusion.forms import build, restore
from brainray.fusion.genome import Level, Wiring
from brainray.fusion.network import FusionNetwork, TapScale
from brainray.fusion.problem import FusionLoss, only
from brainray.training.loop import Recipe, fit

INPUTS = ("audio", "image")
WIRING = Wiring(
    {name: name for name in INPUTS},
    (Level(dict.fromkeys(INPUTS, "tap"), "concat"),) * 2,
    representation="coordinated",
)


@pytest.fixture
def network(
    redundant: Features, redundant_scales: dict[tuple[str, str], TapScale]
) -> FusionNetwork:
    temperatures, generator = dict.fromkeys(INPUTS, 1.0), torch.Generator().manual_seed(1)
    return build(WIRING, redundant_scales, temperatures, redundant.prior_C, 16, generator)


def embeddings(
    network: FusionNetwork, features: Features, inputs: tuple[str, ...]
) -> dict[str, torch.Tensor]:
    assert isinstance(network, CoordinatedNetwork)
    levels, _ = only(features, WIRING, inputs)
    return {name: value.detach() for name, value in network.embeddings(levels).items()}


def likeness(network: FusionNetwork, features: Features) -> float:
    """Return how much more alike a row's embeddings are than those of rows of unequal classes."""
    first, second = embeddings(network, features, INPUTS).values()
    cosine = functional.normalize(first, dim=1) @ functional.normalize(second, dim=1).T
    other = features.target_N[:, None] != features.target_N
    return float(cosine.diagonal().mean() - cosine[other].mean())


def test_training_makes_the_embeddings_of_a_sample_alike(
    network: FusionNetwork, redundant: Features
) -> None:
    before = likeness(network, redundant)
    loss = FusionLoss(network, redundant, INPUTS, Spoiling(0.2, 0.2, anchor=0), seed=2)
    fit(network, loss, len(redundant.target_N), Recipe(15, 100, "adam", 1e-2), seed=2)
    assert likeness(network, redundant) > before + 0.2


def test_an_input_has_its_embedding_to_itself(network: FusionNetwork, redundant: Features) -> None:
    every = embeddings(network, redundant, INPUTS)
    rest = embeddings(network, redundant, ("audio",))
    assert every["image"].shape == (600, 16)
    assert torch.equal(every["audio"], rest["audio"])
    assert not torch.equal(every["image"], rest["image"])


def test_the_loss_is_a_mean_of_what_each_row_gives_and_missing_inputs_have_no_part(
    network: FusionNetwork, redundant: Features
) -> None:
    target = redundant.target_N
    said = torch.stack([target, target.roll(1)], dim=1)
    for inputs in (INPUTS, INPUTS[:1], INPUTS[1:]):
        levels, evidences = only(redundant, WIRING, inputs)
        whole = network.loss(levels, evidences, target, said)
        parts = [
            network.loss(
                [{name: tap[rows] for name, tap in level.items()} for level in levels],
                {name: value[rows] for name, value in evidences.items()},
                target[rows],
                said[rows],
            )
            for rows in (slice(0, 150), slice(150, 600))
        ]
        torch.testing.assert_close(0.25 * parts[0] + 0.75 * parts[1], whole)
        plain = functional.cross_entropy(network.fuse(levels, evidences), target)
        assert (whole > plain) == (inputs == INPUTS)


def test_an_input_without_a_level_has_no_embedding_and_is_made_similar_to_none(
    redundant: Features, redundant_scales: dict[tuple[str, str], TapScale]
) -> None:
    wiring = replace(WIRING, levels=(Level({"image": "tap"}, "concat"),) * 2)
    temperatures, generator = dict.fromkeys(INPUTS, 1.0), torch.Generator().manual_seed(1)
    network = build(wiring, redundant_scales, temperatures, redundant.prior_C, 16, generator)
    levels, evidences = only(redundant, wiring, INPUTS)
    assert isinstance(network, CoordinatedNetwork)
    assert list(network.embeddings(levels)) == ["image"]
    target = redundant.target_N
    said = torch.stack([target.roll(1), target], dim=1)
    plain = functional.cross_entropy(network.fuse(levels, evidences), target)
    assert torch.equal(network.loss(levels, evidences, target, said), plain)


def test_the_similarity_loss_reads_what_its_own_inputs_say() -> None:
    generator = torch.Generator().manual_seed(0)
    names = ("first", "absent", "last")
    taps = {name: torch.randn(9, 3, generator=generator) for name in names}
    said = torch.randint(3, (9, 3), generator=generator)
    losses = []
    for models, columns in ((names, said), (("first", "last"), said[:, [0, 2]])):
        wiring = Wiring(
            {name: name for name in models},
            (Level({"first": "tap", "last": "tap"}, "concat"),),
            representation="coordinated",
        )
        scales = {(name, "tap"): TapScale(torch.zeros(3), torch.ones(3)) for name in models}
        temperatures = dict.fromkeys(models, 1.0)
        made = torch.Generator().manual_seed(1)
        network = build(wiring, scales, temperatures, torch.zeros(3), 5, made)
        evidences = {name: taps[name] * (name != "absent") for name in models}
        losses.append(network.loss([taps], evidences, said[:, 0], columns))
    torch.testing.assert_close(losses[0], losses[1])


def test_embeddings_of_one_class_shall_be_alike_and_others_orthogonal() -> None:
    first = torch.tensor([[1.0, 0.0], [3.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    second = torch.tensor([[2.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    same = torch.tensor([True, True, False, False, False])
    expected = torch.tensor([0.0, 1.0, 1.0, 0.5**0.5, 0.0])
    torch.testing.assert_close(similarity_loss(first, second, same), expected)


def test_an_input_may_have_any_name_that_a_column_may_have() -> None:
    names = ("type", "values")
    wiring = Wiring(
        dict.fromkeys(names, "model"),
        (Level(dict.fromkeys(names, "logits"), "concat"),),
        representation="coordinated",
    )
    scales = {(name, "logits"): TapScale(torch.zeros(3), torch.ones(3)) for name in names}
    temperatures = dict.fromkeys(names, 1.0)
    network = build(wiring, scales, temperatures, torch.zeros(3), 5, torch.Generator())
    generator = torch.Generator().manual_seed(0)
    taps = {name: {"logits": torch.randn(2, 3, generator=generator)} for name in names}
    again = restore(wiring, temperatures, network.state_dict())
    assert torch.equal(again(taps), network(taps))

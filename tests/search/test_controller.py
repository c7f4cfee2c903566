import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch

from brainray.errors import SearchError
from brainray.search.controller import Controller
from brainray.search.interface import Gene, Genome, Space
from brainray.search.stages import FUSION, Stages

BOTH = ("one", "input")


def shallow(genome: Genome) -> Genome:
    """Levels beyond the depth mean nothing."""
    image, audio, depth, *levels = genome
    return (image, audio, depth, *(a if n // 3 <= depth else 0 for n, a in enumerate(levels)))


@pytest.fixture(scope="module")
def fusion() -> Space:
    """Two inputs with a model and a tap a level each; 3 * 2 * (8 + 64) codes."""
    genes = [Gene("image.structure", tuple("abc"), "image", (1.0, 2.0, 1.0))]
    genes += [Gene("audio.structure", tuple("ab"), "audio"), Gene("depth", ("1", "2"), "depth")]
    for level in ("level1", "level2"):
        for name in ("image.tap", "audio.tap", "operator"):
            genes.append(Gene(f"{level}.{name}", ("x", "y"), level))
    return Space(tuple(genes), shallow)


def codes_of(space: Space) -> list[Genome]:
    every = itertools.product(*(range(len(gene.alleles)) for gene in space.genes))
    return list(dict.fromkeys(map(space.repair, every)))


def anything(controller: Controller, seed: int = 0) -> np.ndarray:
    """Parameters of a controller that prefers some codes."""
    initial = controller.initial(seed)
    noise = np.random.default_rng(seed).normal(scale=0.5, size=initial.shape)
    return (initial + noise).astype(np.float32)


@pytest.mark.parametrize("controllers", BOTH)
def test_a_new_controller_follows_the_priors(fusion: Space, controllers):
    controller = Controller(fusion, controllers)
    logs = controller.log_prob(controller.initial(0), [(1, 0, 0) + (0,) * 6, (0, 1, 1) + (1,) * 6])
    np.testing.assert_allclose(np.exp(logs), [1 / 2**6, 1 / 4 / 2**8], rtol=1e-5)


@pytest.mark.parametrize("controllers", BOTH)
@pytest.mark.parametrize("tanh_constant", [0.0, 1.5])
def test_the_probabilities_of_all_codes_add_up_to_one(fusion: Space, controllers, tanh_constant):
    controller = Controller(fusion, controllers, tanh_constant=tanh_constant)
    logs = controller.log_prob(anything(controller), codes_of(fusion))
    assert np.exp(logs).sum() == pytest.approx(1, abs=1e-4)
    assert np.ptp(logs) > 3


@pytest.mark.parametrize("controllers", BOTH)
def test_codes_are_drawn_as_often_as_they_are_likely(fusion: Space, controllers):
    controller = Controller(fusion, controllers)
    parameters = anything(controller)
    generator = torch.Generator().manual_seed(0)
    drawn = Counter(controller.sample(parameters, 20_000, generator))
    codes = codes_of(fusion)
    assert set(drawn) <= set(codes)  # what is not written is 0
    expected = 20_000 * np.exp(controller.log_prob(parameters, codes).astype(np.float64))
    often = expected > 20
    found = np.array([drawn[code] for code in codes])
    chi2 = ((found - expected)[often] ** 2 / expected[often]).sum()
    assert chi2 < often.sum() + 4 * math.sqrt(2 * often.sum())


def test_heat_flattens_the_distribution(fusion: Space):
    controller = Controller(fusion)
    parameters = 3 * anything(controller)
    cold, hot = (
        len(set(controller.sample(parameters, 500, torch.Generator().manual_seed(0), heat)))
        for heat in (1.0, 20.0)
    )
    assert hot > 1.5 * cold


def test_what_is_not_written_does_not_count(fusion: Space):
    controller = Controller(fusion)
    parameters = anything(controller)
    one, other = (1, 0, 0, 1, 0, 1, 0, 0, 0), (1, 0, 0, 1, 0, 1, 1, 1, 1)
    for entropy, gains in ((0.0, 1.0), (1.0, 0.0)):
        gradients = [
            controller.gradient(parameters, [code], np.array([gains], np.float32), entropy)
            for code in (one, other)
        ]
        np.testing.assert_array_equal(*gradients)
    assert np.ptp(controller.log_prob(parameters, [one, other])) == 0


@pytest.mark.parametrize("controllers", BOTH)
def test_the_gradient_is_that_of_the_expected_value(fusion: Space, controllers):
    """REINFORCE, averaged over all codes by their probability, against a finite difference."""
    controller = Controller(fusion, controllers, width=4)
    parameters, codes = anything(controller), codes_of(fusion)
    worth = np.random.default_rng(1).normal(size=len(codes))

    def chances(of: np.ndarray) -> np.ndarray:
        return np.exp(controller.log_prob(of, codes).astype(np.float64))

    for baseline in (0.0, 0.7):  # any baseline gives the same gradient
        weights = len(codes) * chances(parameters) * (worth - baseline)
        gradient = controller.gradient(parameters, codes, weights.astype(np.float32), 0.0)
        for seed in range(5):
            direction = np.random.default_rng(seed).normal(size=len(parameters))
            direction = (direction / np.linalg.norm(direction)).astype(np.float32)
            up, down = (
                chances(parameters + sign * np.float32(0.02) * direction) @ worth
                for sign in (1, -1)
            )
            assert (up - down) / 0.04 == pytest.approx(gradient @ direction, abs=2e-3)
    assert np.linalg.norm(gradient) > 0.05


def test_the_gradient_of_the_entropy_is_that_of_a_finite_difference():
    space = Space((Gene("only", tuple("abcd"), "only", (1.0, 2.0, 0.0, 4.0)),))
    controller = Controller(space, width=3)
    parameters, codes = anything(controller), [(0,), (1,), (3,)]
    gradient = controller.gradient(parameters, codes, np.zeros(3, np.float32), 1.0)

    def entropy(of: np.ndarray) -> float:
        logs = controller.log_prob(of, codes).astype(np.float64)
        return float(-(np.exp(logs) * logs).sum())

    for number in np.argsort(-np.abs(gradient))[:4]:
        step = np.zeros_like(parameters)
        step[number] = 0.02
        expected = (entropy(parameters + step) - entropy(parameters - step)) / 0.04
        assert gradient[number] == pytest.approx(expected, abs=1e-3)
        assert abs(expected) > 0.01


def test_an_allele_without_weight_is_never_drawn_and_no_choice_of_the_controller():
    space = Space(tuple(Gene(f"g{n}", tuple("abc"), f"g{n}", (1.0, 0.0, 3.0)) for n in range(3)))
    controller = Controller(space)
    parameters = anything(controller)
    drawn = controller.sample(parameters, 500, torch.Generator().manual_seed(0))
    assert {allele for code in drawn for allele in code} == {0, 2}
    gains = np.array([1.0], np.float32)
    assert np.isfinite(controller.gradient(parameters, [(0, 1, 2)], gains, 0.1)).all()
    assert np.isfinite(controller.log_prob(parameters, [(0, 1, 2)])).all()


def test_each_input_has_a_controller_of_its_own(fusion: Space):
    stages = Stages.of(fusion)
    owners = [stages.owner(number) for number in range(len(fusion.genes))]
    level = ["image", "audio", FUSION]
    assert owners == [*level, *level, *level]
    controller = Controller(fusion, "input")
    parameters, codes = anything(controller), codes_of(fusion)
    chances = np.exp(controller.log_prob(parameters, codes))
    models = np.zeros((3, 2))
    for code, chance in zip(codes, chances, strict=True):
        models[code[:2]] += chance
    np.testing.assert_allclose(models, np.outer(models.sum(1), models.sum(0)), atol=1e-4)
    one = Controller(fusion)
    chances = np.exp(one.log_prob(anything(one), codes))
    models = np.zeros((3, 2))
    for code, chance in zip(codes, chances, strict=True):
        models[code[:2]] += chance
    assert np.abs(models - np.outer(models.sum(1), models.sum(0))).max() > 1e-3


def test_the_same_seed_gives_the_same_controller(fusion: Space):
    controller = Controller(fusion)
    np.testing.assert_array_equal(controller.initial(3), controller.initial(3))
    assert (controller.initial(3) != controller.initial(4)).any()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"controllers": "two"}, "controllers is 'two', allowed are one, input"),
        ({"width": 0}, "width is 0, at least 1"),
        ({"temperature": 0.0}, r"temperature is 0\.0, more than 0"),
        ({"tanh_constant": -1.0}, r"tanh_constant is -1\.0, at least 0"),
    ],
)
def test_a_wrong_option_is_refused(fusion: Space, wrong, reason):
    with pytest.raises(SearchError, match=reason):
        Controller(fusion, **wrong)

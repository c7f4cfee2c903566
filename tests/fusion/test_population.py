import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from brainray.fusion.features import Features, Spoiling
from brainray.fusion.forms import build
from brainray.fusion.genome import Level, Wiring
from brainray.fusion.network import FusionNetwork
from brainray.fusion.operators import OPERATORS
from brainray.fusion.population import CandidateRecipe, Population
from brainray.fusion.problem import FusionProblem
from brainray.seeding import torch_generator

SEED = 3
RECIPE = CandidateRecipe(hidden=6, epochs=3, batch_size=64)
ALL = dict.fromkeys(("image", "text", "audio"), slice(None))
SPOILING = Spoiling(missing=0.3, foreign=0.2, anchor=1)


@pytest.fixture(scope="module")
def features(problem: FusionProblem) -> Features:
    return problem.features("train")


@pytest.fixture(scope="module")
def wirings(problem: FusionProblem) -> list[Wiring]:
    generator = np.random.default_rng(1)
    found = [problem.code.decode(problem.space.sample(generator)) for _ in range(12)]
    assert {len(wiring.levels) for wiring in found} == {1, 2, 3}
    return found


def module(
    problem: FusionProblem, wiring: Wiring, initial: dict[str, torch.Tensor]
) -> FusionNetwork:
    """The same network as a module, with the initial weights that the population drew."""
    scales = {
        (name, tap): problem.statistics.scales[wiring.models[name], tap]
        for level in wiring.levels
        for name, tap in level.taps.items()
    }
    temperatures, prior_C = problem.temperatures(wiring), problem.statistics.prior_C
    network = build(wiring, scales, temperatures, prior_C, RECIPE.hidden, torch.Generator())
    network.load_state_dict(network.state_dict() | initial)  # which copies
    return network


def train_by_autograd(network: FusionNetwork, features: Features) -> None:
    """The loop of the population trainer for one candidate, by autograd."""
    wiring, rows = network.wiring, len(features.target_N)
    optimizer = torch.optim.AdamW(
        network.parameters(), RECIPE.learning_rate, weight_decay=RECIPE.weight_decay
    )
    steps = RECIPE.epochs * -(-rows // RECIPE.batch_size)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    for epoch in range(RECIPE.epochs):
        order = torch.randperm(rows, generator=torch_generator(SEED, "order", epoch))
        generator = torch_generator(SEED, "spoiling", epoch)
        keep, source = SPOILING.draw(rows, len(wiring.models), generator)
        for start in range(0, rows, RECIPE.batch_size):
            batch = order[start : start + RECIPE.batch_size]
            kept = dict(zip(wiring.models, keep[batch].T[:, :, None], strict=True))
            taken = dict(zip(wiring.models, source[batch].T, strict=True))
            levels = [
                {name: tap * kept[name] for name, tap in level.items()}
                for level in features.levels(wiring, taken)
            ]
            evidences = {
                name: value * kept[name]
                for name, value in features.evidence_of(wiring, taken).items()
            }
            optimizer.zero_grad()
            loss = functional.cross_entropy(
                network.fuse(levels, evidences), features.target_N[batch]
            )
            loss.backward()
            optimizer.step()
            cosine.step()


def test_a_brood_is_trained_as_each_network_would_be_by_autograd(
    problem: FusionProblem, features: Features, wirings: list[Wiring]
) -> None:
    population = Population(wirings, features, RECIPE, SEED)
    networks = [
        module(problem, wiring, population.parameters_of(i)) for i, wiring in enumerate(wirings)
    ]
    population.train(features, SPOILING)
    logits_PNC = population.logits(features)
    for i, network in enumerate(networks):
        train_by_autograd(network, features)
        for name, trained in population.parameters_of(i).items():
            torch.testing.assert_close(trained, network.get_parameter(name), rtol=1e-3, atol=1e-4)
        with torch.no_grad():
            expected = network.fuse(
                features.levels(wirings[i], ALL),
                features.evidence_of(wirings[i], ALL),
            )
        torch.testing.assert_close(logits_PNC[i], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("operator", list(OPERATORS))
def test_one_operator_alone_is_trained_as_by_autograd(
    problem: FusionProblem, features: Features, wirings: list[Wiring], operator: str
) -> None:
    alike = [
        replace(wiring, levels=tuple(replace(level, operator=operator) for level in wiring.levels))
        for wiring in sorted(wirings, key=lambda wiring: len(wiring.levels))[::5]
    ]
    assert len({len(wiring.levels) for wiring in alike}) > 1
    population = Population(alike, features, RECIPE, SEED)
    networks = [
        module(problem, wiring, population.parameters_of(i)) for i, wiring in enumerate(alike)
    ]
    population.train(features, SPOILING)
    for i, network in enumerate(networks):
        train_by_autograd(network, features)
        trained = population.parameters_of(i)
        assert set(trained) == {name for name, _ in network.named_parameters()}
        for name, value in trained.items():
            torch.testing.assert_close(value, network.get_parameter(name), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("operators", [("concat",), tuple(OPERATORS)])
def test_levels_without_some_inputs_are_trained_as_by_autograd(
    partial_problem: FusionProblem, operators: tuple[str, ...]
) -> None:
    code = replace(partial_problem.code, operators=operators)
    features = partial_problem.features("train")
    generator = np.random.default_rng(2)
    wirings = [code.decode(code.space.sample(generator)) for _ in range(12)]
    present = {tuple(level.taps) for wiring in wirings for level in wiring.levels}
    assert present == {("image",), ("text",), ("audio",), ("image", "audio")}
    assert any(
        number and len(met.taps) == 2 for w in wirings for number, met in enumerate(w.levels)
    )
    population = Population(wirings, features, RECIPE, SEED)
    networks = [
        module(partial_problem, wiring, population.parameters_of(i))
        for i, wiring in enumerate(wirings)
    ]
    population.train(features, SPOILING)
    logits_PNC = population.logits(features)
    for i, network in enumerate(networks):
        train_by_autograd(network, features)
        trained = population.parameters_of(i)
        assert set(trained) == {name for name, _ in network.named_parameters()}
        for name, value in trained.items():
            torch.testing.assert_close(value, network.get_parameter(name), rtol=1e-3, atol=1e-4)
        with torch.no_grad():
            expected = network.fuse(
                features.levels(wirings[i], ALL), features.evidence_of(wirings[i], ALL)
            )
        torch.testing.assert_close(logits_PNC[i], expected, rtol=1e-3, atol=1e-3)


def test_an_input_that_no_candidate_has_at_any_level_gives_its_evidence(
    partial_problem: FusionProblem,
) -> None:
    features = partial_problem.features("train")
    level = Level({"audio": "conv2"}, "attention")
    wiring = Wiring({name: f"{name}-LeNet-adam" for name in ALL}, (level, level))
    population = Population([wiring, wiring], features, RECIPE, SEED)
    population.train(features, SPOILING)
    logits = population.logits(features)[0]
    (weight,) = (v for n, v in population.parameters_of(0).items() if n == "levels.0.weight")
    assert weight.shape == (6, 7)
    tamed = replace(
        features, evidences=features.evidences | {wiring.models["text"]: torch.zeros(300, 4)}
    )
    assert not torch.equal(population.logits(tamed)[0], logits)


def test_training_starts_from_the_doubted_evidence(
    features: Features, wirings: list[Wiring]
) -> None:
    population = Population(wirings, features, RECIPE, SEED)
    logits_PNC = population.logits(features)
    for i, wiring in enumerate(wirings):
        doubted = [
            torch.logaddexp(value + math.log(0.952574), torch.tensor(math.log(0.047426)))
            for value in features.evidence_of(wiring, ALL).values()
        ]
        torch.testing.assert_close(
            logits_PNC[i], features.prior_C + sum(doubted), rtol=0, atol=1e-4
        )


def test_initial_weights_keep_the_variance(features: Features, wirings: list[Wiring]) -> None:
    wide = CandidateRecipe(hidden=512, epochs=1)
    population = Population(wirings, features, wide, SEED)
    for i in range(len(wirings)):
        for name, weight in population.parameters_of(i).items():
            if name.startswith("levels") and name.endswith("weight"):
                assert weight.var() == pytest.approx(2 / weight.shape[1], rel=0.1)


def test_the_seed_decides(features: Features, wirings: list[Wiring]) -> None:
    results = []
    for seed in (0, 0, 1):
        population = Population(wirings, features, RECIPE, seed)
        population.train(features, SPOILING)
        results.append(population.logits(features))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_a_single_candidate_is_a_brood_too(features: Features, wirings: list[Wiring]) -> None:
    population = Population(wirings[:1], features, RECIPE, SEED)
    population.train(features, SPOILING)
    logits = population.logits(features)
    assert logits.shape == (1, len(features.target_N), 4)
    assert logits.isfinite().all()

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from brainray.fusion.features import Features, Spoiling
from brainray.fusion.genome import Wiring
from brainray.fusion.halving import better_half, train_brood
from brainray.fusion.operators import OPERATORS
from brainray.fusion.population import CandidateRecipe, Population
from brainray.fusion.problem import FusionProblem
from brainray.training.metrics import accuracy

RECIPE = CandidateRecipe(hidden=6, epochs=4, batch_size=64)
SPOILING = Spoiling(missing=0.3, foreign=0.2, anchor=1)


@pytest.fixture(scope="module")
def train(problem: FusionProblem) -> Features:
    return problem.features("train")


@pytest.fixture(scope="module")
def validation(problem: FusionProblem) -> Features:
    return problem.features("validation")


@pytest.fixture(scope="module")
def wirings(problem: FusionProblem) -> list[Wiring]:
    code = replace(problem.code, operators=tuple(OPERATORS))
    generator = np.random.default_rng(5)
    return [code.decode(code.space.sample(generator)) for _ in range(11)]


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ([0.1, 0.4, 0.3, 0.2], [1, 2]),
        ([0.5, 0.5, 0.5], [0, 1]),
        ([math.nan, 0.1, math.nan, 0.0], [1, 3]),
        ([math.nan, math.nan], [0]),
        ([0.3], [0]),
    ],
)
def test_the_better_half_goes_on(measured: list[float], expected: list[int]) -> None:
    assert better_half(measured) == expected


def test_who_goes_on_is_trained_as_if_nobody_had_stopped(
    wirings: list[Wiring], train: Features
) -> None:
    whole = Population(wirings, train, RECIPE, 3)
    whole.train(train, SPOILING)
    halved, running = Population(wirings, train, RECIPE, 3), list(range(len(wirings)))

    def on_epoch(epochs: int) -> None:
        survivors = {1: [0, 2, 3, 7, 8, 10], 3: [1, 4, 5]}.get(epochs)
        if survivors is not None:
            halved.keep(survivors, train)
            running[:] = [running[number] for number in survivors]

    halved.train(train, SPOILING, on_epoch)
    assert running == [2, 8, 10]
    for number, candidate in enumerate(running):
        expected = whole.parameters_of(candidate)
        for name, value in halved.parameters_of(number).items():
            torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=1e-4)


def test_the_worse_half_is_worth_what_it_had_reached(
    wirings: list[Wiring], train: Features, validation: Features
) -> None:
    def reached(halving: tuple[int, ...]) -> list[float]:
        recipe = replace(RECIPE, halving=halving)
        return train_brood(wirings, train, validation, SPOILING, recipe, 3)

    measured: dict[int, list[float]] = {}
    population = Population(wirings, train, RECIPE, 3)

    def on_epoch(epochs: int) -> None:
        logits_PNC = population.logits(validation)
        measured[epochs] = [accuracy(logits, validation.target_N) for logits in logits_PNC]

    population.train(train, SPOILING, on_epoch)
    assert reached(()) == measured[4]
    halved = reached((2,))
    going_on = better_half(measured[2])
    assert len(going_on) == 6
    assert measured[2] != measured[4]
    for number, value in enumerate(halved):
        expected = measured[4 if number in going_on else 2][number]
        assert value == pytest.approx(expected, abs=0.011)  # one row more or less


def test_a_brood_of_one_is_trained_to_the_end(
    wirings: list[Wiring], train: Features, validation: Features
) -> None:
    def reached(halving: tuple[int, ...]) -> list[float]:
        recipe = replace(RECIPE, halving=halving)
        return train_brood(wirings[:1], train, validation, SPOILING, recipe, 3)

    assert reached((1, 2)) == reached(())

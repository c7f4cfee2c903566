"""Early stopping of hopeless candidates inside a brood: successive halving.

After Jamieson and Talwalkar (AISTATS 2016): after some epochs the worse half of the candidates
stops. The rule looks at nothing but the brood itself, so the values of a brood depend neither on
the number of workers nor on which brood is done first.
"""

import math
from collections.abc import Sequence

import torch

from brainray.fusion.features import Features, Spoiling
from brainray.fusion.genome import Wiring
from brainray.fusion.population import CandidateRecipe, Population
from brainray.training.metrics import accuracy


def better_half(values: Sequence[float]) -> list[int]:
    """Return which candidates go on, ascending: half of them, rounded up; the earlier of equals.

    NaN, of one that has diverged, is worse than every number.
    """
    worth = [-math.inf if math.isnan(value) else value for value in values]
    ranked = sorted(range(len(worth)), key=lambda number: (-worth[number], number))
    return sorted(ranked[: -(-len(worth) // 2)])


def train_brood(
    wirings: Sequence[Wiring],
    train: Features,
    validation: Features,
    spoiling: Spoiling,
    recipe: CandidateRecipe,
    seed: int,
) -> list[float]:
    """Train the candidates of a brood together; the worse half stops after some of the epochs.

    Args:
        wirings: of the candidates.
        train: the training split.
        validation: the validation split.
        spoiling: of the training rows.
        recipe: how they are trained, and after which epochs half of them stop.
        seed: of the brood.

    Returns:
        The validation accuracy of each when its training ended, in [0, 1]; NaN if it diverged.
    """
    population = Population(wirings, train, recipe, seed)
    values = [math.nan] * len(wirings)
    running = list(range(len(wirings)))

    def measure() -> list[float]:
        logits_PNC = population.logits(validation)
        finite_P = torch.isfinite(logits_PNC).all(dim=(1, 2)).tolist()
        return [
            accuracy(logits_NC, validation.target_N) if finite else math.nan
            for logits_NC, finite in zip(logits_PNC, finite_P, strict=True)
        ]

    def on_epoch(epochs: int) -> None:
        if epochs not in (*recipe.halving, recipe.epochs):
            return
        measured = measure()
        for number, value in zip(running, measured, strict=True):
            values[number] = value
        if epochs < recipe.epochs and len(running) > 1:
            survivors = better_half(measured)
            population.keep(survivors, train)
            running[:] = [running[number] for number in survivors]

    population.train(train, spoiling, on_epoch)
    return values

"""What the test split says of a run's networks: accuracies, gains, robustness, where it errs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainray.datasets.dataset import Dataset
from brainray.fusion.problem import FusionProblem
from brainray.scenario.report import (
    Accuracy,
    Bin,
    Confusion,
    Gain,
    Gains,
    Interval,
    Robustness,
    Units,
)
from brainray.search.interface import Solution
from brainray.seeding import derive
from brainray.shapes import IntArray
from brainray.training.intervals import intervals

CONFUSION_CLASSES = 50
"""A matrix of more classes is not read by anybody."""
BINS = 8
ROWS_A_BIN = 20
"""Fewer rows say nothing: then there are fewer bins."""


@dataclass(frozen=True)
class Truth:
    """What is known of the rows of a split.

    Attributes:
        target_N: class indices, shape `(N,)`.
        labels: the classes.
        groups: of each row; rows of one group are drawn together for an interval.
        strata: columns of numbers, each `(N,)`, NaN where one is missing.
    """

    target_N: IntArray
    labels: Sequence[str]
    groups: Sequence[str]
    strata: Mapping[str, NDArray[np.float64]]

    @staticmethod
    def of(dataset: Dataset, split: str = "test") -> "Truth":
        """Read it from a data set."""
        return Truth(
            target_N=dataset.target(split),
            labels=dataset.classes,
            groups=dataset.groups(split),
            strata={name: dataset.stratum(split, name) for name in dataset.strata},
        )


@dataclass(frozen=True)
class Alone:
    """The best pretrained model of one input, and its accuracy on the validation split."""

    model: str
    validation: float


def best_alone(
    accuracy: Callable[[str], float], models: Mapping[str, Sequence[str]]
) -> dict[str, Alone]:
    """Return the best of each input's models on the validation split, the first by id of equals.

    Args:
        accuracy: of a model on that split.
        models: of each input.
    """
    best = {}
    for name, offered in models.items():
        validation = {model: accuracy(model) for model in sorted(offered)}
        model = max(validation, key=lambda key: validation[key])
        best[name] = Alone(model, validation[model])
    return best


def answers_of(
    problem: FusionProblem, solution: Solution, unimodal: Mapping[str, Alone]
) -> dict[str, IntArray]:
    """Ask the networks that validation has chosen about the test split, for the first time.

    Returns:
        The class that each names for every row, as `evaluate` takes them.
    """
    answers = problem.answers(solution)
    for name, alone in unimodal.items():
        answers[f"unimodal/{name}"] = problem.unimodal_answers(alone.model, "test")
    return {name: answer_N.numpy() for name, answer_N in answers.items()}


@dataclass(frozen=True)
class Evaluation:
    """What the answers of a run's networks are worth; the parts as a report has them.

    Attributes:
        accuracies: of each network, by its name in the answers.
        units: of the intervals.
        gain: of fusion, or of growing.
        robustness: by input; a grown network has none.
        confusion: of the fused or grown network; None with more than `CONFUSION_CLASSES`.
        strata: bins by column.
    """

    accuracies: dict[str, Accuracy]
    units: Units
    gain: Gains
    robustness: dict[str, Robustness]
    confusion: Confusion | None
    strata: dict[str, list[Bin]]


def evaluate(answers: Mapping[str, IntArray], truth: Truth, seed: int) -> Evaluation:
    """Compare the answers of a run's networks with the truth.

    Args:
        answers: the class that a network names for every test row, each `(N,)`, by its name:
            ``fused``, and for every input ``unimodal/<input>``, ``reheaded/<input>``,
            ``without/<input>`` and ``shuffled/<input>``, as in `FusionProblem.answers`; or
            ``grown`` and ``unimodal/<input>``.
        truth: of the same rows.
        seed: of the run.
    """
    inputs = [name.removeprefix("unimodal/") for name in answers if name.startswith("unimodal/")]
    right = {name: answer_N == truth.target_N for name, answer_N in answers.items()}
    made = "fused" if "fused" in answers else "grown"
    score = _Score(right, made, inputs, list(truth.groups), derive(seed, "intervals"))
    accuracies = score.accuracies()
    count = len(set(truth.groups))
    return Evaluation(
        accuracies=accuracies,
        units=Units(by="row" if count == len(truth.groups) else "group", count=count),
        gain=Gains(
            unimodal=score.gain("unimodal"),
            reheaded=score.gain("reheaded") if made == "fused" else None,
        ),
        robustness={
            name: Robustness(
                missing=accuracies[f"without/{name}"],
                shuffled=accuracies[f"shuffled/{name}"],
                others={
                    other: accuracies[f"unimodal/{other}"].test for other in inputs if other != name
                },
            )
            for name in (inputs if made == "fused" else ())
        },
        confusion=confusion_of(answers[made], truth),
        strata={
            column: [score.bin(*edges_and_rows) for edges_and_rows in bins(value_N)]
            for column, value_N in truth.strata.items()
        },
    )


@dataclass(frozen=True)
class _Score:
    """Which rows each network answers right, and what follows.

    Attributes:
        right: of each network, booleans `(N,)`.
        made: ``fused`` or ``grown``: the network that the run has made.
        inputs: of the scenario.
        groups: of each row.
        seed: of the intervals.
    """

    right: Mapping[str, NDArray[np.bool_]]
    made: str
    inputs: Sequence[str]
    groups: Sequence[str]
    seed: int

    def accuracies(self) -> dict[str, Accuracy]:
        """Return every network's accuracy with its interval."""
        ends = self._intervals(self.right, self.groups)
        return {
            name: Accuracy(test=float(right_N.mean()), interval=ends[name])
            for name, right_N in self.right.items()
        }

    def gain(self, kind: str) -> Gain:
        """Return the new network's lead over the better one of a kind, the first of equals."""
        over = max(self.inputs, key=lambda name: float(self.right[f"{kind}/{name}"].mean()))
        difference_N = self.right[self.made].astype(np.float64) - self.right[f"{kind}/{over}"]
        ends = self._intervals({"gain": difference_N}, self.groups)
        return Gain(over=over, value=float(difference_N.mean()), interval=ends["gain"])

    def bin(self, low: float, high: float, rows: IntArray) -> Bin:
        """Return the accuracies on some rows, which lie between these edges."""
        fused_N = self.right[self.made][rows]
        ends = self._intervals({"fused": fused_N}, [self.groups[row] for row in rows])
        return Bin(
            low=low,
            high=high,
            rows=len(rows),
            fused=float(fused_N.mean()),
            interval=ends["fused"],
            unimodal={
                name: float(self.right[f"unimodal/{name}"][rows].mean()) for name in self.inputs
            },
        )

    def _intervals(
        self, values: Mapping[str, NDArray[Any]], groups: Sequence[str]
    ) -> Mapping[str, Interval | None]:
        """Return the interval of every mean; None where there is only one group to draw."""
        if len(set(groups)) < 2:
            return dict.fromkeys(values)
        return intervals(values, groups, self.seed)


def bins(value_N: NDArray[np.float64]) -> list[tuple[float, float, IntArray]]:
    """Return the quantile bins of a column: lower edge, upper edge and rows of each.

    At most `BINS`, each of about equally many rows and hardly fewer than `ROWS_A_BIN`; a column
    of few different values has a bin for each of them. Rows without a value are in none.
    """
    known = value_N[np.isfinite(value_N)]
    if not len(known):
        return []
    different = np.unique(known)
    if len(different) <= BINS:
        return [(float(v), float(v), np.flatnonzero(value_N == v)) for v in different]
    wanted = int(np.clip(len(known) // ROWS_A_BIN, 1, BINS))
    # Edges are values of rows, so that no bin is empty however often a value stands there.
    quantiles = np.quantile(known, np.linspace(0, 1, wanted + 1), method="higher")
    edges = [float(edge) for edge in np.unique(quantiles)]
    found = []
    for low, high in pairwise(edges):
        below = value_N <= high if high == edges[-1] else value_N < high
        found.append((low, high, np.flatnonzero((value_N >= low) & below)))
    return found


def confusion_of(answer_N: IntArray, truth: Truth) -> Confusion | None:
    """Return how often which class was answered as which, None with too many classes.

    Args:
        answer_N: class indices, `(N,)`.
        truth: of the same rows.
    """
    classes = len(truth.labels)
    if classes > CONFUSION_CLASSES:
        return None
    counts = np.bincount(truth.target_N * classes + answer_N, minlength=classes**2)
    return Confusion(labels=list(truth.labels), counts=counts.reshape(classes, classes).tolist())

"""Why three pairs of Table 8 fall to about 50 %: a plain fusion head, mended step by step.

The head is MFAS's (Pérez-Rúa et al., CVPR 2019): levels of concatenated taps, a classifier on the
last, no evidence of the unimodal networks. It starts from raw taps without the networks' last
layers and few epochs. That this was the paper's case is not known; what it costs, is measured.
"""

from dataclasses import dataclass
from statistics import mean
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from audio_visual_digits.banks import bank_of
from audio_visual_digits.plan import INPUTS, Plan
from audio_visual_digits.statistics import accuracy
from audio_visual_digits.tables import Pairs
from audio_visual_digits.workbench import Result
from brainray.fusion.network import TapScale
from brainray.networks.interface import LOGITS
from brainray.seeding import one_thread, torch_generator, torch_random
from brainray.training.loop import Recipe, fit
from brainray.training.metrics import accuracy_of

DEPTH, HIDDEN, CANDIDATES = 4, 32, 3
TapKey = tuple[str, str]
"""An input and a tap of its network."""
Taps = dict[TapKey, Tensor]


@dataclass(frozen=True)
class Head:
    """One way to build and train the plain head.

    Attributes:
        name: in the report.
        normalised: whether taps are brought to mean 0 and deviation 1.
        many: whether to train for many epochs instead of few.
        last: whether the networks' logits are among the taps, and meet at the last level.
    """

    name: str
    normalised: bool = False
    many: bool = False
    last: bool = False


HEADS = (
    Head("raw taps, few epochs"),
    Head("normalised taps", normalised=True),
    Head("normalised, many epochs", normalised=True, many=True),
    Head("normalised, many epochs, last layers", normalised=True, many=True, last=True),
)


def collapse(plan: Plan, pairs: Pairs) -> list[dict[str, Any]]:
    """Return the accuracy of each head for the pairs of the other studies, on the first seed."""
    rows = []
    for pair in dict.fromkeys([*plan.studied, *plan.fitting]):
        result = pairs[pair][0]
        row: dict[str, Any] = {"image": pair[0], "audio": pair[1]}
        row["better alone"] = round(max(accuracy(result, f"unimodal/{n}") for n in INPUTS), 2)
        for head in HEADS:
            row[head.name] = round(_accuracy(plan, head, result), 2)
        row["ours"] = round(accuracy(result, "fused"), 2)
        rows.append(row)
    return rows


def _accuracy(plan: Plan, head: Head, result: Result) -> float:
    """Return the head's test accuracy in percent, the mean over some random candidates."""
    train, train_target_N, scales = _taps(result, "train", head)
    test, test_target_N, _ = _taps(result, "test", head, scales)
    recipe = Recipe(plan.collapse_epochs[head.many], 256, "adam", 3e-3)
    values = []
    with one_thread():
        for seed in range(CANDIDATES):
            network = PlainHead(train, _levels(train, head, seed), seed)

            def loss(rows: Tensor, epoch: int, network: PlainHead = network) -> Tensor:
                logits = network({key: tap[rows] for key, tap in train.items()})
                return functional.cross_entropy(logits, train_target_N[rows])

            fit(network, loss, rows=len(train_target_N), recipe=recipe, seed=seed)
            with torch.inference_mode():
                answers_N = network(test).argmax(dim=1)
            values.append(100 * accuracy_of(answers_N, test_target_N))
    return mean(values)


def _taps(
    result: Result, split: str, head: Head, scales: dict[TapKey, TapScale] | None = None
) -> tuple[Taps, Tensor, dict[TapKey, TapScale]]:
    """Return a split's taps as the head sees them, its classes, and the scales of its taps."""
    found: Taps = {}
    target_N = torch.empty(0)
    measured = {} if scales is None else scales
    for name in INPUTS:
        bank, target_N = bank_of(result, name, split)
        for tap, features in bank.taps.items():
            key = (name, tap)
            if scales is None:
                measured[key] = TapScale.measure(features, bank.present)
            found[key] = (
                measured[key].apply(features, bank.present) if head.normalised else features
            )
    return found, target_N, measured


def _levels(taps: Taps, head: Head, seed: int) -> list[tuple[TapKey, ...]]:
    """Return the taps that meet at each level: rising ones, drawn at random."""
    generator = torch_generator(seed, "levels")
    columns = []
    for name in INPUTS:
        own = [key for key in taps if key[0] == name and key[1] != LOGITS]
        places = torch.randint(len(own), (DEPTH,), generator=generator).sort().values
        chosen = [own[place] for place in places.tolist()]
        columns.append([*chosen[:-1], (name, LOGITS)] if head.last else chosen)
    return list(zip(*columns, strict=True))


class PlainHead(nn.Module):
    """Levels of concatenated taps and a classifier.

    Args:
        taps: of some split, for their widths.
        levels: the taps that meet at each level.
        seed: of the initial weights.
    """

    def __init__(self, taps: Taps, levels: list[tuple[TapKey, ...]], seed: int) -> None:
        super().__init__()
        self._met = levels
        with torch_random(seed):
            self.levels = nn.ModuleList(
                nn.Linear(sum(taps[key].shape[1] for key in met) + HIDDEN * bool(number), HIDDEN)
                for number, met in enumerate(levels)
            )
            self.classifier = nn.Linear(HIDDEN, 10)

    def forward(self, taps: Taps) -> Tensor:
        """Return logits, `(N, 10)`."""
        below: list[Tensor] = []
        for level, met in zip(self.levels, self._met, strict=True):
            below = [torch.relu(level(torch.cat([*(taps[key] for key in met), *below], dim=1)))]
        logits: Tensor = self.classifier(below[0])
        return logits

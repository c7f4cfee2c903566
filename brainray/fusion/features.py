"""What fusion networks are trained on: normalised taps, evidence and targets of one split."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from brainray.fusion.bank import FeatureBank
from brainray.fusion.evidence import evidence, log_prior, temperature
from brainray.fusion.genome import Wiring
from brainray.fusion.network import TapScale


@dataclass(frozen=True)
class Statistics:
    """What is measured once on the training and validation splits.

    Attributes:
        scales: of every tap on the training split, by ``(model, tap)``.
        temperatures: of every model on the validation split.
        prior_C: log share of each class on the training split, float32.
    """

    scales: dict[tuple[str, str], TapScale]
    temperatures: dict[str, float]
    prior_C: Tensor

    @staticmethod
    def measure(
        train: Mapping[str, FeatureBank],
        validation: Mapping[str, FeatureBank],
        train_target_N: Tensor,
        validation_target_N: Tensor,
        classes: int,
    ) -> "Statistics":
        """Measure the banks of all models."""
        return Statistics(
            {
                (model, tap): TapScale.measure(features, bank.present)
                for model, bank in train.items()
                for tap, features in bank.taps.items()
            },
            {
                model: temperature(bank.logits[bank.present], validation_target_N[bank.present])
                for model, bank in validation.items()
            },
            log_prior(train_target_N, classes).float(),
        )


@dataclass(frozen=True)
class Features:
    """One split, ready for fusion networks.

    Attributes:
        taps: normalised, by ``(model, tap)``, float32 `(N, D)`; zeros where the input is missing.
        evidences: by model, float32 `(N, C)`; zeros where the input is missing.
        target_N: the classes.
        prior_C: log share of each class.
    """

    taps: dict[tuple[str, str], Tensor]
    evidences: dict[str, Tensor]
    target_N: Tensor
    prior_C: Tensor

    @staticmethod
    def make(
        banks: Mapping[str, FeatureBank], target_N: Tensor, statistics: Statistics
    ) -> "Features":
        """Normalise and calibrate the banks of a split."""
        return Features(
            {
                (model, tap): statistics.scales[model, tap].apply(features, bank.present)
                for model, bank in banks.items()
                for tap, features in bank.taps.items()
            },
            {
                model: evidence(
                    bank.logits, statistics.temperatures[model], statistics.prior_C, bank.present
                )
                for model, bank in banks.items()
            },
            target_N,
            statistics.prior_C,
        )

    def levels(self, wiring: Wiring, rows: Tensor | slice) -> list[dict[str, Tensor]]:
        """Return, for each level of a wiring, the tap that each input brings, `(B, D)`."""
        return [
            {name: self.taps[wiring.models[name], tap][rows] for name, tap in level.taps.items()}
            for level in wiring.levels
        ]

    def evidence_of(self, wiring: Wiring, rows: Tensor | slice) -> dict[str, Tensor]:
        """Return the evidence of each input of a wiring, `(B, C)`."""
        return {name: self.evidences[model][rows] for name, model in wiring.models.items()}


def modality_dropout(
    rows: int, inputs: int, probability: float, generator: torch.Generator
) -> Tensor:
    """Draw which inputs each row keeps, float `(rows, inputs)` of 0 and 1.

    With the given probability a row loses one input, drawn uniformly; a single input is always
    kept. Networks trained so work with whatever inputs are there.
    """
    keep = torch.ones(rows, inputs)
    if inputs > 1:
        loses = torch.rand(rows, generator=generator) < probability
        lost = torch.randint(inputs, (rows,), generator=generator)
        keep[loses, lost[loses]] = 0.0
    return keep

"""What fusion networks are trained on: normalised taps, evidence and targets of one split."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

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

    def shuffled(self, model: str, generator: torch.Generator) -> "Features":
        """Return the same rows with what ``model`` says of each exchanged for another row's."""
        rows = len(self.target_N)
        order = torch.randperm(rows, generator=generator)
        # Rolling along a random cycle leaves no row with its own.
        other_N = torch.empty_like(order)
        other_N[order] = order.roll(1)
        taps = {key: tap[other_N] if key[0] == model else tap for key, tap in self.taps.items()}
        evidences = self.evidences | {model: self.evidences[model][other_N]}
        return replace(self, taps=taps, evidences=evidences)

    def levels(self, wiring: Wiring, rows: Mapping[str, Tensor | slice]) -> list[dict[str, Tensor]]:
        """Return, for each level of a wiring, the tap that each input brings, `(B, D)`.

        Args:
            wiring: which taps meet.
            rows: of each input.
        """
        return [
            {
                name: self.taps[wiring.models[name], tap][rows[name]]
                for name, tap in level.taps.items()
            }
            for level in wiring.levels
        ]

    def evidence_of(self, wiring: Wiring, rows: Mapping[str, Tensor | slice]) -> dict[str, Tensor]:
        """Return the evidence of each input of a wiring, `(B, C)`, from the given rows of each."""
        return {name: self.evidences[model][rows[name]] for name, model in wiring.models.items()}


@dataclass(frozen=True)
class Spoiling:
    """How often the training spoils what a row's inputs say, so that fusion learns to do without.

    Attributes:
        missing: probability that a row loses one of its inputs, drawn uniformly.
        foreign: probability that one input comes from another row, while the target stays; never
            the anchor, the input that is the most reliable alone, which is to be believed then.
        anchor: number of that input.
    """

    missing: float
    foreign: float
    anchor: int

    def draw(self, rows: int, inputs: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw what becomes of each row; a single input stays as it is.

        Returns:
            which inputs are kept, float `(rows, inputs)` of 0 and 1, and from which row each
            input is taken, int64 `(rows, inputs)`.
        """
        keep = torch.ones(rows, inputs)
        source = torch.arange(rows)[:, None].repeat(1, inputs)
        if inputs > 1:
            chance = torch.rand(rows, generator=generator)
            loses = chance < self.missing
            keep[loses, torch.randint(inputs, (rows,), generator=generator)[loses]] = 0.0
            others = torch.tensor([number for number in range(inputs) if number != self.anchor])
            changed = others[torch.randint(inputs - 1, (rows,), generator=generator)]
            other = torch.randint(rows, (rows,), generator=generator)
            foreign = (chance >= self.missing) & (chance < self.missing + self.foreign)
            source[foreign, changed[foreign]] = other[foreign]
        return keep, source

"""Where the parameters of a brood of fusion networks lie.

Letters: P candidates, S slots, H hidden width, C classes, M inputs, D width of a tap.

A *slot* is one level of one candidate. What an input brings to a slot is one matrix product with
one tap, so the slots are grouped by tap: one product a tap serves every slot that uses it. An input
that is absent from a slot has no weights there.
Candidates are sorted by depth, deepest first, so that those which have a level are a prefix.
All parameters lie in one flat vector and all gradients in another, for one fused Adam step.
"""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from brainray.fusion.features import Features
from brainray.fusion.genome import Wiring
from brainray.fusion.joint import DOUBT
from brainray.fusion.network import initial_bound
from brainray.fusion.operators import OPERATORS

TapKey = tuple[str, str]
"""A model and one of its taps."""


@dataclass(frozen=True)
class Weight:
    """A part of the flat vector and the part of its gradient, as views of one shape."""

    value: Tensor
    gradient: Tensor


@dataclass(frozen=True)
class TapGroup:
    """The slots, from ``start`` to ``stop`` in the input's own order, that use one tap.

    The weight is `((stop - start) * H, D)`.
    """

    key: TapKey
    start: int
    stop: int
    weight: Weight


@dataclass(frozen=True)
class InputSlots:
    """What one input brings to all slots.

    Attributes:
        groups: its taps with their weights.
        order: the slots that it has a part in, grouped by tap.
        place: where each slot stands in ``order``; behind its end, if the input is absent there.
        models: the model that each candidate uses, as an index into ``names``.
        names: the models in use.
    """

    groups: list[TapGroup]
    order: Tensor
    place: Tensor
    models: Tensor
    names: list[str]


@dataclass(frozen=True)
class Meeting:
    """The candidates whose parts meet by one operator at one level.

    Attributes:
        operator: its name.
        parts: that meet, as numbers of inputs; the one behind these is the level below.
        members: the candidates, as indices of the sorted order.
        own: the operator's parameters for each member.
    """

    operator: str
    parts: tuple[int, ...]
    members: Tensor
    own: Weight


class Layout:
    """The parameters of a brood, with their initial values.

    Args:
        wirings: of the candidates; all have the same inputs.
        features: of the training split; only widths are taken from it.
        hidden: width of a level.
        generator: of the initial weights.

    Attributes:
        hidden: width of a level.
        order: the candidates, deepest first, as indices of ``wirings``.
        inputs: the names of their inputs.
        having: for each level, how many candidates have it.
        starts: the first slot of each level.
        flat: all parameters.
        bias: of the slots, `(S, H)`.
        classifier: `(P, C, H)`.
        offset: of the classifiers, `(P, C)`.
        doubt: log odds, `(P, M)`.
        recurrent: of each level from the second on, what maps the level below, `(P_l, H, H)`.
        slots: of each input.
        meetings: of each level.
    """

    def __init__(
        self,
        wirings: Sequence[Wiring],
        features: Features,
        hidden: int,
        generator: torch.Generator,
    ) -> None:
        self.hidden = hidden
        self.order = sorted(range(len(wirings)), key=lambda p: -len(wirings[p].levels))
        self._wirings = [wirings[p] for p in self.order]
        self.inputs = tuple(wirings[0].models)
        deepest = len(self._wirings[0].levels)
        self.having = [
            sum(len(wiring.levels) > level for wiring in self._wirings) for level in range(deepest)
        ]
        self.starts = [sum(self.having[:level]) for level in range(deepest)]
        self._lay_out(features)
        self._initialise(generator)

    def _lay_out(self, features: Features, dtype: torch.dtype = torch.float32) -> None:
        """Cut one flat vector of zeros, and one of gradients, into all parameters."""
        hidden, classes = self.hidden, len(features.prior_C)
        count, slots, inputs = len(self._wirings), sum(self.having), len(self.inputs)
        slot_taps = self._slot_taps()
        members = [self._members(level) for level in range(len(self.having))]
        shapes = [(slots, hidden), (count, classes, hidden), (count, classes)]
        shapes += [(count, inputs)]
        shapes += [(having, hidden, hidden) for having in self.having[1:]]
        for taps in slot_taps:
            shapes += [
                (taps.count(key) * hidden, features.taps[key].shape[1]) for key in _distinct(taps)
            ]
        for found in members:
            shapes += [
                (len(rows), *self._initial(operator, parts).shape)
                for (operator, parts), rows in found.items()
            ]
        size = sum(math.prod(shape) for shape in shapes)
        self.flat = nn.Parameter(torch.zeros(size, dtype=dtype))
        self.flat.grad = torch.zeros(size, dtype=dtype)
        pairs = zip(_views(self.flat.data, shapes), _views(self.flat.grad, shapes), strict=True)
        weights = (Weight(value, gradient) for value, gradient in pairs)
        self.bias, self.classifier, self.offset = next(weights), next(weights), next(weights)
        self.doubt = next(weights)
        self.recurrent = [next(weights) for _ in self.having[1:]]
        self.slots = [
            self._input_slots(name, taps, weights)
            for name, taps in zip(self.inputs, slot_taps, strict=True)
        ]
        self.meetings = [
            [
                Meeting(operator, parts, torch.tensor(rows), next(weights))
                for (operator, parts), rows in found.items()
            ]
            for found in members
        ]

    def _input_slots(
        self, name: str, taps: list[TapKey | None], weights: Iterator[Weight]
    ) -> InputSlots:
        """Group the slots by the tap that one input brings, and take a weight for each group."""
        groups: list[TapGroup] = []
        order: list[int] = []
        for key in _distinct(taps):
            start = len(order)
            order += [slot for slot, tap in enumerate(taps) if tap == key]
            groups.append(TapGroup(key, start, len(order), next(weights)))
        place = torch.full((len(taps),), len(order))
        place[order] = torch.arange(len(order))
        names = sorted({wiring.models[name] for wiring in self._wirings})
        models = [names.index(wiring.models[name]) for wiring in self._wirings]
        return InputSlots(
            groups, torch.tensor(order, dtype=torch.int64), place, torch.tensor(models), names
        )

    def _members(self, level: int) -> dict[tuple[str, tuple[int, ...]], list[int]]:
        """Return by which operator which parts meet at a level, and of which candidates."""
        found: dict[tuple[str, tuple[int, ...]], list[int]] = {}
        for number, wiring in enumerate(self._wirings[: self.having[level]]):
            met = wiring.levels[level]
            parts = [i for i, name in enumerate(self.inputs) if name in met.taps]
            parts += [len(self.inputs)] * bool(level)
            found.setdefault((met.operator, tuple(parts)), []).append(number)
        return found

    def _initial(self, operator: str, parts: Sequence[int]) -> Tensor:
        """Return the initial values of an operator's own parameters where these parts meet."""
        return OPERATORS[operator].initial(len(parts), self.hidden)

    def _slot_taps(self) -> list[list[TapKey | None]]:
        """Return, for each input, the tap that it brings to every slot; None if it is absent."""
        return [
            [
                (wiring.models[name], wiring.levels[level].taps[name])
                if name in wiring.levels[level].taps
                else None
                for level, having in enumerate(self.having)
                for wiring in self._wirings[:having]
            ]
            for name in self.inputs
        ]

    def _initialise(self, generator: torch.Generator) -> None:
        """Give what does not start at zero its values; weights by the fan-in of each slot."""
        self.doubt.value.fill_(DOUBT)
        fan_in = torch.zeros(sum(self.having), dtype=torch.int64)
        for brought in self.slots:
            for group in brought.groups:
                fan_in[brought.order[group.start : group.stop]] += group.weight.value.shape[1]
        fan_in[self.having[0] :] += self.hidden
        bounds_S = torch.tensor([initial_bound(width) for width in fan_in.tolist()])
        for brought in self.slots:
            for group in brought.groups:
                bounds = bounds_S[brought.order[group.start : group.stop]]
                group.weight.value.uniform_(-1, 1, generator=generator)
                group.weight.value.view(len(bounds), -1).mul_(bounds[:, None])
        for start, weight in zip(self.starts[1:], self.recurrent, strict=True):
            weight.value.uniform_(-1, 1, generator=generator)
            weight.value.mul_(bounds_S[start : start + len(weight.value), None, None])
        for meetings in self.meetings:
            for meeting in meetings:
                meeting.own.value[:] = self._initial(meeting.operator, meeting.parts)

    def parameters_of(self, candidate: int) -> dict[str, Tensor]:
        """Return the parameters of one candidate under the names that `JointNetwork` has."""
        position = self.order.index(candidate)
        found = {
            "classifier.weight": self.classifier.value[position],
            "classifier.bias": self.offset.value[position],
            "doubt": self.doubt.value[position],
        }
        for level in range(len(self._wirings[position].levels)):
            slot = self.starts[level] + position
            parts = [
                self._brought(slots, slot)
                for slots in self.slots
                if slots.place[slot] < len(slots.order)
            ]
            if level > 0:
                parts.append(self.recurrent[level - 1].value[position])
            found[f"levels.{level}.weight"] = torch.cat(parts, dim=1)
            found[f"levels.{level}.bias"] = self.bias.value[slot]
            for meeting in self.meetings[level]:
                members = meeting.members.tolist()
                if position in members:
                    own = meeting.own.value[members.index(position)]
                    found[f"levels.{level}.own"] = own[None]
        return found

    def places(self, features: Features) -> list[dict[str, Tensor]]:
        """Return where in the flat vector the parameters of each candidate lie.

        Args:
            features: as for this layout.

        Returns:
            For each candidate, in the order given, what `parameters_of` has, with the index of
            each number in its place, int64.
        """
        numbered = copy.copy(self)
        numbered._lay_out(features, torch.float64)  # which holds every index exactly
        numbered.flat.data.copy_(torch.arange(len(numbered.flat)))
        return [
            {name: value.long() for name, value in numbered.parameters_of(candidate).items()}
            for candidate in range(len(self.order))
        ]

    def _brought(self, slots: InputSlots, slot: int) -> Tensor:
        """Return the weight by which an input reaches a slot, `(H, D)`."""
        place = int(slots.place[slot])
        group = next(group for group in slots.groups if place < group.stop)
        weights = group.weight.value.view(group.stop - group.start, self.hidden, -1)
        return weights[place - group.start]


def _distinct(taps: Sequence[TapKey | None]) -> list[TapKey]:
    """Return every tap once, sorted."""
    return sorted({key for key in taps if key is not None})


def _views(flat: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Cut a flat vector into views of the given shapes."""
    sizes = [math.prod(shape) for shape in shapes]
    return [part.view(shape) for part, shape in zip(torch.split(flat, sizes), shapes, strict=True)]

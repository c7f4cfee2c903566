"""Trains a brood of fusion networks in one vectorised pass.

The networks are `brainray.fusion.joint.JointNetwork` without feedback; here their forward and
backward passes are written out for all candidates at once. Only what an operator does, which is
small, is left to autograd, and concatenation, a sum, is not. Letters: P candidates, S slots, H
hidden width, B batch, C classes, D width of a tap.

A *slot* is one level of one candidate. What an input brings to a slot is one matrix product with
one tap, so the slots are grouped by tap: one product a tap serves every slot that uses it.
Candidates are sorted by depth, deepest first, so that those which have a level are a prefix.
All parameters lie in one flat vector and all gradients in another, for one fused Adam step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor, nn

from brainray.fusion.features import Features, Spoiling
from brainray.fusion.genome import Wiring
from brainray.fusion.network import initial_bound
from brainray.fusion.operators import OPERATORS
from brainray.seeding import torch_generator
from brainray.training.loop import Recipe

relu_backward = torch.ops.aten.threshold_backward.grad_input

TapKey = tuple[str, str]
"""A model and one of its taps."""


@dataclass(frozen=True)
class CandidateRecipe:
    """How every candidate of a search is trained.

    Attributes:
        hidden: width of a level.
        epochs: passes over the training split.
        batch_size: rows a step.
        learning_rate: of Adam, at the start of its cosine.
        weight_decay: decoupled.
    """

    hidden: int
    epochs: int
    batch_size: int = 256
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4

    @property
    def recipe(self) -> Recipe:
        """The same for a candidate that is trained by itself."""
        return Recipe(self.epochs, self.batch_size, "adam", self.learning_rate, self.weight_decay)


@dataclass(frozen=True)
class TapGroup:
    """The slots, from ``start`` to ``stop`` in the input's own order, that use one tap."""

    key: TapKey
    start: int
    stop: int
    weight: Tensor
    gradient: Tensor


@dataclass(frozen=True)
class InputSlots:
    """What one input brings to all slots.

    Attributes:
        groups: its taps with their weights, each `((stop - start) * H, D)`.
        order: the slots, grouped by tap.
        place: where each slot stands in ``order``.
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
        members: the candidates, as indices of the sorted order.
        own: the operator's parameters for each member.
        gradient: of ``own``.
    """

    operator: str
    members: Tensor
    own: Tensor
    gradient: Tensor


@dataclass(frozen=True)
class Joined:
    """What autograd needs for the gradient of one meeting.

    Attributes:
        parts: each `(members, H, B)`, leaves of the graph.
        own: the operator's parameters, a leaf of the graph.
        value: the joined parts.
    """

    parts: list[Tensor]
    own: Tensor
    value: Tensor


class Population:
    """The fusion networks of a brood.

    Args:
        wirings: of the candidates, joint and without feedback; all have the same inputs.
        features: of the training split; only widths are taken from it.
        recipe: how they are trained.
        seed: of initial weights, order of rows and modality dropout.
    """

    def __init__(
        self, wirings: Sequence[Wiring], features: Features, recipe: CandidateRecipe, seed: int
    ) -> None:
        self._recipe = recipe
        self._seed = seed
        self._order = sorted(range(len(wirings)), key=lambda p: -len(wirings[p].levels))
        self._wirings = [wirings[p] for p in self._order]
        self._inputs = tuple(wirings[0].models)
        deepest = len(self._wirings[0].levels)
        self._having = [
            sum(len(wiring.levels) > level for wiring in self._wirings) for level in range(deepest)
        ]
        self._starts = [sum(self._having[:level]) for level in range(deepest)]
        self._build(features)

    def _build(self, features: Features) -> None:
        """Lay all parameters out in one flat vector and draw their initial values."""
        hidden, classes = self._recipe.hidden, len(features.prior_C)
        count, slots = len(self._wirings), sum(self._having)
        slot_taps = self._slot_taps()
        widths = {key: features.taps[key].shape[1] for taps in slot_taps for key in taps}
        inputs = len(self._inputs)
        shapes = [(slots, hidden), (count, classes, hidden), (count, classes)]
        shapes += [(count, inputs, hidden), (count, inputs)]
        shapes += [(having, hidden, hidden) for having in self._having[1:]]
        orders = [sorted(range(slots), key=taps.__getitem__) for taps in slot_taps]
        for taps in slot_taps:
            shapes += [(taps.count(key) * hidden, widths[key]) for key in sorted(set(taps))]
        meetings = [self._members(level) for level in range(len(self._having))]
        starts = [
            OPERATORS[operator].initial(len(self._inputs) + bool(level), hidden)
            for level, found in enumerate(meetings)
            for operator in found
        ]
        members = [rows for found in meetings for rows in found.values()]
        shapes += [(len(rows), *start.shape) for rows, start in zip(members, starts, strict=True)]
        size = sum(math.prod(shape) for shape in shapes)
        self._flat = nn.Parameter(torch.zeros(size))
        self._flat.grad = torch.zeros(size)
        views = _views(self._flat.data, shapes)
        gradients = _views(self._flat.grad, shapes)
        self._bias, self._classifier, self._offset, self._gate, self._gate_offset = views[:5]
        self._bias_gradient, self._classifier_gradient, self._offset_gradient = gradients[:3]
        self._gate_gradient, self._gate_offset_gradient = gradients[3:5]
        levels = len(self._having) - 1
        self._recurrent, self._recurrent_gradient = views[5 : 5 + levels], gradients[5 : 5 + levels]
        rest = iter(zip(views[5 + levels :], gradients[5 + levels :], strict=True))
        self._slots = []
        for name, taps, order in zip(self._inputs, slot_taps, orders, strict=True):
            groups, start = [], 0
            for key in sorted(set(taps)):
                stop = start + taps.count(key)
                groups.append(TapGroup(key, start, stop, *next(rest)))
                start = stop
            names = sorted({wiring.models[name] for wiring in self._wirings})
            models = [names.index(wiring.models[name]) for wiring in self._wirings]
            place = torch.tensor(order).argsort()
            self._slots.append(
                InputSlots(groups, torch.tensor(order), place, torch.tensor(models), names)
            )
        self._meetings = [
            [Meeting(operator, torch.tensor(rows), *next(rest)) for operator, rows in found.items()]
            for found in meetings
        ]
        for meeting, initial in zip(chain.from_iterable(self._meetings), starts, strict=True):
            meeting.own.copy_(initial.expand_as(meeting.own))
        self._initialise(slot_taps, widths)

    def _members(self, level: int) -> dict[str, list[int]]:
        """Return which of the candidates that have a level use which operator there."""
        found: dict[str, list[int]] = {}
        for number, wiring in enumerate(self._wirings[: self._having[level]]):
            found.setdefault(wiring.levels[level].operator, []).append(number)
        return found

    def _slot_taps(self) -> list[list[TapKey]]:
        """Return, for each input, the tap that it brings to every slot."""
        return [
            [
                (wiring.models[name], wiring.levels[level].taps[name])
                for level, having in enumerate(self._having)
                for wiring in self._wirings[:having]
            ]
            for name in self._inputs
        ]

    def _initialise(self, slot_taps: list[list[TapKey]], widths: dict[TapKey, int]) -> None:
        """Draw initial weights as `FusionNetwork` does: by the fan-in of each slot."""
        generator = torch_generator(self._seed, "weights")
        hidden = self._recipe.hidden
        fan_in = torch.tensor(
            [sum(widths[key] for key in taps) for taps in zip(*slot_taps, strict=True)]
        )
        fan_in[self._having[0] :] += hidden
        bounds_S = torch.tensor([initial_bound(int(width)) for width in fan_in])
        for slots in self._slots:
            for group in slots.groups:
                bounds = bounds_S[slots.order[group.start : group.stop]]
                group.weight.uniform_(-1, 1, generator=generator)
                group.weight.view(len(bounds), -1).mul_(bounds[:, None])
        for level, weight in enumerate(self._recurrent, start=1):
            start = self._starts[level]
            weight.uniform_(-1, 1, generator=generator)
            weight.mul_(bounds_S[start : start + len(weight), None, None])

    def train(self, features: Features, spoiling: Spoiling) -> None:
        """Train all candidates on the training split, some of whose inputs are spoiled."""
        recipe = self._recipe
        rows = len(features.target_N)
        optimizer = torch.optim.AdamW(
            [self._flat], recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        steps = recipe.epochs * -(-rows // recipe.batch_size)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
        for epoch in range(recipe.epochs):
            order = torch.randperm(rows, generator=torch_generator(self._seed, "order", epoch))
            generator = torch_generator(self._seed, "spoiling", epoch)
            keep, source = spoiling.draw(rows, len(self._inputs), generator)
            columns = self._columns(features, order, keep[order], source[order])
            for start in range(0, rows, recipe.batch_size):
                self._gradient(columns.part(start, min(start + recipe.batch_size, rows)))
                optimizer.step()
                cosine.step()

    def logits(self, features: Features) -> Tensor:
        """Return the fused logits of every candidate, in the order given, `(P, N, C)`."""
        rows = torch.arange(len(features.target_N))
        own = rows[:, None].expand(-1, len(self._inputs))
        columns = self._columns(features, rows, torch.ones(own.shape), own)
        batches = [
            self._forward(columns.part(start, min(start + 1024, len(rows))))[1]
            for start in range(0, len(rows), 1024)
        ]
        sorted_PNC = torch.cat(batches, dim=2).transpose(1, 2)
        return sorted_PNC[torch.tensor(self._order).argsort()]

    def parameters_of(self, candidate: int) -> dict[str, Tensor]:
        """Return the parameters of one candidate under the names that `FusionNetwork` has."""
        position, hidden = self._order.index(candidate), self._recipe.hidden
        found = {
            "classifier.weight": self._classifier[position],
            "classifier.bias": self._offset[position],
            "gate.weight": self._gate[position],
            "gate.bias": self._gate_offset[position],
        }
        for level in range(len(self._wirings[position].levels)):
            slot = self._starts[level] + position
            parts = []
            for slots in self._slots:
                place = int(slots.place[slot])
                group = next(group for group in slots.groups if place < group.stop)
                parts.append(
                    group.weight.view(-1, hidden, group.weight.shape[1])[place - group.start]
                )
            if level > 0:
                parts.append(self._recurrent[level - 1][position])
            found[f"levels.{level}.weight"] = torch.cat(parts, dim=1)
            found[f"levels.{level}.bias"] = self._bias[slot]
            for meeting in self._meetings[level]:
                for own, member in zip(meeting.own, meeting.members.tolist(), strict=True):
                    if member == position:
                        found[f"levels.{level}.own"] = own[None]
        return found

    def _columns(
        self, features: Features, order: Tensor, keep: Tensor, source: Tensor
    ) -> "Columns":
        """Return the rows in ``order``, a column a row; see `Spoiling.draw` for the others."""
        taps, evidences = [], []
        for number, slots in enumerate(self._slots):
            mask, rows = keep[:, number], source[:, number]
            taps.append(
                {
                    group.key: features.taps[group.key].T.index_select(1, rows) * mask
                    for group in slots.groups
                }
            )
            stacked = torch.stack([features.evidences[name].T for name in slots.names])
            evidences.append(stacked.index_select(2, rows) * mask)
        return Columns(taps, evidences, features.prior_C, features.target_N[order])

    def _forward(
        self, batch: "Columns", joined: dict[tuple[int, str], Joined] | None = None
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return the hidden values of each level, `(P_l, H, B)`, logits and gates.

        The logits are `(P, C, B)`, the gates' values from 0 to 1 `(P, M, B)` for M inputs.

        Args:
            batch: the rows.
            joined: filled with what the gradient needs, by level and operator.
        """
        hidden_size, columns = self._recipe.hidden, len(batch.target)
        slots = self._bias.shape[0]
        met = []
        for input_slots, taps in zip(self._slots, batch.taps, strict=True):
            brought = torch.empty(slots * hidden_size, columns)
            for group in input_slots.groups:
                rows = slice(group.start * hidden_size, group.stop * hidden_size)
                torch.mm(group.weight, taps[group.key], out=brought[rows])
            met.append(brought.view(slots, hidden_size, columns).index_select(0, input_slots.place))
        hidden: list[Tensor] = []
        for level, (start, having) in enumerate(zip(self._starts, self._having, strict=True)):
            parts = [brought[start : start + having] for brought in met]
            if level > 0:
                parts.append(torch.bmm(self._recurrent[level - 1], hidden[-1][:having]))
            value = self._join(level, parts, joined)
            value += self._bias[start : start + having, :, None]
            hidden.append(value.relu_())
        last = self._last(hidden)
        logits = torch.baddbmm(self._offset[:, :, None], self._classifier, last)
        logits += batch.prior[:, None]
        gates = torch.baddbmm(self._gate_offset[:, :, None], self._gate, last).sigmoid_()
        for number, evidence in enumerate(self._evidences(batch)):
            logits.addcmul_(evidence, gates[:, number, None], value=2)
        return hidden, logits, gates

    def _evidences(self, batch: "Columns") -> list[Tensor]:
        """Return what each input's model says to each candidate, `(P, C, B)`."""
        return [
            evidence.index_select(0, slots.models)
            for slots, evidence in zip(self._slots, batch.evidences, strict=True)
        ]

    def _join(
        self, level: int, parts: list[Tensor], joined: dict[tuple[int, str], Joined] | None
    ) -> Tensor:
        """Join the parts of a level, each `(P_l, H, B)`, as each candidate does."""
        if self._concat_alone(level):
            value = parts[0]
            for part in parts[1:]:
                value += part
            return value
        value = torch.empty_like(parts[0])
        for meeting in self._meetings[level]:
            chosen = [part.index_select(0, meeting.members) for part in parts]
            own = meeting.own
            with torch.set_grad_enabled(joined is not None):
                if joined is not None:
                    chosen = [part.requires_grad_() for part in chosen]
                    own = own.detach().requires_grad_()
                met = OPERATORS[meeting.operator](chosen, own)
            if joined is not None:
                joined[level, meeting.operator] = Joined(chosen, own, met)
            value.index_copy_(0, meeting.members, met.detach())
        return value

    def _concat_alone(self, level: int) -> bool:
        return [meeting.operator for meeting in self._meetings[level]] == ["concat"]

    def _last(self, levels: list[Tensor]) -> Tensor:
        """Return each candidate's part of its own last level, `(P, H, B)`."""
        ending = [*self._having[1:], 0]
        pairs = list(zip(levels, ending, strict=True))
        return torch.cat([values[end:] for values, end in reversed(pairs)])

    def _gradient(self, batch: "Columns") -> None:
        """Write the gradient of the summed mean cross-entropies of all candidates."""
        joined: dict[tuple[int, str], Joined] = {}
        hidden, logits, gates = self._forward(batch, joined)
        columns = len(batch.target)
        error = logits.softmax(dim=1)
        error[:, batch.target, torch.arange(columns)] -= 1.0
        error /= columns
        last = self._last(hidden).transpose(1, 2)
        torch.bmm(error, last, out=self._classifier_gradient)
        torch.sum(error, dim=2, out=self._offset_gradient)
        at_gates = 2 * gates * (1 - gates)
        for number, evidence in enumerate(self._evidences(batch)):
            at_gates[:, number] *= (error * evidence).sum(dim=1)
        torch.bmm(at_gates, last, out=self._gate_gradient)
        torch.sum(at_gates, dim=2, out=self._gate_offset_gradient)
        at_last = torch.bmm(self._classifier.transpose(1, 2), error)
        at_last.baddbmm_(self._gate.transpose(1, 2), at_gates)
        met = torch.empty(self._bias.shape[0], self._recipe.hidden, columns)
        # Concatenation passes the same gradient on to all inputs.
        brought = [met] * len(self._inputs) if not joined else [met.clone() for _ in self._inputs]
        above = at_last[:0]
        for level in reversed(range(len(hidden))):
            start, having = self._starts[level], self._having[level]
            gradient = met[start : start + having]
            torch.cat([above, at_last[len(above) : having]], out=gradient)
            relu_backward(gradient, hidden[level], 0, grad_input=gradient)
            parts = self._part(level, gradient, joined)
            if joined:
                for whole, part in zip(brought, parts, strict=False):
                    whole[start : start + having] = part
            if level > 0:
                below = hidden[level - 1][:having].transpose(1, 2)
                torch.bmm(parts[-1], below, out=self._recurrent_gradient[level - 1])
                above = torch.bmm(self._recurrent[level - 1].transpose(1, 2), parts[-1])
        torch.sum(met, dim=2, out=self._bias_gradient)
        for input_slots, taps, whole in zip(self._slots, batch.taps, brought, strict=True):
            ordered = whole.index_select(0, input_slots.order).view(-1, columns)
            for group in input_slots.groups:
                rows = slice(group.start * self._recipe.hidden, group.stop * self._recipe.hidden)
                torch.mm(ordered[rows], taps[group.key].T, out=group.gradient)

    def _part(
        self, level: int, gradient: Tensor, joined: dict[tuple[int, str], Joined]
    ) -> list[Tensor]:
        """Return the gradient of each part of a level, `(P_l, H, B)`, and write the operators'.

        Args:
            level: its number.
            gradient: of the joined parts, `(P_l, H, B)`.
            joined: as the forward pass left it.
        """
        count = len(self._inputs) + bool(level)
        if self._concat_alone(level):
            return [gradient] * count
        parts = [torch.empty_like(gradient) for _ in range(count)]
        for meeting in self._meetings[level]:
            graph = joined[level, meeting.operator]
            *found, own = torch.autograd.grad(
                graph.value,
                [*graph.parts, graph.own],
                gradient.index_select(0, meeting.members),
                materialize_grads=True,
            )
            meeting.gradient.copy_(own)
            for part, value in zip(parts, found, strict=True):
                part.index_copy_(0, meeting.members, value)
        return parts


@dataclass(frozen=True)
class Columns:
    """Some rows of a split, transposed: a column a row.

    Attributes:
        taps: for each input, its taps `(D, B)`.
        evidences: for each input, the evidence of its models `(models, C, B)`.
        prior: log share of each class, `(C,)`.
        target: the classes, `(B,)`.
    """

    taps: list[dict[TapKey, Tensor]]
    evidences: list[Tensor]
    prior: Tensor
    target: Tensor

    def part(self, start: int, stop: int) -> "Columns":
        """Return some of the columns, as views."""
        return Columns(
            [{key: tap[:, start:stop] for key, tap in taps.items()} for taps in self.taps],
            [evidence[:, :, start:stop] for evidence in self.evidences],
            self.prior,
            self.target[start:stop],
        )


def _views(flat: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Cut a flat vector into views of the given shapes."""
    sizes = [math.prod(shape) for shape in shapes]
    return [part.view(shape) for part, shape in zip(torch.split(flat, sizes), shapes, strict=True)]

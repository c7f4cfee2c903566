"""Trains a brood of fusion networks in one vectorised pass.

The networks are `brainray.fusion.joint.JointNetwork` without feedback; here their forward and
backward passes are written out for all candidates at once, on the parameters that
`brainray.fusion.layout` lays out. Only what an operator does, which is small, is left to autograd,
and concatenation, a sum, is not. Letters: P candidates, S slots, H hidden width, B batch,
C classes, D width of a tap.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from brainray.fusion.features import Features, Spoiling
from brainray.fusion.genome import Wiring
from brainray.fusion.layout import Layout, TapKey
from brainray.fusion.operators import OPERATORS
from brainray.seeding import torch_generator
from brainray.training.loop import Recipe

relu_backward = torch.ops.aten.threshold_backward.grad_input


@dataclass(frozen=True)
class CandidateRecipe:
    """How every candidate of a search is trained.

    Attributes:
        hidden: width of a level.
        epochs: passes over the training split.
        batch_size: rows a step.
        learning_rate: of Adam, at the start of its cosine.
        weight_decay: decoupled.
        halving: after how many epochs the worse half of a brood stops, ascending; see
            `brainray.fusion.halving`.
    """

    hidden: int
    epochs: int
    batch_size: int = 256
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    halving: tuple[int, ...] = ()

    @property
    def recipe(self) -> Recipe:
        """The same for a candidate that is trained by itself."""
        return Recipe(self.epochs, self.batch_size, "adam", self.learning_rate, self.weight_decay)


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
        seed: of initial weights, order of rows and spoiling.
    """

    def __init__(
        self, wirings: Sequence[Wiring], features: Features, recipe: CandidateRecipe, seed: int
    ) -> None:
        self._recipe = recipe
        self._seed = seed
        self._wirings = list(wirings)
        self._layout = Layout(wirings, features, recipe.hidden, torch_generator(seed, "weights"))
        self._optimizer = torch.optim.AdamW(
            [self._layout.flat], recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        steps = recipe.epochs * -(-len(features.target_N) // recipe.batch_size)
        self._cosine = torch.optim.lr_scheduler.CosineAnnealingLR(self._optimizer, T_max=steps)

    def train(
        self,
        features: Features,
        spoiling: Spoiling,
        on_epoch: Callable[[int], None] = lambda epochs: None,
    ) -> None:
        """Train all candidates on the training split, some of whose inputs are spoiled.

        Args:
            features: of the training split.
            spoiling: of its inputs.
            on_epoch: called after each epoch with how many there were; it may `keep` some.
        """
        rows, batch_size = len(features.target_N), self._recipe.batch_size
        for epoch in range(self._recipe.epochs):
            order = torch.randperm(rows, generator=torch_generator(self._seed, "order", epoch))
            generator = torch_generator(self._seed, "spoiling", epoch)
            keep, source = spoiling.draw(rows, len(self._layout.inputs), generator)
            columns = self._columns(features, order, keep[order], source[order])
            for start in range(0, rows, batch_size):
                self._gradient(columns.part(start, min(start + batch_size, rows)))
                self._optimizer.step()
                self._cosine.step()
            on_epoch(epoch + 1)

    def keep(self, survivors: Sequence[int], features: Features) -> None:
        """Go on with some of the candidates alone, in the order given, as if they had been alone.

        Args:
            survivors: which, as numbers of the present ones.
            features: of the training split.
        """
        before, optimizer = self._layout, self._optimizer
        self._wirings = [self._wirings[number] for number in survivors]
        # Its initial weights do not matter: all of them are replaced.
        self._layout = Layout(self._wirings, features, before.hidden, torch.Generator())
        flat, source = self._layout.flat, torch.empty(len(self._layout.flat), dtype=torch.int64)
        stood = before.places(features)
        for number, places in zip(survivors, self._layout.places(features), strict=True):
            for name, place in places.items():
                source[place] = stood[number][name]
        flat.data.copy_(before.flat.data[source])
        moments = optimizer.state.pop(before.flat)
        optimizer.param_groups[0]["params"] = [flat]
        optimizer.state[flat] = {
            name: value if name == "step" else value[source] for name, value in moments.items()
        }

    def logits(self, features: Features) -> Tensor:
        """Return the fused logits of every candidate, in the order given, `(P, N, C)`."""
        rows = torch.arange(len(features.target_N))
        own = rows[:, None].expand(-1, len(self._layout.inputs))
        columns = self._columns(features, rows, torch.ones(own.shape), own)
        batches = [
            self._forward(columns.part(start, min(start + 1024, len(rows))))[1]
            for start in range(0, len(rows), 1024)
        ]
        sorted_PNC = torch.cat(batches, dim=2).transpose(1, 2)
        return sorted_PNC[torch.tensor(self._layout.order).argsort()]

    def parameters_of(self, candidate: int) -> dict[str, Tensor]:
        """Return the parameters of one candidate under the names that `JointNetwork` has."""
        return self._layout.parameters_of(candidate)

    def _columns(
        self, features: Features, order: Tensor, keep: Tensor, source: Tensor
    ) -> "Columns":
        """Return the rows in ``order``, a column a row; see `Spoiling.draw` for the others."""
        taps, ratios = [], []
        for number, slots in enumerate(self._layout.slots):
            mask, rows = keep[:, number], source[:, number]
            taps.append(
                {
                    group.key: features.taps[group.key].T.index_select(1, rows) * mask
                    for group in slots.groups
                }
            )
            stacked = torch.stack([features.evidences[name].T for name in slots.names])
            ratios.append((stacked.index_select(2, rows) * mask).exp())
        return Columns(taps, ratios, features.prior_C, features.target_N[order])

    def _forward(
        self, batch: "Columns", joined: dict[tuple[int, int], Joined] | None = None
    ) -> tuple[list[Tensor], Tensor, list[Tensor]]:
        """Return the hidden values of each level, `(P_l, H, B)`, logits and likelihood ratios.

        The logits are `(P, C, B)`; so is, for each input, the ratio whose logarithm is the
        evidence after the doubt.

        Args:
            batch: the rows.
            joined: filled with what the gradient needs, by level and number of the meeting.
        """
        layout = self._layout
        hidden_size, columns = layout.hidden, len(batch.target)
        met = []
        for input_slots, taps in zip(layout.slots, batch.taps, strict=True):
            size = len(input_slots.order) * hidden_size
            brought = torch.empty(size + hidden_size, columns)
            brought[size:] = 0.0  # the place of slots where the input is absent
            for group in input_slots.groups:
                rows = slice(group.start * hidden_size, group.stop * hidden_size)
                torch.mm(group.weight.value, taps[group.key], out=brought[rows])
            met.append(brought.view(-1, hidden_size, columns).index_select(0, input_slots.place))
        hidden: list[Tensor] = []
        for level, (start, having) in enumerate(zip(layout.starts, layout.having, strict=True)):
            parts = [brought[start : start + having] for brought in met]
            if level > 0:
                parts.append(torch.bmm(layout.recurrent[level - 1].value, hidden[-1][:having]))
            value = self._join(level, parts, joined)
            value += layout.bias.value[start : start + having, :, None]
            hidden.append(value.relu_())
        last = self._last(hidden)
        logits = torch.baddbmm(layout.offset.value[:, :, None], layout.classifier.value, last)
        logits += batch.prior[:, None]
        ratios = self._ratios(batch)
        for ratio in ratios:
            logits += ratio.log()
        return hidden, logits, ratios

    def _ratios(self, batch: "Columns") -> list[Tensor]:
        """Return each input's likelihood ratios, mixed with 1 by the doubt, `(P, C, B)`."""
        doubt_PM = self._layout.doubt.value.sigmoid()
        return [
            torch.lerp(ratio.index_select(0, slots.models), torch.ones(()), doubt[:, None, None])
            for slots, ratio, doubt in zip(
                self._layout.slots, batch.ratios, doubt_PM.T, strict=True
            )
        ]

    def _join(
        self, level: int, parts: list[Tensor], joined: dict[tuple[int, int], Joined] | None
    ) -> Tensor:
        """Join the parts of a level, each `(P_l, H, B)`, as each candidate does."""
        if self._concat_alone(level):
            value = parts[0]
            for part in parts[1:]:
                value += part
            return value
        value = torch.empty_like(parts[0])
        for number, meeting in enumerate(self._layout.meetings[level]):
            chosen = [parts[part].index_select(0, meeting.members) for part in meeting.parts]
            own = meeting.own.value
            with torch.set_grad_enabled(joined is not None):
                if joined is not None:
                    chosen = [part.requires_grad_() for part in chosen]
                    own = own.detach().requires_grad_()
                met = OPERATORS[meeting.operator](chosen, own)
            if joined is not None:
                joined[level, number] = Joined(chosen, own, met)
            value.index_copy_(0, meeting.members, met.detach())
        return value

    def _concat_alone(self, level: int) -> bool:
        return {meeting.operator for meeting in self._layout.meetings[level]} == {"concat"}

    def _last(self, levels: list[Tensor]) -> Tensor:
        """Return each candidate's part of its own last level, `(P, H, B)`."""
        ending = [*self._layout.having[1:], 0]
        pairs = list(zip(levels, ending, strict=True))
        return torch.cat([values[end:] for values, end in reversed(pairs)])

    def _gradient(self, batch: "Columns") -> None:
        """Write the gradient of the summed mean cross-entropies of all candidates."""
        layout = self._layout
        joined: dict[tuple[int, int], Joined] = {}
        hidden, logits, ratios = self._forward(batch, joined)
        columns = len(batch.target)
        error = logits.softmax(dim=1)
        error[:, batch.target, torch.arange(columns)] -= 1.0
        error /= columns
        last = self._last(hidden).transpose(1, 2)
        torch.bmm(error, last, out=layout.classifier.gradient)
        torch.sum(error, dim=2, out=layout.offset.gradient)
        for number, ratio in enumerate(ratios):
            # d log((1 - d) r + d) / da = d / ((1 - d) r + d) - d; the errors of a row sum to 0.
            layout.doubt.gradient[:, number] = (error / ratio).sum(dim=(1, 2))
        layout.doubt.gradient.mul_(layout.doubt.value.sigmoid())
        at_last = torch.bmm(layout.classifier.value.transpose(1, 2), error)
        met = torch.empty(len(layout.bias.value), layout.hidden, columns)
        # Concatenation passes the same gradient on to all inputs.
        brought = [met] * len(layout.inputs)
        if joined:
            brought = [torch.empty_like(met) for _ in layout.inputs]
        above = at_last[:0]
        for level in reversed(range(len(hidden))):
            start, having = layout.starts[level], layout.having[level]
            gradient = met[start : start + having]
            torch.cat([above, at_last[len(above) : having]], out=gradient)
            relu_backward(gradient, hidden[level], 0, grad_input=gradient)
            parts = self._part(level, gradient, joined)
            if joined:
                for whole, part in zip(brought, parts, strict=False):
                    whole[start : start + having] = part
            if level > 0:
                below = hidden[level - 1][:having].transpose(1, 2)
                torch.bmm(parts[-1], below, out=layout.recurrent[level - 1].gradient)
                above = torch.bmm(layout.recurrent[level - 1].value.transpose(1, 2), parts[-1])
        torch.sum(met, dim=2, out=layout.bias.gradient)
        for input_slots, taps, whole in zip(layout.slots, batch.taps, brought, strict=True):
            ordered = whole.index_select(0, input_slots.order).view(-1, columns)
            for group in input_slots.groups:
                rows = slice(group.start * layout.hidden, group.stop * layout.hidden)
                torch.mm(ordered[rows], taps[group.key].T, out=group.weight.gradient)

    def _part(
        self, level: int, gradient: Tensor, joined: dict[tuple[int, int], Joined]
    ) -> list[Tensor]:
        """Return the gradient of each part of a level, `(P_l, H, B)`, and write the operators'.

        What stands where a part is absent means nothing.

        Args:
            level: its number.
            gradient: of the joined parts, `(P_l, H, B)`.
            joined: as the forward pass left it.
        """
        count = len(self._layout.inputs) + bool(level)
        if self._concat_alone(level):
            return [gradient] * count
        parts = [torch.empty_like(gradient) for _ in range(count)]
        for number, meeting in enumerate(self._layout.meetings[level]):
            graph = joined[level, number]
            *found, own = torch.autograd.grad(
                graph.value,
                [*graph.parts, graph.own],
                gradient.index_select(0, meeting.members),
                materialize_grads=True,
            )
            meeting.own.gradient.copy_(own)
            for part, value in zip(meeting.parts, found, strict=True):
                parts[part].index_copy_(0, meeting.members, value)
        return parts


@dataclass(frozen=True)
class Columns:
    """Some rows of a split, transposed: a column a row.

    Attributes:
        taps: for each input, its taps `(D, B)`.
        ratios: for each input, the likelihood ratios of its models, the exponentials of their
            evidence, `(models, C, B)`.
        prior: log share of each class, `(C,)`.
        target: the classes, `(B,)`.
    """

    taps: list[dict[TapKey, Tensor]]
    ratios: list[Tensor]
    prior: Tensor
    target: Tensor

    def part(self, start: int, stop: int) -> "Columns":
        """Return some of the columns, as views."""
        return Columns(
            [{key: tap[:, start:stop] for key, tap in taps.items()} for taps in self.taps],
            [ratio[:, :, start:stop] for ratio in self.ratios],
            self.prior,
            self.target[start:stop],
        )

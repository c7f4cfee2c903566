"""A network as flat vectors, with its optimizer: what a strategy changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


def half_cosine(rate: float, steps: int) -> list[float]:
    """Return the learning rate of each step, and behind them that after the last one, 0.

    As `torch.optim.lr_scheduler.CosineAnnealingLR` computes them, to the last bit.
    """
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(0))], lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    rates = [rate]
    for _ in range(steps):
        optimizer.step()
        schedule.step()
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


@dataclass
class NetworkReplica:
    """The parameters of a network on one worker; see `brainray.training.interface.Replica`.

    Attributes:
        trained: the parameters.
        optimizer: of these parameters.
        rates: learning rate of each step, and after the last one.
        rank: of the worker.
        size: number of workers.
        seed: of the training.
        done: steps that were done before this replica was made.
    """

    trained: list[nn.Parameter]
    optimizer: torch.optim.Optimizer
    rates: list[float]
    rank: int = 0
    size: int = 1
    seed: int = 0
    done: int = 0
    _numbers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = [parameter.numel() for parameter in self.trained]

    def gradient(self) -> Tensor:
        """Return the gradient as one vector, zeros where there is none yet."""
        return torch.cat([gradient.reshape(-1) for gradient in self._gradients()])

    def parameters(self) -> Tensor:
        """Return a copy of the parameters."""
        return torch.cat([parameter.detach().reshape(-1) for parameter in self.trained])

    def load(self, parameters: Tensor) -> None:
        """Set the parameters."""
        with torch.no_grad():
            parts = torch.split(parameters, self._numbers)
            for parameter, part in zip(self.trained, parts, strict=True):
                parameter.copy_(part.view(parameter.shape))

    def apply(self, gradient: Tensor, share: float = 1.0) -> None:
        """Do one optimizer step."""
        parts = torch.split(gradient, self._numbers)
        for own, part in zip(self._gradients(), parts, strict=True):
            own.copy_(part.view(own.shape))
        (group,) = self.optimizer.param_groups
        rate = group["lr"]
        group["lr"] = rate * share
        self.optimizer.step()
        group["lr"] = rate

    def save(self) -> Any:
        """Return a copy of parameters and optimizer."""
        moments = {
            parameter: {
                name: value.clone() if isinstance(value, Tensor) else value
                for name, value in state.items()
            }
            for parameter, state in self.optimizer.state.items()
        }
        return self.parameters(), moments

    def restore(self, saved: Any) -> None:
        """Go back to what `save` returned, which is used up by this."""
        parameters, moments = saved
        self.load(parameters)
        self.optimizer.state.clear()
        self.optimizer.state.update(moments)

    def moments(self) -> dict[str, Tensor]:
        """Return a copy of what the optimizer remembers: vectors `(P,)` and single numbers.

        Nothing if it has not stepped yet.
        """
        states = [self.optimizer.state[parameter] for parameter in self.trained]
        found = {}
        for name, first in states[0].items() if states else ():
            if not isinstance(first, Tensor):
                continue  # SGD has None before its first step
            if first.shape == self.trained[0].shape:
                found[name] = torch.cat([state[name].reshape(-1) for state in states])
            else:  # the number of steps, which is the same for all
                found[name] = first.clone()
        return found

    def load_moments(self, moments: Mapping[str, Tensor]) -> None:
        """Set what the optimizer remembers.

        Raises:
            ValueError: it is not of these parameters.
        """
        total = sum(self._numbers)
        self.optimizer.state.clear()
        for name, value in moments.items():
            if value.dim() == 0:
                parts = [value] * len(self.trained)
            elif value.shape == (total,):
                parts = list(torch.split(value, self._numbers))
            else:
                raise ValueError(f"{name} has {value.numel()} numbers, parameters are {total}")
            for parameter, part in zip(self.trained, parts, strict=True):
                whole = part if value.dim() == 0 else part.view(parameter.shape)
                self.optimizer.state[parameter][name] = like(whole, parameter)

    def at(self, step: float) -> None:
        """Set the learning rate."""
        (group,) = self.optimizer.param_groups
        group["lr"] = self.rates[min(int(step), len(self.rates) - 1)]

    def _gradients(self) -> list[Tensor]:
        for parameter in self.trained:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        return [parameter.grad for parameter in self.trained if parameter.grad is not None]


def like(moment: Tensor, parameter: nn.Parameter) -> Tensor:
    """Return a copy of what an optimizer remembers of a parameter: a number, or one a weight.

    In the parameter's own memory layout, as fused optimizers want it.
    """
    if moment.dim() == 0:
        return moment.clone()
    return torch.empty_like(parameter).copy_(moment).detach()

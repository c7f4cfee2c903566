"""Taps on a network that knows nothing of taps: what its stages give is noted as it passes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import Tensor, nn

from brainray.errors import NetworkError
from brainray.networks.interface import LOGITS, TappedNetwork

MAX_TAPS = 8
"""Of a network, the logits among them; each is a choice more for the search."""

MIN_STAGES = 4
"""With fewer, a stage is taken apart into those within it."""

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
CHANNELS_FIRST = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.GroupNorm, *BATCH_NORMS)

_INNER = "network."
_passing: ContextVar[dict[str, Tensor] | None] = ContextVar("passing", default=None)


class ZooNetwork(TappedNetwork):
    """A network of a zoo with the outputs of its stages as taps.

    Its weights have the names that they have in the zoo. Random layers (dropout, stochastic depth,
    masks) rest in training too: they would draw from the one generator that all workers of a
    process share. Batch norm does learn its statistics.

    Args:
        architecture: named in errors, e.g. ``timm/resnet18``.
        network: gives logits `(B, C)` for prepared samples.
    """

    def __init__(self, architecture: str, network: nn.Module) -> None:
        super().__init__()
        self.architecture = architecture
        self.network = network
        for name in stages(network):
            stage = network.get_submodule(name)
            stage.register_forward_hook(_Tap(name, stage))
        self.register_state_dict_post_hook(_without_inner)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_with_inner)  # type: ignore[no-untyped-call]
        self.train(False)

    def forward_taps(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return the stages' outputs, each `(B, D, ...)`, and the logits `(B, C)`.

        Args:
            inputs: prepared samples, shape `(B, *preparation.shape)`.

        Raises:
            NetworkError: the network does not take them.
        """
        taps: dict[str, Tensor] = {}
        before = _passing.set(taps)
        try:
            with self._statistics_for(len(inputs)):
                logits = self.logits(inputs)
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
            reason = " ".join(str(error).split())
            raise NetworkError(
                f"architecture {self.architecture!r}: does not take {shown(inputs)}: {reason}"
            ) from error
        finally:
            _passing.reset(before)
        # What is the same for all samples, such as positions, may come once for all of them.
        whole = {
            name: tap.expand(len(inputs), *tap.shape[1:])
            for name, tap in taps.items()
            if tap is not logits and len(tap) in (1, len(inputs))
        }
        return {**whole, LOGITS: logits}

    def logits(self, inputs: Tensor) -> Tensor:
        """Return what the network itself makes of prepared samples, `(B, C)`."""
        found: Tensor = self.network(inputs)
        return found

    def train(self, mode: bool = True) -> "ZooNetwork":
        """Set the mode of training, of the batch norms alone; see the class."""
        super().train(False)
        self.training = mode
        for norm in batch_norms(self):
            norm.train(mode)
        return self

    @contextmanager
    def _statistics_for(self, rows: int) -> Iterator[None]:
        """Normalise one row by what was learned so far: a single value has no variance."""
        resting = [norm for norm in batch_norms(self) if norm.training and rows == 1]
        for norm in resting:
            norm.eval()
        try:
            yield
        finally:
            for norm in resting:
                norm.train()


def batch_norms(network: nn.Module) -> list[nn.Module]:
    """Return the modules that learn statistics of the batches they see."""
    return [module for module in network.modules() if isinstance(module, BATCH_NORMS)]


def stages(network: nn.Module) -> list[str]:
    """Return the names of a network's stages below its head, from the input to the output.

    A stage is a part with matrices of weights. The part of most layers is taken apart until there
    are enough; of too many, some evenly spaced ones are kept.
    """
    found = dict(_parts("", network)[:-1])
    while any(isinstance(part, nn.ModuleList) for part in found.values()) or (
        len(found) < MIN_STAGES
    ):
        # A list is never called, so nothing passes it.
        larger = [
            (isinstance(part, nn.ModuleList), len(list(part.modules())), name)
            for name, part in found.items()
            if _parts(name, part)
        ]
        if not larger:
            break
        chosen = max(larger)[2]
        found = {
            name: part
            for old, whole in found.items()
            for name, part in (_parts(old, whole) if old == chosen else [(old, whole)])
        }
    names, kept = list(found), min(len(found), MAX_TAPS - 1)
    return [names[round(place * (len(names) - 1) / max(kept - 1, 1))] for place in range(kept)]


def shown(inputs: Tensor) -> str:
    """Return samples as an error names them, e.g. ``float32 (3, 28, 28)``."""
    return f"{str(inputs.dtype).removeprefix('torch.')} {tuple(inputs.shape[1:])}"


def _parts(name: str, module: nn.Module) -> list[tuple[str, nn.Module]]:
    return [
        (f"{name}.{child}".removeprefix("."), part)
        for child, part in module.named_children()
        if any(parameter.dim() > 1 for parameter in part.parameters())
    ]


class _Tap:
    """Notes what a stage gives, its features on the second axis.

    Convolutions have them there, attention on the last; what the stage's last layer gives says
    which, for some stages move them.
    """

    def __init__(self, name: str, stage: nn.Module) -> None:
        self.name = name
        weighted = [
            part for part in stage.modules() if isinstance(getattr(part, "weight", None), Tensor)
        ]
        last = weighted[-1] if weighted else stage
        self.width = _outputs(last)
        self.channels_first = isinstance(last, CHANNELS_FIRST)

    def __call__(self, stage: nn.Module, inputs: Any, output: Any) -> None:
        taps, value = _passing.get(), _first_tensor(output)
        if taps is not None and value is not None and value.dim() > 1:
            taps[self.name] = value.movedim(self._axis(value), 1)

    def _axis(self, value: Tensor) -> int:
        second, last = value.shape[1] == self.width, value.shape[-1] == self.width
        return 1 if second > last or (second == last and self.channels_first) else -1


def _outputs(layer: nn.Module) -> int:
    """Return how many features a layer gives; 0 if it has no weight."""
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, Tensor):
        return 0
    return weight.shape[1] if isinstance(layer, nn.Embedding) else len(weight)


def _first_tensor(output: Any) -> Tensor | None:
    """Return the floats of an output, which may stand first in a tuple or a mapping."""
    if isinstance(output, dict):
        output = tuple(output.values())
    while isinstance(output, tuple | list) and output:
        output = output[0]
    return output if isinstance(output, Tensor) and output.is_floating_point() else None


def _without_inner(
    module: nn.Module, state: dict[str, Tensor], prefix: str, metadata: object
) -> None:
    for key in [key for key in state if key.startswith(prefix + _INNER)]:
        state[prefix + key.removeprefix(prefix + _INNER)] = state.pop(key)


def _with_inner(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    for key in [key for key in state if key.startswith(prefix)]:
        state[prefix + _INNER + key.removeprefix(prefix)] = state.pop(key)

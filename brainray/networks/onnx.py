"""An ONNX graph as a network: frozen, with a small trained head for the classes of a scenario.

Fusion needs of every network its class scores: for the evidence, the calibration and the
comparison with the network alone. An uploaded graph knows the classes of its own data set, not
those of the scenario. So one linear layer on all its taps is trained for them, the *linear probe*
by which frozen features are judged (Alain and Bengio, 2017). That layer alone is what a run
stores; the graph stays the one file that was uploaded.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from brainray.networks.interface import LOGITS, TappedNetwork
from brainray.networks.onnx_graph import Graph, Tap
from brainray.shapes import Array, FloatArray


class LinearHead(nn.Module):
    """Class scores from the features of all taps, each brought to mean 0 and deviation 1.

    Args:
        width: features of all taps together.
        classes: number of logits.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.linear = nn.Linear(width, classes)
        nn.init.zeros_(self.linear.weight)  # the loss is convex: any start will do
        nn.init.zeros_(self.linear.bias)

    def measure(self, features_ND: Tensor) -> None:
        """Take mean and deviation from the training rows."""
        rows_ND = features_ND.double()
        self.get_buffer("mean").copy_(rows_ND.mean(0))
        # What hardly moves says nothing; dividing by its deviation would only add noise.
        self.get_buffer("deviation").copy_(rows_ND.std(0, correction=0).clamp_min(1e-4))

    def forward(self, features_BD: Tensor) -> Tensor:
        """Return the logits `(B, C)`."""
        scaled_BD = (features_BD - self.get_buffer("mean")) / self.get_buffer("deviation")
        logits: Tensor = self.linear(scaled_BD)
        return logits


class OnnxTaps(TappedNetwork):
    """The taps of a graph, without logits.

    Args:
        graph: opened with the names of ``taps``.
        taps: from the input to the output.
    """

    def __init__(self, graph: Graph, taps: Sequence[Tap]) -> None:
        super().__init__()
        self.taps = tuple(taps)
        self._graph = graph

    def forward_taps(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return the taps, each `(B, D)`: averaged here, where the axis of the features is known.

        Args:
            inputs: prepared samples, shape `(B, *preparation.shape)`.

        Raises:
            NetworkError: the graph does not take them.
        """
        rows = [self._graph.run(sample) for sample in inputs.numpy()]
        return {
            tap.label: torch.from_numpy(
                np.concatenate([_pooled(row[tap.name], tap) for row in rows])
            )
            for tap in self.taps
        }


class OnnxNetwork(TappedNetwork):
    """A frozen graph below a `LinearHead`. Its parameters are those of the head.

    Args:
        taps: of the graph.
        classes: of the scenario.
    """

    def __init__(self, taps: OnnxTaps, classes: int) -> None:
        super().__init__()
        self.taps = taps
        self.head = LinearHead(sum(tap.width for tap in taps.taps), classes)

    def forward_taps(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return the taps, each `(B, D)`, and the logits `(B, C)`.

        Args:
            inputs: prepared samples, shape `(B, *preparation.shape)`.

        Raises:
            NetworkError: the graph does not take them.
        """
        return self.with_logits(self.taps.forward_taps(inputs))

    def with_logits(self, taps: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return taps `(B, D)` with what the head makes of them."""
        return {**taps, LOGITS: self.head(torch.cat(list(taps.values()), 1))}


def _pooled(value: Array, tap: Tap) -> FloatArray:
    """Return a tap of one sample as `(1, D)`, averaged over all axes but that of the features."""
    features = np.moveaxis(value.reshape(1, *(tap.shape or (1,))), tap.axis, 1)
    mean_D: FloatArray = features.reshape(1, tap.width, -1).mean(2, dtype=np.float64)
    return mean_D.astype(np.float32)


def tap_labels(taps: Sequence[Tap]) -> tuple[str, ...]:
    """Return the names of the taps of an `OnnxNetwork`, from the input to the logits."""
    return (*(tap.label for tap in taps), LOGITS)

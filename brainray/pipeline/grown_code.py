"""The integer code of grown convolutional networks: the string of Figure 6 (paper 3.1.2)."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from functools import cached_property

from brainray.errors import SearchError
from brainray.networks.grown import ConvLayer
from brainray.search.interface import Gene, Genome, Space

TOKENS = tuple(field.name for field in fields(ConvLayer))
"""What is written for each layer, in Figure 6's order."""


@dataclass(frozen=True)
class GrownCode:
    """The codes of convolutional networks for inputs of one size.

    A gene ``depth`` says how many layers count; those of layer i have the group ``level<i>``, so
    that searchers which reveal a code stage by stage write it layer by layer.

    A layer is legal if neither its filters nor its strides are larger than the maps that they move
    over.

    Attributes:
        size: height and width of the input, each at least 1.
        depth: the largest number of layers.
        filters: numbers of filters to choose from, rising.
        kernels: heights and widths of filters, odd and rising.
        strides: heights and widths of strides, rising.

    Raises:
        SearchError: no filter or no stride fits into the input.
    """

    size: tuple[int, int]
    depth: int
    filters: tuple[int, ...]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        for what in ("kernels", "strides"):
            least = min(getattr(self, what))
            if least > min(self.size):
                raise SearchError(
                    f"grow.{what}: {least}, the smallest, does not fit into an input of "
                    f"{self.size[0]} x {self.size[1]}"
                )

    @cached_property
    def _choices(self) -> tuple[tuple[int, ...], ...]:
        """The numbers that each token of a layer may have."""
        return (self.filters, self.kernels, self.kernels, self.strides, self.strides)

    @cached_property
    def space(self) -> Space:
        """The depth, then the genes of each layer."""
        genes = [Gene("depth", tuple(str(n + 1) for n in range(self.depth)), "depth")]
        for level in range(1, self.depth + 1):
            genes += [
                Gene(f"level{level}.{token}", tuple(map(str, numbers)), f"level{level}")
                for token, numbers in zip(TOKENS, self._choices, strict=True)
            ]
        return Space(tuple(genes), repair=self.repair)

    def repair(self, genome: Genome) -> Genome:
        """Return the canonical legal code near any ``genome``.

        From the input on, a filter or stride that does not fit becomes the largest that does;
        where none does the string ends, and what stands behind its end becomes 0.
        """
        layers: list[ConvLayer] = []
        size = self.size
        for number in range(genome[0] + 1):
            layer = self._fitting(self._alleles(genome, number), size)
            if layer is None:
                break
            layers.append(layer)
            size = layer.size_after(size)
        return self.encode(layers)

    def decode(self, genome: Genome) -> tuple[ConvLayer, ...]:
        """Return the layers of a legal code, from the input to the output."""
        return tuple(
            ConvLayer(*(c[a] for c, a in zip(self._choices, self._alleles(genome, n), strict=True)))
            for n in range(genome[0] + 1)
        )

    def encode(self, layers: Sequence[ConvLayer]) -> Genome:
        """Return the code of legal layers, at least one and at most ``depth``."""
        genome = [len(layers) - 1]
        for layer in layers:
            genome += [
                c.index(token) for c, token in zip(self._choices, astuple(layer), strict=True)
            ]
        return tuple(genome + [0] * (len(TOKENS) * (self.depth - len(layers))))

    def _alleles(self, genome: Genome, number: int) -> Genome:
        start = 1 + len(TOKENS) * number
        return genome[start : start + len(TOKENS)]

    def _fitting(self, alleles: Genome, size: tuple[int, int]) -> ConvLayer | None:
        """Return the layer nearest to some alleles on maps of a size, None if there is none."""
        limits = (self.filters[-1], *size, *size)  # any number of filters fits
        tokens = []
        for numbers, allele, limit in zip(self._choices, alleles, limits, strict=True):
            fitting = [number for number in numbers[: allele + 1] if number <= limit]
            if not fitting:
                return None
            tokens.append(fitting[-1])
        return ConvLayer(*tokens)

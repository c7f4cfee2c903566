"""The genome of a fusion network (paper 3.1.1, Figure 5) and what it stands for.

Each input has a gene of three integers: the optimizer, the structure and the size of its
pretrained network. Then come the depth and, for every level, which tap of each input meets
there and by which operator. Taps are counted from the output: 0 is the logits.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from brainray.search.interface import Gene, Genome, Space

FUSABLE_TAPS = 4
"""How many taps of a network, counted from its output, can be fused."""


@dataclass(frozen=True)
class Candidate:
    """A pretrained model that an input may use.

    Attributes:
        model: its id in the catalog.
        optimizer: that trained it.
        structure: its category, e.g. ``LeNet``.
        parameters: how many it has.
        taps: the names of its taps, from the input to the output.
    """

    model: str
    optimizer: str
    structure: str
    parameters: int
    taps: tuple[str, ...]

    @property
    def size(self) -> str:
        """Its size as an allele: the power of ten below its number of parameters."""
        return f"1e{len(str(self.parameters)) - 1}"

    @property
    def fusable(self) -> tuple[str, ...]:
        """The taps that a level may use, the one nearest the output first."""
        return self.taps[: -FUSABLE_TAPS - 1 : -1]


@dataclass(frozen=True)
class Level:
    """One fusion level: the tap that each input brings, and how they meet."""

    taps: dict[str, str]
    operator: str


@dataclass(frozen=True)
class Wiring:
    """What a genome stands for.

    Attributes:
        models: of each input.
        levels: that fuse them, from the first to the last.
        representation: a form of `brainray.fusion.forms.FORMS`.
        feedback: whether what is fused gates the inputs from above.
    """

    models: dict[str, str]
    levels: tuple[Level, ...]
    representation: str = "joint"
    feedback: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as the catalog keeps it."""
        return asdict(self) | {"levels": [asdict(level) for level in self.levels]}

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> "Wiring":
        """Return what `to_json` was given."""
        levels = tuple(
            Level(dict(level["taps"]), level["operator"]) for level in document["levels"]
        )
        return Wiring(
            dict(document["models"]),
            levels,
            document["representation"],
            document["feedback"],
        )


@dataclass(frozen=True)
class FusionCode:
    """The code of the fusion networks of one scenario.

    Attributes:
        candidates: the pretrained models of each input, at least one.
        depth: the largest number of levels.
        operators: that a level may use.
        representation: of all candidates.
        feedback: whether all candidates have it.
    """

    candidates: Mapping[str, tuple[Candidate, ...]]
    depth: int
    operators: tuple[str, ...]
    representation: str = "joint"
    feedback: bool = False

    @cached_property
    def genes(self) -> tuple[Gene, ...]:
        """The genes in order: those of each input, then the depth, then those of each level."""
        genes = []
        for name, models in self.candidates.items():
            for part in ("optimizer", "structure", "size"):
                alleles = sorted({getattr(model, part) for model in models})
                genes.append(Gene(f"{name}.{part}", tuple(alleles), group=name))
        depths = tuple(str(number + 1) for number in range(self.depth))
        genes.append(Gene("depth", depths, group="depth"))
        for level in range(1, self.depth + 1):
            for name, models in self.candidates.items():
                taps = max(len(model.fusable) for model in models)
                alleles = [f"last-{back}" if back else "last" for back in range(taps)]
                genes.append(Gene(f"level{level}.{name}.tap", tuple(alleles), f"level{level}"))
            genes.append(Gene(f"level{level}.operator", self.operators, f"level{level}"))
        return tuple(genes)

    @property
    def space(self) -> Space:
        """The space of these codes."""
        return Space(self.genes, repair=self.repair)

    def repair(self, genome: Genome) -> Genome:
        """Return the canonical legal code nearest to ``genome``.

        An input's gene that no pretrained model has becomes the nearest by Hamming distance (the
        first of equals); a tap that the model lacks becomes its earliest; what stands in levels
        beyond the depth means nothing and becomes 0.
        """
        alleles = dict(zip((gene.name for gene in self.genes), genome, strict=True))
        depth = alleles["depth"] + 1
        for name in self.candidates:
            candidate, code = self._nearest(name, alleles)
            alleles |= code
            for level in range(1, depth + 1):
                tap = f"level{level}.{name}.tap"
                alleles[tap] = min(alleles[tap], len(candidate.fusable) - 1)
        for level in range(depth + 1, self.depth + 1):
            for key in alleles:
                if key.startswith(f"level{level}."):
                    alleles[key] = 0
        return tuple(alleles.values())

    def decode(self, genome: Genome) -> Wiring:
        """Return what a legal code stands for."""
        alleles = dict(zip((gene.name for gene in self.genes), genome, strict=True))
        chosen = {name: self._nearest(name, alleles)[0] for name in self.candidates}
        levels = tuple(
            Level(
                taps={
                    name: candidate.fusable[alleles[f"level{level}.{name}.tap"]]
                    for name, candidate in chosen.items()
                },
                operator=self.operators[alleles[f"level{level}.operator"]],
            )
            for level in range(1, alleles["depth"] + 2)
        )
        models = {name: candidate.model for name, candidate in chosen.items()}
        return Wiring(models, levels, self.representation, self.feedback)

    def _nearest(self, name: str, alleles: Mapping[str, int]) -> tuple[Candidate, dict[str, int]]:
        """Return the candidate of input ``name`` nearest to its gene, with its own gene."""

        def distance(code: Mapping[str, int]) -> int:
            return sum(alleles[key] != allele for key, allele in code.items())

        return min(self._codes[name], key=lambda pair: distance(pair[1]))

    @cached_property
    def _codes(self) -> dict[str, list[tuple[Candidate, dict[str, int]]]]:
        """Every candidate's gene by input, in the order of the candidates."""
        index = {gene.name: gene.alleles.index for gene in self.genes}
        return {
            name: [
                (
                    model,
                    {
                        f"{name}.{part}": index[f"{name}.{part}"](getattr(model, part))
                        for part in ("optimizer", "structure", "size")
                    },
                )
                for model in models
            ]
            for name, models in self.candidates.items()
        }

"""The genome of a fusion network (paper 3.1.1, Figure 5) and what it stands for.

Each input has a gene of three integers: the optimizer, the structure and the size of its
pretrained network. Then come the depth and, for every level, which tap of each input meets
there and by which operator. Taps are counted from the output: 0 is the logits. With three or more
inputs, or where some must not meet, a level may be without some inputs.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import combinations, permutations, product
from statistics import mean
from typing import Any

from brainray.fusion.prior import WiringPrior, as_gene_prior, step_cost
from brainray.search.interface import Gene, Genome, Space

FUSABLE_TAPS = 4
"""How many taps of a network, counted from its output, can be fused."""

ABSENT = "none"
"""The allele of an input that brings no tap to a level."""

PARTS = ("optimizer", "structure", "size")
"""What tells the candidates of an input apart: attributes of `Candidate`."""


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
    """One fusion level: the taps that meet, at least one, by input, and how they meet."""

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

    Whatever meets at a level, with all that has met below it, is linked by the prior. The stronger
    the links, the more levels and the earlier taps it prefers, and the more often an input takes
    part in a level; one whose sub-region integrates much does so in late levels.

    Attributes:
        candidates: the pretrained models of each input, at least one.
        depth: the largest number of levels.
        operators: that a level may use.
        representation: of all candidates.
        feedback: whether all candidates have it.
        prior: which models may meet, and which are preferred.
    """

    candidates: Mapping[str, tuple[Candidate, ...]]
    depth: int
    operators: tuple[str, ...]
    representation: str = "joint"
    feedback: bool = False
    prior: WiringPrior = field(default_factory=WiringPrior)

    @cached_property
    def genes(self) -> tuple[Gene, ...]:
        """The genes in order: those of each input, then the depth, then those of each level."""
        genes = [self._model_gene(name, part) for name in self.candidates for part in PARTS]
        depths = tuple(str(number + 1) for number in range(self.depth))
        cost = step_cost(max(self._links.values()))
        prior = as_gene_prior([cost**number for number in range(self.depth)])
        genes.append(Gene("depth", depths, "depth", prior))
        for level in range(1, self.depth + 1):
            genes += [self._tap_gene(name, level) for name in self.candidates]
            genes.append(Gene(f"level{level}.operator", self.operators, f"level{level}"))
        return tuple(genes)

    def _model_gene(self, name: str, part: str) -> Gene:
        """Return a gene of an input's model: an allele weighs what its models do on average."""
        weights: dict[str, list[float]] = {}
        for one in self.candidates[name]:
            weights.setdefault(getattr(one, part), []).append(self.prior.weight(one.model))
        alleles = tuple(sorted(weights))
        prior = as_gene_prior([mean(weights[allele]) for allele in alleles])
        return Gene(f"{name}.{part}", alleles, name, prior)

    def _tap_gene(self, name: str, level: int) -> Gene:
        """Return the gene of what an input brings to a level.

        To take part costs one step, and each tap back from the output another one. Inputs that
        integrate are the more often absent, the lower the level.
        """
        taps, cost = self._taps[name], step_cost(self._links[name])
        integration = max(self.prior.integration(one.model) for one in self.candidates[name])
        late = 1 - integration * (self.depth - level) / self.depth
        alleles = [f"last-{back}" if back else "last" for back in range(taps)]
        weights = [late * cost ** (1 + back) for back in range(taps)]
        if self._optional:
            alleles.append(ABSENT)
            weights.append(1.0)
        key = f"level{level}.{name}.tap"
        return Gene(key, tuple(alleles), f"level{level}", as_gene_prior(weights))

    @property
    def space(self) -> Space:
        """The space of these codes."""
        return Space(self.genes, repair=self.repair)

    def repair(self, genome: Genome) -> Genome:
        """Return the canonical legal code near ``genome``.

        An input's gene that no pretrained model has becomes the nearest by Hamming distance (the
        first of equals); a tap that the model lacks becomes its earliest; an input that must not
        meet the others of a level becomes absent there, and where none is left the most excited
        one that may be there brings its last tap; what stands in levels beyond the depth means
        nothing and becomes 0.
        """
        alleles = dict(zip((gene.name for gene in self.genes), genome, strict=True))
        depth = alleles["depth"] + 1
        chosen = {}
        for name in self.candidates:
            chosen[name], code = self._nearest(name, alleles)
            alleles |= code
        models = {name: one.model for name, one in chosen.items()}
        met: set[str] = set()
        for level in range(1, depth + 1):
            keys = {name: f"level{level}.{name}.tap" for name in chosen}
            given = {name: alleles[key] for name, key in keys.items()}
            joining = [name for name, tap in given.items() if tap < self._taps[name]]
            meeting = self.prior.meeting(models, met, joining)
            for name, candidate in chosen.items():
                tap = min(given[name], len(candidate.fusable) - 1) if name in joining else 0
                alleles[keys[name]] = tap if name in meeting else self._taps[name]
            met |= meeting
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
                    if alleles[f"level{level}.{name}.tap"] < self._taps[name]
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
    def _taps(self) -> dict[str, int]:
        """How many alleles of an input's tap genes are taps."""
        return {
            name: max(len(model.fusable) for model in models)
            for name, models in self.candidates.items()
        }

    @cached_property
    def _links(self) -> dict[str, float]:
        """The strongest link of each input to another one; 1 where there is no other."""
        found: dict[str, list[float]] = {name: [] for name in self.candidates}
        for name, other in permutations(self.candidates, 2):
            found[name] += self._between(name, other)
        return {name: max(links, default=1.0) for name, links in found.items()}

    @cached_property
    def _optional(self) -> bool:
        """Whether an input may be absent from a level."""
        pairs = list(combinations(self.candidates, 2))
        return len(pairs) > 1 or any(min(self._between(*pair)) == 0 for pair in pairs)

    def _between(self, name: str, other: str) -> list[float]:
        """Return the links between the models of two inputs."""
        pairs = product(self.candidates[name], self.candidates[other])
        return [self.prior.link(one.model, another.model) for one, another in pairs]

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
                        for part in PARTS
                    },
                )
                for model in models
            ]
            for name, models in self.candidates.items()
        }

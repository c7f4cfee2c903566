"""What the paper says of the brain, held against an atlas: reproduced or not, and by which rule.

The claims of sections 2.1 to 2.3 that data can decide. Each is asked under several rules of
membership, for what holds under one of them alone says more of the rule than of the brain. No p
value is corrected for the number of questions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from brainray.atlas import questions
from brainray.atlas.coverage import Coverage, Rule
from brainray.atlas.interface import Atlas
from brainray.atlas.questions import Answer, Homes, Tests

Outcome: TypeAlias = Literal["reproduced", "not reproduced", "depends on the rule", "not measured"]

LEVELS = (0.3, 0.5, 0.7)
"""Relative degrees at which claims are asked."""

NO_RULE = "no rule"


@dataclass(frozen=True)
class Finding:
    """What was found by one rule.

    Attributes:
        rule: with its threshold; `NO_RULE` where membership plays no part.
        holds: whether the claim does; None where the atlas cannot tell.
        text: the counts and p values.
    """

    rule: str
    holds: bool | None
    text: str


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        section: where it stands.
        text: what it says.
        findings: by the rules, the chosen one first.
    """

    section: str
    text: str
    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        """What all findings together say."""
        answers = {finding.holds for finding in self.findings} - {None}
        if not answers:
            return "not measured"
        if len(answers) == 2:
            return "depends on the rule"
        return "reproduced" if answers == {True} else "not reproduced"


def panel(atlas: Atlas, chosen: Rule) -> list[Rule]:
    """Return the rules under which claims are asked, the chosen one first.

    Raw degrees are asked for only where one reaches the usual threshold: in other units it means
    nothing.
    """
    rules = [chosen, *(Rule("relative", level) for level in LEVELS), Rule.of("argmax")]
    raw = Rule.of("raw")
    if atlas.degree_RF.max(initial=0.0) >= raw.threshold:
        rules.append(raw)
    return list(dict.fromkeys(rules))


def claims(
    atlas: Atlas, chosen: Rule, homes: Homes, parameters: Mapping[str, int], tests: Tests
) -> list[Claim]:
    """Return the claims in the order of the paper.

    Args:
        atlas: that is asked.
        chosen: the rule that is asked first.
        homes: the sub-regions in which each network lives, by the network's name.
        parameters: of the pretrained models of each region.
        tests: permutations by name, e.g. ``relabel`` and ``spin``.
    """
    covered = [Coverage(atlas, rule) for rule in panel(atlas, chosen)]

    def once(section: str, text: str, answer: Answer) -> Claim:
        return Claim(section, text, (Finding(NO_RULE, *answer),))

    def by_rule(section: str, text: str, ask: Callable[[Coverage], Answer]) -> Claim:
        return Claim(section, text, tuple(Finding(str(c.rule), *ask(c)) for c in covered))

    return [
        once("2.1", "more than 100 ROIs have coordinates and functions", questions.rois(atlas)),
        once("2.1", "there are nearly 60 functions", questions.functions(atlas)),
        by_rule("2.1", "functions and ROIs are many to many", questions.many_to_many),
        by_rule(
            "2.1",
            "ROIs of vision and language lie near each other",
            lambda coverage: questions.near(coverage, tests),
        ),
        by_rule(
            "2.1",
            "ROIs of vision and language gather in the occipital lobe",
            lambda coverage: questions.occipital(coverage, tests),
        ),
        once("2.1", "regions act together in multimodal scenes", questions.together(atlas)),
        by_rule(
            "2.2", "vision, audition, language, emotion cover the most ROIs", questions.covering
        ),
        by_rule("2.2", "vision has more than 30 ROIs", questions.vision),
        by_rule("2.2", "vision divides into motion, color, shape and others", questions.parts),
        once("2.2", "every network belongs to a sub-region", questions.classified(homes)),
        by_rule(
            "2.2",
            "regions of more ROIs have more sub-regions and networks",
            lambda coverage: questions.complexity(coverage.complexity(homes, parameters)),
        ),
        once("2.3", "there are hierarchy, degrees and relations", questions.building(atlas)),
        once(
            "2.3",
            "there are structural, functional and anatomical relations",
            questions.relations(atlas),
        ),
    ]

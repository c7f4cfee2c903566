"""Where models come from and what was made of them: parents and backbones, both ways."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlmodel import Session, col, select

from brainray.catalog.tables import ModelBackbone, PretrainedModel

Relation: TypeAlias = Literal["parent", "backbone"]


@dataclass(frozen=True)
class Link:
    """``older`` is the parent or a backbone of ``newer``; both are ids of models."""

    older: str
    newer: str
    relation: Relation


@dataclass(frozen=True)
class Lineage:
    """The lineage of one model.

    Attributes:
        model: its id.
        ancestors: what it was made from, near ones first.
        descendants: what was made from it, near ones first.
    """

    model: str
    ancestors: tuple[Link, ...]
    descendants: tuple[Link, ...]


def lineage_of(session: Session, model: str) -> Lineage:
    """Return the lineage of the model with this id; a query a generation and relation."""
    return Lineage(model, _walk(session, model, older=True), _walk(session, model, older=False))


def _walk(session: Session, model: str, older: bool) -> tuple[Link, ...]:
    links: dict[Link, None] = {}
    seen, generation = {model}, {model}
    while generation:
        found = _links(session, generation, older)
        links |= dict.fromkeys(found)
        generation = {link.older if older else link.newer for link in found} - seen
        seen |= generation
    return tuple(links)


def _links(session: Session, models: Iterable[str], older: bool) -> list[Link]:
    """Return the links of these models to the generation before or after them."""
    child, part = PretrainedModel, ModelBackbone
    from_parent = select(child.parent, child.id).where(col(child.parent).is_not(None))
    from_part = select(part.backbone, part.fused)
    from_parent = from_parent.where(col(child.id if older else child.parent).in_(models))
    from_part = from_part.where(col(part.fused if older else part.backbone).in_(models))
    links = [Link(str(a), b, "parent") for a, b in session.exec(from_parent)]
    links += [Link(a, b, "backbone") for a, b in session.exec(from_part)]
    return sorted(set(links), key=lambda link: (link.newer, link.older, link.relation))

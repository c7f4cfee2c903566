"""Which values of a filter the catalog knows: synonyms are replaced, unknown ones refused."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches

from sqlmodel import Session, select

from brainray.catalog import places
from brainray.catalog.filters import FIELDS, And, Filter, In, Not, Or
from brainray.catalog.tables import (
    DataSet,
    Function,
    Network,
    Optimizer,
    Platform,
    Region,
    SubRegion,
)
from brainray.catalog.values import KINDS
from brainray.errors import CatalogError, FilterError
from brainray.shapes import MODALITIES


def resolved(session: Session, tree: Filter) -> Filter:
    """Return the filter with the catalog's own names, a region with all that are within it.

    Raises:
        FilterError: a value of a field whose values are known is not among them.
    """
    match tree:
        case And(parts) | Or(parts):
            return replace(tree, parts=tuple(resolved(session, part) for part in parts))
        case Not(part):
            return Not(resolved(session, part))
        case In() if FIELDS[tree.field].known:
            known = known_values(session, tree.field)
            if tree.field in ("region", "home"):
                known |= _old_places(session, tree, known)
            values = [_name(tree, str(value), known) for value in tree.values]
            if tree.field in ("region", "home"):
                values = [n for n in known if any(places.is_within(n, value) for value in values)]
            return replace(tree, values=tuple(values))
        case _:
            return tree


def known_values(session: Session, field: str) -> dict[str, str]:
    """Return the name of every value of a field, synonyms and old names included."""
    match field:
        case "kind":
            return {kind: kind for kind in KINDS}
        case "modality":
            return {modality: modality for modality in MODALITIES}
        case "region" | "home":
            names = [*session.exec(select(Region.name)), *session.exec(select(SubRegion.name))]
            return {name: name for name in names}
        case "function":
            rows = session.exec(select(Function.name, Function.synonyms)).all()
            synonyms = {synonym: name for name, given in rows for synonym in given}
            return synonyms | {name: name for name, _ in rows}
        case "data_set":
            pairs = session.exec(select(DataSet.id, DataSet.name)).all()
            return {value: value for pair in pairs for value in pair}
        case "category":
            return {name: name for name in session.exec(select(Network.category).distinct())}
        case _:
            column = {"network": Network.name, "optimizer": Optimizer.name}.get(
                field, Platform.name
            )
            return {name: name for name in session.exec(select(column))}


def _name(condition: In, value: str, known: dict[str, str]) -> str:
    if value in known:
        return known[value]
    where = "filter: " if condition.at is None else f"filter: position {condition.at}: "
    raise FilterError(
        f"{where}field {condition.field!r}: {value!r} is not in the catalog, {_hint(value, known)}"
    )


def _old_places(session: Session, condition: In, known: Collection[str]) -> dict[str, str]:
    """Return the present names of those that regions had before they moved."""
    found = {}
    for value in map(str, condition.values):
        if value not in known:
            with suppress(CatalogError):  # what leads nowhere is refused with its position
                found[value] = places.current(session, value)
    return found


def _hint(value: str, known: Collection[str]) -> str:
    small = {name.lower(): name for name in known}
    if close := get_close_matches(value.lower(), small, n=3):
        return f"did you mean {' or '.join(small[name] for name in close)}"
    return f"known are {', '.join(sorted(known)[:10]) or 'none'}"

"""Filters as SQL conditions on the table of pretrained models.

What is a fact of the network or of the data set is looked up in their small tables first, so that
the large one is asked ``network IN (…)``. Every condition is true or false, never SQL's third
value: a value that is missing fits none, so that NOT means what it says.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ARRAY,
    String,
    and_,
    any_,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    true,
)
from sqlmodel import Session, col, select

from brainray.catalog.comparisons import Condition, contains_of, is_between, is_one_of
from brainray.catalog.facts import OF_NETWORKS, data_set_values, network_values
from brainray.catalog.filters import (
    FIELDS,
    And,
    Contains,
    Filter,
    In,
    Missing,
    Not,
    Or,
    Range,
    Text,
)
from brainray.catalog.tables import Network, PretrainedModel
from brainray.catalog.vocabulary import resolved
from brainray.errors import FilterError

MOST_CONDITIONS = 500
"""Of one filter, ANDs, ORs and NOTs included."""

DEEPEST = 60
"""ANDs, ORs and NOTs within each other."""

LOOKED_AT = ("id", "name", "network", "category", "data_set", "function")
"""The fields that free text looks at."""

COLUMNS: dict[str, Any] = {
    "id": PretrainedModel.id,
    "name": PretrainedModel.name,
    "version": PretrainedModel.version,
    "network": PretrainedModel.network,
    "home": PretrainedModel.sub_region,
    "parameters": PretrainedModel.parameters,
    "size": PretrainedModel.size_bytes,
    "accuracy": PretrainedModel.accuracy,
    "optimizer": PretrainedModel.optimizer,
    "platform": PretrainedModel.platform,
    "created": PretrainedModel.created,
    "run": PretrainedModel.run_id,
    "parent": PretrainedModel.parent,
}
"""The fields that are columns of the models themselves."""


def condition(session: Session, tree: Filter | None) -> Condition:
    """Return the SQL condition of a filter; see `Conditions`."""
    return Conditions(session, tree).condition()


class Conditions:
    """What a filter is in SQL.

    What it asks of networks and data sets, which are few, is looked up when this is made.
    """

    def __init__(self, session: Session, tree: Filter | None) -> None:
        """Look up what the filter asks; without one every model fits.

        Raises:
            FilterError: it is too large, or a value is not in the catalog.
        """
        if tree is not None and _size(tree, 1) > MOST_CONDITIONS:
            raise FilterError(f"filter: has more than {MOST_CONDITIONS} conditions")
        self._session = session
        self._dialect = session.get_bind().dialect.name
        self._contains = contains_of(self._dialect)
        self._tree = None if tree is None else _spelled_out(resolved(session, tree))
        self._networks: dict[Filter, list[str]] = {}

    def condition(self, sorting: bool = False) -> Condition:
        """Return the condition on models.

        Args:
            sorting: whether so many fit that SQLite, which does not know that, shall read them in
                the order of the sort rather than network by network.
        """
        if self._tree is None:
            return true()
        network: Any = col(PretrainedModel.network)
        if sorting and self._dialect == "sqlite":
            network = literal_column("+pretrained_model.network", String)  # no index is used
        return self._of_model(self._tree, network)

    def _of_model(self, tree: Filter, network: Any) -> Condition:
        if _is_of_networks(tree) and not (isinstance(tree, In) and tree.field == "network"):
            return self._listed(network, self._networks_of(tree))
        match tree:
            case And(parts) | Or(parts):
                # What is asked of networks is asked at once: each model is looked up in one list.
                whole = [part for part in parts if _is_of_networks(part)]
                if len(whole) > 1:
                    rest = [part for part in parts if part not in whole]
                    parts = (replace(tree, parts=tuple(whole)), *rest)
                join = and_ if isinstance(tree, And) else or_
                return join(*(self._of_model(part, network) for part in parts))
            case Not(part):
                return not_(self._of_model(part, network))
            case Missing():
                column = col(COLUMNS.get(tree.field, PretrainedModel.data_set))
                return column.is_(None)
            case In() | Range() | Contains() if tree.field == "data_set":
                values = data_set_values()
                query = select(values.c.data_set).where(self._test(tree, values.c.value))
                found = self._session.exec(query.distinct()).all()
                return self._listed(col(PretrainedModel.data_set), found)
            case In() | Range() | Contains():
                column = network if tree.field == "network" else col(COLUMNS[tree.field])
                fits = self._test(tree, column)
                return and_(column.is_not(None), fits) if FIELDS[tree.field].optional else fits
            case Text():
                raise AssertionError("free text is spelled out")

    def _networks_of(self, tree: Filter) -> list[str]:
        if tree not in self._networks:
            query = select(Network.name).where(self._of_network(tree))
            self._networks[tree] = list(self._session.exec(query))
        return self._networks[tree]

    def _of_network(self, tree: Filter) -> Condition:
        match tree:
            case And(parts):
                return and_(*map(self._of_network, parts))
            case Or(parts):
                return or_(*map(self._of_network, parts))
            case Not(part):
                return not_(self._of_network(part))
            case Missing(field="network"):
                return false()
            case Missing():
                values = network_values(tree.field)
                return col(Network.name).not_in(select(values.c.network))
            case In() | Range() | Contains() if tree.field == "network":
                return self._test(tree, col(Network.name))
            case In() | Range() | Contains():
                values = network_values(tree.field)
                query = select(values.c.network).where(self._test(tree, values.c.value))
                return col(Network.name).in_(query)
            case Text():
                raise AssertionError("free text is spelled out")

    def _test(self, tree: In | Range | Contains, column: Any) -> Condition:
        match tree:
            case In():
                return is_one_of(column, tree.values)
            case Range():
                return is_between(column, tree)
            case Contains():
                return self._contains(tree.text)(column)

    def _listed(self, column: Any, names: Sequence[str]) -> Condition:
        """Return the condition that a column is among many values, which are sent as one."""
        if self._dialect == "sqlite":
            values = func.json_each(json.dumps(names)).table_valued("value")
            among: Condition = column.in_(select(values.c.value))
        else:
            among = column == any_(literal(names, ARRAY(String)))
        return among


def _spelled_out(tree: Filter) -> Filter:
    """Return the filter with free text as conditions on what it looks at."""
    match tree:
        case And(parts) | Or(parts):
            return replace(tree, parts=tuple(map(_spelled_out, parts)))
        case Not(part):
            return Not(_spelled_out(part))
        case Text():
            words = [Or(tuple(Contains(field, word) for field in LOOKED_AT)) for word in tree.words]
            return And(tuple(words)) if len(words) > 1 else words[0]
        case _:
            return tree


def _is_of_networks(tree: Filter) -> bool:
    """Say whether all that a filter asks are facts of the network."""
    match tree:
        case And(parts) | Or(parts):
            return all(map(_is_of_networks, parts))
        case Not(part):
            return _is_of_networks(part)
        case Text():
            raise AssertionError("free text is spelled out")
        case _:
            return tree.field in ("network", *OF_NETWORKS)


def _size(tree: Filter, depth: int) -> int:
    if depth > DEEPEST:
        raise FilterError(f"filter: has more than {DEEPEST} levels")
    match tree:
        case And(parts) | Or(parts):
            return 1 + sum(_size(part, depth + 1) for part in parts)
        case Not(part):
            return 1 + _size(part, depth + 1)
        case _:
            return 1

"""From the functions of a scenario's inputs to the sub-regions that they excite."""

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import combinations

from brainray.atlas.interface import Pathway
from brainray.errors import ScenarioError


def activate(functions: Mapping[str, Sequence[str]], table: Mapping[str, str]) -> Pathway:
    """Return the pathway that a scenario excites.

    This is a lookup, not a model of the brain: a sub-region weighs as many of the inputs'
    functions as it carries, divided by the most that any sub-region carries; any two activated
    sub-regions are connected by the smaller of their weights. The result does not depend on the
    order of inputs, functions or table.

    Args:
        functions: input name to the brain functions it excites.
        table: function or synonym to sub-region.

    Raises:
        ScenarioError: an input without functions, or with one that is not in the table.
    """
    counts: Counter[str] = Counter()
    for name, given in functions.items():
        counts.update(table[function] for function in distinct_functions(name, given, table))
    most = max(counts.values(), default=1)
    strongest_first = sorted(counts, key=lambda sub_region: (-counts[sub_region], sub_region))
    weights = {sub_region: counts[sub_region] / most for sub_region in strongest_first}
    connections = tuple((a, b, min(weights[a], weights[b])) for a, b in combinations(weights, 2))
    return Pathway(weights, connections)


def sub_regions_of(
    functions: Mapping[str, Sequence[str]], table: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return the sub-regions that each input excites, sorted: its candidates live in these.

    Args:
        functions: input name to the brain functions it excites.
        table: function or synonym to sub-region.

    Raises:
        ScenarioError: an input without functions, or with one that is not in the table.
    """
    return {
        name: tuple(sorted({table[f] for f in distinct_functions(name, given, table)}))
        for name, given in functions.items()
    }


def distinct_functions(
    name: str, given: Sequence[str], table: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the functions or synonyms of an input, sorted, each once.

    Args:
        name: of the input.
        given: the brain functions that it excites.
        table: function or synonym to sub-region.

    Raises:
        ScenarioError: there are none, or one is not in the table.
    """
    if not given:
        raise ScenarioError(f"inputs.{name}.functions: must name at least one function")
    for function in given:
        if function not in table:
            raise ScenarioError(f"inputs.{name}.functions: {_unknown(function, table)}")
    return tuple(sorted(set(given)))


def _unknown(function: str, table: Mapping[str, str]) -> str:
    close = get_close_matches(function, table, n=3)
    hint = f", did you mean {' or '.join(map(repr, close))}?" if close else "."
    known = sorted(table)
    some = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
    return f"unknown function {function!r}{hint} Known are {some}"

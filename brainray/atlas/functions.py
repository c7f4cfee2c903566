"""The functions that a scenario names, by name or synonym."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from brainray.errors import ScenarioError


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

"""Finding things by name through entry points, so that a user's package can add its own.

Groups: ``brainray.searchers``, ``brainray.strategies``, ``brainray.networks``,
``brainray.zoos``, ``brainray.preparations``, ``brainray.datasets``, ``brainray.scenarios``,
``brainray.runners``, ``brainray.atlases``, ``brainray.trackers``, ``brainray.detectors``,
``brainray.problems``. In a package's ``pyproject.toml``::

    [project.entry-points."brainray.searchers"]
    my_search = "my_package.search:MySearch"
"""

import inspect
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from brainray.errors import PluginError


def names(group: str) -> list[str]:
    """Return the sorted names that installed packages offer in ``brainray.<group>``."""
    return sorted({entry.name for entry in entry_points(group=f"brainray.{group}")})


def load(group: str, name: str) -> Any:
    """Import and return what ``name`` stands for in ``brainray.<group>``.

    Raises:
        PluginError: no installed package offers it, or two packages do.
    """
    found = {entry.value: entry for entry in entry_points(group=f"brainray.{group}", name=name)}
    if not found:
        raise PluginError(f"{group}: unknown name {name!r}, allowed are {', '.join(names(group))}")
    if len(found) > 1:
        raise PluginError(f"{group}: {name!r} is offered twice: {', '.join(sorted(found))}")
    return next(iter(found.values())).load()


def build(group: str, name: str, options: Mapping[str, Any]) -> Any:
    """Return what ``name`` stands for, called with options by keyword.

    Raises:
        PluginError: no installed package offers it, two do, or it has no such option.
    """
    offered = load(group, name)
    allowed = list(inspect.signature(offered).parameters)
    for option in options:
        if option not in allowed:
            known = f"allowed are {', '.join(allowed)}" if allowed else f"{name} has none"
            raise PluginError(f"{option}: unknown option, {known}")
    return offered(**options)

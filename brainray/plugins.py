"""Finding things by name through entry points, so that a user's package can add its own.

Groups: ``brainray.searchers``, ``brainray.strategies``, ``brainray.networks``,
``brainray.zoos``, ``brainray.preparations``, ``brainray.datasets``, ``brainray.scenarios``,
``brainray.runners``, ``brainray.atlases``, ``brainray.trackers``, ``brainray.detectors``,
``brainray.problems``. In a package's ``pyproject.toml``::

    [project.entry-points."brainray.searchers"]
    my_search = "my_package.search:MySearch"

What a package offers that is installed while a process runs is seen by the next process.
"""

import inspect
import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from brainray.errors import BrainrayError, PluginError


def names(group: str) -> list[str]:
    """Return the sorted names that installed packages offer in ``brainray.<group>``."""
    return sorted({entry.name for entry in _offered(group)})


def load(group: str, name: str) -> Any:
    """Import and return what ``name`` stands for in ``brainray.<group>``.

    Raises:
        PluginError: no installed package offers it, two packages do, or it cannot be imported.
    """
    found = {entry.value: entry for entry in _offered(group) if entry.name == name}
    if not found:
        raise PluginError(f"{group}: unknown name {name!r}, allowed are {', '.join(names(group))}")
    if len(found) > 1:
        raise PluginError(f"{group}: {name!r} is offered twice: {', '.join(sorted(found))}")
    (entry,) = found.values()
    try:
        return entry.load()
    except BrainrayError:
        raise
    except Exception as error:  # a module may raise anything while it is imported
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise PluginError(
            f"{group}: {name!r} ({entry.value}) cannot be imported: {reason}"
        ) from error


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


def _offered(group: str) -> tuple[EntryPoint, ...]:
    return _on_path(group, tuple(sys.path))


@lru_cache(maxsize=64)
def _on_path(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Return what a group has on this path.

    Looked up once: that reads a file of every installed package, which takes tens of
    milliseconds, and a run asks for a plug-in hundreds of times.
    """
    return tuple(entry_points(group=f"brainray.{group}"))

"""The catalog: what is known about regions, networks, models and runs, and their files."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainray.catalog.library import Library
    from brainray.catalog.store import Store
    from brainray.catalog.values import Model, NewModel, Run, model_id, recipe_of
    from brainray.catalog.weights import StoredWeights, load_weights, store_weights

__all__ = [
    "Library",
    "Model",
    "NewModel",
    "Run",
    "Store",
    "StoredWeights",
    "load_weights",
    "model_id",
    "recipe_of",
    "store_weights",
]

_HOMES = {
    "Library": "library",
    "Model": "values",
    "NewModel": "values",
    "Run": "values",
    "Store": "store",
    "StoredWeights": "weights",
    "load_weights": "weights",
    "model_id": "values",
    "recipe_of": "values",
    "store_weights": "weights",
}
"""Where the names live. A search's workers need the store alone: the database is not for them."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'brainray.catalog' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"brainray.catalog.{_HOMES[name]}"), name)

"""The catalog: what is known about regions, networks, models and runs, and their files."""

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

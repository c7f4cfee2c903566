"""The models that are loaded: heads, the least recently used goes first, above shared backbones."""

import threading
from collections import OrderedDict

from brainray.catalog.library import Library
from brainray.pipeline.predict import Backbones, Predictor, load_model

HEADS = 256
"""Models that stay loaded; a backbone stays as long as one of them needs it."""


class Shelf:
    """Loaded models by id. Threads may load; only one loads at a time.

    Args:
        library: the catalog.
        heads: how many models stay.
    """

    def __init__(self, library: Library, heads: int = HEADS) -> None:
        self._library = library
        self._heads = heads
        self._loaded: OrderedDict[str, Predictor] = OrderedDict()
        self._backbones = Backbones(library)
        self._loading = threading.Lock()

    def get(self, model: str) -> Predictor | None:
        """Return a model if it is loaded."""
        try:
            self._loaded.move_to_end(model)
            return self._loaded[model]
        except KeyError:
            return None

    def load(self, model: str) -> Predictor:
        """Return a model, loaded now if it is not yet.

        Raises:
            CatalogError: there is no such model, or a file of it is missing or damaged.
        """
        with self._loading:
            if (predictor := self.get(model)) is not None:
                return predictor
            predictor = load_model(self._library, model, self._backbones)
            self._loaded[model] = predictor
            while len(self._loaded) > self._heads:
                self._loaded.popitem(last=False)
            return predictor

    def loaded(self) -> list[str]:
        """Return the ids of the loaded models, the least recently used first."""
        return list(self._loaded)

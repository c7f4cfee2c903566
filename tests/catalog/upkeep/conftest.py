from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from brainray.catalog import Library, load_weights
from brainray.settings import Settings
from brainray.testing.crashes import Crash, crash_at

NOW = timedelta(0)
MOST = 200
DICTIONARIES = ("regions", "sub-regions", "functions", "networks", "platforms", "optimizers")


def rows(library: Library) -> tuple[Any, ...]:
    """What can be seen of the rows, but for times."""
    models = [
        (model.id, model.key, model.sub_region, model.parent, model.backbones)
        for model in library.models()
    ]
    runs = [(run.id, run.model_id) for run in library.runs()]
    return models, runs, library.drafts(), [library.entries(what) for what in DICTIONARIES]


@pytest.fixture
def kill_everywhere(settings: Settings, request: pytest.FixtureRequest) -> Callable[..., int]:
    """Kills a process where it writes and looks at what is left: at every fifth of these points.

    At every one with ``--long``.

    Its arguments are ``write``, which is killed and then done again, ``undo``, which brings the
    catalog back to what it was before, and ``sound``: whether it is whole then, and ``write`` is
    one transaction. It returns how many points there are.
    """

    apart = 1 if request.config.option.long else 5

    def kill(
        write: Callable[[Library], object],
        undo: Callable[[Library], object],
        sound: bool = True,
    ) -> int:
        library = Library.open(settings)
        undo(library)
        before = rows(library)
        write(library)
        library.collect(NOW)
        after, files = rows(library), library.store.files()
        for number in range(0, MOST, apart):
            undo(Library.open(settings))
            with crash_at(number) as points, suppress(Crash):
                write(Library.open(settings))
            library = Library.open(settings)
            if sound:
                assert rows(library) in (before, after), number
                assert library.verify().whole, (number, library.verify().findings)
                for model in library.models():
                    assert library.store.sha256(model.key) == model.sha256
                    if model.key.endswith(".safetensors"):
                        assert load_weights(library.store, model.key)
            write(library)
            library.collect(NOW)
            assert (rows(library), library.store.files()) == (after, files), number
            assert library.verify().whole
            if points.left >= 0:
                return number - points.left
        raise AssertionError("it never ends")

    return kill

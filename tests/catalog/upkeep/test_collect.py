from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from brainray.catalog import Library, NewModel
from brainray.errors import CatalogError

NOW = timedelta(0)


def test_what_is_in_use_is_not_removed(whole: Library) -> None:
    fused = whole.model("two-eyes")
    for backbone in fused.backbones:
        for force in (False, True):
            with pytest.raises(CatalogError, match=f"is a backbone of {fused.id}"):
                whole.remove(backbone, force)
    with pytest.raises(CatalogError, match="is the result of run run; with --force"):
        whole.remove(fused.id)
    assert len(whole.models()) == 4


def test_with_force_references_are_cleared(whole: Library) -> None:
    child = whole.model("child")
    whole.remove("two-eyes", force=True)
    with pytest.raises(CatalogError, match=f"was the start of {child.id}"):
        whole.remove(str(child.parent))
    removed = whole.remove(str(child.parent), force=True)
    assert len(removed.files) == 2  # weights and bank
    assert whole.model(child.id).parent is None
    assert whole.run("run").model_id is None
    assert whole.verify().findings == ()


def test_weights_stay_while_another_model_has_them(
    library: Library, new_model: Callable[..., NewModel]
) -> None:
    one = library.register(new_model(1))
    weights = new_model(1).weights
    two = library.register(new_model(2, weights=weights, optimizer="sgd"))
    assert library.remove(one.id).files == {}
    assert list(library.remove(two.id).files) == [weights.key]
    assert not library.store.exists(weights.key)
    assert library.verify().whole


def test_what_is_recent_is_left(library: Library, new_model: Callable[..., NewModel]) -> None:
    key = new_model().weights.key
    assert library.collect().files == {}
    assert set(library.collect(NOW, dry_run=True).files) == {key, f"pending/{key}"}
    assert set(library.collect(NOW).files) == {key, f"pending/{key}"}
    assert not library.store.exists(key)


def test_files_of_rows_are_never_collected(whole: Library, behind: Any) -> None:
    before = whole.store.files()
    for key in before:
        if not key.startswith("banks/"):
            behind.write(f"pending/{key}", b"")
    whole.collect(NOW, quarantine=True)
    assert whole.store.files() == before


def test_a_file_that_was_collected_is_not_registered(
    library: Library, new_model: Callable[..., NewModel]
) -> None:
    new = new_model()
    library.collect(NOW)
    with pytest.raises(CatalogError, match="is not in the store"):
        library.register(new)
    assert library.models() == []
    assert library.register(new_model()).version == 1


def test_nothing_that_is_not_brainrays_own_is_collected(library: Library, behind: Any) -> None:
    for key in ("banks/notes.txt", f"banks/{'1' * 64}/notes.txt", "models/notes.txt", "notes.txt"):
        behind.write(key, b"notes")
    before = library.store.files()
    assert library.collect(NOW, quarantine=True).files == {}
    assert library.store.files() == before

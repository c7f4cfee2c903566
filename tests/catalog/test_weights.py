from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load

from brainray.catalog import Store, load_weights, store_weights
from brainray.errors import CatalogError

TENSORS = {"weight": torch.arange(6.0).reshape(2, 3), "steps": torch.tensor(7)}


@settings(max_examples=30, deadline=None)
@given(
    shapes=st.dictionaries(
        st.text(min_size=1, max_size=10).filter(lambda name: name != "__metadata__"),
        st.lists(st.integers(0, 4), max_size=3),
        min_size=1,
        max_size=4,
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_weights_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, shapes: dict[str, list[int]], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store = Store(str(folder / "store"), folder / "cache")
    random = np.random.default_rng(seed)
    tensors = {
        name: torch.from_numpy(random.normal(size=shape).astype(np.float32))
        for name, shape in shapes.items()
    }
    stored = store_weights(store, "vision.shape", tensors)
    again = store_weights(store, "vision.shape", dict(reversed(tensors.items())))
    assert again == stored
    loaded = load_weights(store, stored.key)
    assert loaded.keys() == tensors.keys()
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)
    assert stored.parameters == sum(int(np.prod(shape)) for shape in shapes.values())
    assert stored.size_bytes == store.local_path(stored.key).stat().st_size


def test_weights_lie_in_their_sub_region(local: Store) -> None:
    stored = store_weights(local, "vision.shape", TENSORS)
    assert stored.key == f"models/vision/shape/{stored.sha256}.safetensors"
    assert stored.parameters == 7
    assert load(local.local_path(stored.key).read_bytes())["steps"] == 7


def test_views_and_shared_tensors_are_stored(store: Store) -> None:
    base = torch.arange(6.0).reshape(2, 3).requires_grad_()
    stored = store_weights(store, "vision.shape", {"a": base, "b": base, "turned": base.T})
    loaded = load_weights(store, stored.key)
    assert torch.equal(loaded["turned"], loaded["a"].T)
    assert torch.equal(loaded["a"], loaded["b"])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_refused(store: Store, bad: float) -> None:
    with pytest.raises(CatalogError, match="layer has NaN or infinite values"):
        store_weights(store, "vision.shape", {"layer": torch.tensor([0.0, bad])})


def test_no_weights_and_no_sub_region_are_refused(store: Store) -> None:
    with pytest.raises(CatalogError, match="no tensors"):
        store_weights(store, "vision.shape", {})
    with pytest.raises(CatalogError, match=r"'\.\./x': must look like 'vision\.shape'"):
        store_weights(store, "../x", TENSORS)


@pytest.mark.parametrize("place", [0, 20, -1])
def test_one_wrong_byte_is_found(local: Store, place: int) -> None:
    stored = store_weights(local, "vision.shape", TENSORS)
    path = Path(local.url) / stored.key
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(CatalogError, match=f"{stored.sha256}.safetensors: is damaged"):
        load_weights(local, stored.key)
    store_weights(local, "vision.shape", TENSORS)  # storing again repairs it
    assert torch.equal(load_weights(local, stored.key)["weight"], TENSORS["weight"])


def test_a_file_that_was_good_is_checked_again_when_it_changes(local: Store) -> None:
    stored = store_weights(local, "vision.shape", TENSORS)
    path = local.local_path(stored.key)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(CatalogError, match="is damaged"):
        local.local_path(stored.key)


def test_what_is_no_weights_file_is_refused(local: Store) -> None:
    local.put("other/one.safetensors", b"\xff" * 100)
    with pytest.raises(CatalogError, match=r"one\.safetensors: is damaged"):
        load_weights(local, "other/one.safetensors")


def test_a_damaged_copy_is_fetched_again(tmp_path: Path) -> None:
    store = Store(f"memory://{uuid4().hex}", tmp_path / "cache")
    stored = store_weights(store, "vision.shape", TENSORS)
    copy = store.local_path(stored.key)
    assert copy.is_relative_to(tmp_path / "cache")
    copy.write_bytes(b"damaged")
    assert torch.equal(load_weights(store, stored.key)["weight"], TENSORS["weight"])


def test_changing_loaded_weights_changes_no_file(local: Store) -> None:
    stored = store_weights(local, "vision.shape", TENSORS)
    load_weights(local, stored.key)["weight"].zero_()
    assert torch.equal(load_weights(local, stored.key)["weight"], TENSORS["weight"])


def test_loaded_weights_are_memory_mapped(local: Store) -> None:
    stored = store_weights(local, "vision.shape", TENSORS)
    loaded = load_weights(local, stored.key)
    assert stored.sha256 in Path("/proc/self/maps").read_text()
    assert loaded.keys() == TENSORS.keys()

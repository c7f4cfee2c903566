import io
import json

import pytest
import torch

from brainray.catalog import Store
from brainray.catalog.sealing import has_seal, notes_of, seal
from brainray.errors import CatalogError

NOTES = {"taps": ["a,b", 'quoted "c"', "0" * 64]}


@pytest.fixture
def sealed() -> bytes:
    return seal({"x": torch.zeros(5, 3), "y": torch.tensor([True, False])}, NOTES)


def test_what_is_sealed_is_whole_and_the_same_again(sealed: bytes) -> None:
    assert has_seal(io.BytesIO(sealed))
    assert sealed == seal({"x": torch.zeros(5, 3), "y": torch.tensor([True, False])}, NOTES)


def test_every_flipped_bit_and_every_cut_breaks_the_seal(sealed: bytes) -> None:
    for place in range(len(sealed)):
        for bit in range(8):
            damaged = bytearray(sealed)
            damaged[place] ^= 1 << bit
            assert not has_seal(io.BytesIO(damaged)), (place, bit)
        assert not has_seal(io.BytesIO(sealed[:place]))
    assert not has_seal(io.BytesIO(sealed + b"0"))


def test_what_was_never_sealed_is_not_whole() -> None:
    for data in (b"", b"x", b"\xff" * 100, bytes(8)):
        assert not has_seal(io.BytesIO(data))


def test_the_store_refuses_a_damaged_bank_and_takes_it_again(store: Store, sealed: bytes) -> None:
    key = "banks/one.safetensors"
    assert not store.holds(key)
    store.put(key, sealed[:-1] + b"x")
    assert not store.holds(key)
    with pytest.raises(CatalogError, match=r"one\.safetensors: is damaged"):
        store.local_path(key)
    store.put(key, sealed)
    assert store.holds(key)
    assert store.local_path(key).read_bytes() == sealed


def test_notes_come_back(sealed: bytes) -> None:
    header = sealed[8 : 8 + int.from_bytes(sealed[:8], "little")]
    metadata = json.loads(header)["__metadata__"]
    assert notes_of(metadata)["taps"] == NOTES["taps"]

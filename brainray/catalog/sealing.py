"""Files that carry the sha256 of their bytes in themselves, because their name is their recipe.

A sealed file is a safetensors file whose metadata say, beside what the writer says, the sha256 of
all its bytes with 64 zeros in the place of the sha256. So one write seals it, and every flipped
byte is found, in the header too.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_HEADER_BYTES = 100_000_000
"""As safetensors has it."""

_BLANK = "0" * 64
# The value of the metadata is JSON in a string of JSON, hence the escaped quotes.
_SEAL = re.compile(rb'"sealed":"\{\\"sha256\\": \\"([0-9a-f]{64})\\"')


def seal(tensors: Mapping[str, "Tensor"], notes: Mapping[str, Any]) -> bytes:
    """Return the bytes of a sealed file.

    Args:
        tensors: contiguous, by name.
        notes: JSON values, which `notes_of` gives back.
    """
    import safetensors.torch  # and torch with it: who only checks a seal does without

    # One entry alone: safetensors writes several in no fixed order.
    metadata = {"sealed": json.dumps({"sha256": _BLANK} | dict(notes))}
    data = safetensors.torch.save(dict(tensors), metadata)
    digest = hashlib.sha256(data).hexdigest().encode()
    return data.replace(_BLANK.encode(), digest, 1)


def notes_of(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the notes of a sealed file from its safetensors metadata."""
    notes: dict[str, Any] = json.loads(metadata["sealed"])
    return notes


def has_seal(file: IO[bytes]) -> bool:
    """Say whether the bytes of a file are those that were sealed.

    Args:
        file: at its beginning.
    """
    size = file.read(8)
    header_bytes = int.from_bytes(size, "little")
    if header_bytes > LARGEST_HEADER_BYTES:
        return False
    header = file.read(header_bytes)
    found = _SEAL.search(header)
    if found is None:
        return False
    blank = header[: found.start(1)] + _BLANK.encode() + header[found.end(1) :]
    digest = hashlib.sha256(size + blank)
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest().encode() == found[1]

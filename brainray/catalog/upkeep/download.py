"""A model as two files: its weights, and a card that says what they are."""

import hashlib
from dataclasses import asdict
from pathlib import Path

import yaml

from brainray.catalog.store import Store
from brainray.catalog.values import Model
from brainray.catalog.weights import weights_path
from brainray.errors import CatalogError
from brainray.files import write_atomically


def download(store: Store, model: Model, to: Path) -> tuple[Path, Path]:
    """Write ``<id>.safetensors`` (or ``.onnx``) and, last, ``<id>.yaml`` into a folder.

    Returns:
        the weights and the card.

    Raises:
        CatalogError: the weights are missing or damaged, or the folder cannot be written.
    """
    weights = to / f"{model.id}{Path(model.key).suffix}"
    card = to / f"{model.id}.yaml"
    source = weights_path(store, model.key)
    text = yaml.safe_dump(_plain(asdict(model)), sort_keys=False, allow_unicode=True)
    try:
        data = source.read_bytes()
        if hashlib.sha256(data).hexdigest() != model.sha256:
            raise CatalogError(f"{model.key}: is damaged, its bytes are not its sha256")
        write_atomically(weights, data)
        write_atomically(card, text.encode())
    except OSError as error:
        raise CatalogError(f"--to {to}: cannot be written: {error}") from error
    return weights, card


def _plain(value: object) -> object:
    """Return a value as YAML has it: lists for tuples."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value

"""Networks of transformers by type and configuration, e.g. ``transformers/vit?hidden_size=64``.

The names of a hub stand for weights, which would be downloaded, so it is the type of a network
that is named here. What its configuration does not declare has the type's default.
"""

import inspect
from typing import Any
from urllib.parse import parse_qsl

import yaml
from torch import Tensor

from brainray.errors import NetworkError
from brainray.networks.interface import Preparation
from brainray.networks.preparation import PADDING, HashedWords
from brainray.networks.zoo.building import (
    building,
    check_classes,
    check_input,
    check_name,
    package,
)
from brainray.networks.zoo.taps import ZooNetwork
from brainray.shapes import Modality

TASKS: dict[Modality, str] = {"image": "Image", "audio": "Audio", "text": "Sequence"}
"""What classifies an input of this modality is called ``AutoModelFor<Task>Classification``."""

ELSEWHERE = ("timm_wrapper",)
"""Types that name a network of another zoo, and may ask a hub what it is."""


class TransformersNetwork(ZooNetwork):
    """A network of transformers, which takes its input by name and masks padding."""

    def logits(self, inputs: Tensor) -> Tensor:
        """Return the logits `(B, C)`; words that are padding are masked."""
        named = {str(self.network.main_input_name): inputs}
        forward = inspect.signature(self.network.forward)
        if not inputs.is_floating_point() and "attention_mask" in forward.parameters:
            mask_BT = inputs != PADDING
            mask_BT[:, 0] = True  # attention to nothing at all would be NaN
            named["attention_mask"] = mask_BT.long()
        found: Tensor = self.network(**named).logits
        return found


def build(name: str, preparation: Preparation, classes: int) -> TransformersNetwork:
    """Build an untrained network of transformers.

    Args:
        name: a type with a head for classification and, behind a question mark, keys of its
            configuration, e.g. ``distilbert?dim=64&n_layers=2``; values are YAML.
        preparation: gives pictures, float32 `(channels, H, W)`; waves, float32 `(T,)`; or
            words, int64 `(T,)`.
        classes: the number of logits.

    Raises:
        NetworkError: transformers is missing, has no such type, or the configuration is impossible.
    """
    architecture = f"transformers/{name}"
    kind, _, declared = name.partition("?")
    modality = preparation.modality
    with building(architecture):
        transformers = package("transformers", architecture)
        names = package("transformers.models.auto.modeling_auto", architecture)
        task = TASKS[modality]
        of_task = getattr(names, f"MODEL_FOR_{task.upper()}_CLASSIFICATION_MAPPING_NAMES")
        check_name(architecture, kind, [one for one in of_task if one not in ELSEWHERE])
        if modality == "image":
            check_input(architecture, preparation, ("channels", "height", "width"))
        elif modality == "audio":
            check_input(architecture, preparation, ("samples",))
        else:
            check_input(architecture, preparation, ("tokens",), "int64")
        check_classes(architecture, preparation, classes)
        usual = transformers.AutoConfig.for_model(kind).to_dict()
        general = transformers.PreTrainedConfig().to_dict()
        keys = sorted(usual.keys() - general.keys())
        options = _fitting(preparation, usual) | _options(architecture, declared, keys)
        _check_words(architecture, preparation, options.get("vocab_size", usual.get("vocab_size")))
        config = transformers.AutoConfig.for_model(kind, num_labels=classes, **options)
        auto = getattr(transformers, f"AutoModelFor{task}Classification")
        return TransformersNetwork(architecture, auto.from_config(config))


def _fitting(preparation: Preparation, usual: dict[str, Any]) -> dict[str, Any]:
    """Return what the input says of the configuration, as far as there are keys for it."""
    options: dict[str, Any] = {"pad_token_id": PADDING}
    if preparation.modality == "image":
        channels, height, width = preparation.shape
        options = {
            "num_channels": channels,
            "image_size": height if height == width else [height, width],
        }
    return {key: value for key, value in options.items() if key in usual}


def _options(architecture: str, declared: str, allowed: list[str]) -> dict[str, Any]:
    """Return the configuration that is declared behind the question mark."""
    try:
        pairs = parse_qsl(declared, keep_blank_values=True, strict_parsing=bool(declared))
        options = {key: yaml.safe_load(value) for key, value in pairs}
    except (ValueError, yaml.YAMLError) as error:
        raise NetworkError(
            f"architecture {architecture!r}: {declared!r} must be key=value, joined by &"
        ) from error
    if len(options) < len(pairs):
        raise NetworkError(f"architecture {architecture!r}: {declared!r} names a key twice")
    for key in options:
        if key not in allowed:
            raise NetworkError(
                f"architecture {architecture!r}: unknown key {key!r}, allowed are "
                f"{', '.join(allowed)}"
            )
    return options


def _check_words(architecture: str, preparation: Preparation, vocabulary: Any) -> None:
    """Raise `NetworkError` if a word may have a number that the network has no row for."""
    if isinstance(preparation, HashedWords) and isinstance(vocabulary, int):
        if vocabulary >= preparation.buckets:
            return
        raise NetworkError(
            f"architecture {architecture!r}: vocab_size {vocabulary} must be at least the "
            f"{preparation.buckets} buckets of hashed_words"
        )

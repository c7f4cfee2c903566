"""DETR of transformers: a set of objects at once, without suppression."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from scipy.special import softmax

from brainray.errors import NetworkError
from brainray.networks.detectors import coco
from brainray.networks.detectors.interface import Detector, Floats, Found
from brainray.networks.detectors.labels import Labels
from brainray.networks.detectors.preprocessing import prepare
from brainray.networks.detectors.spec import Input, Share, Side
from brainray.networks.detectors.tensors import read_tensors
from brainray.networks.detectors.weights import Seed, Sha256, local_file, one_source
from brainray.networks.zoo.building import building, package
from brainray.seeding import torch_random
from brainray.shapes import Array

NAME = "transformers/detr"
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Of ImageNet's channels, 0 to 255."""


class Detr(Detector):
    """A network that says of each of its queries which object it sees, and where.

    Carion et al., End-to-End Object Detection with Transformers, ECCV 2020.

    Args:
        weights: file or URL of its state dictionary, as a hub has it: ``model.safetensors``.
        config: the ``config.json`` beside it; default: DETR on a ResNet-50 that is transformers'
            own, not timm's, with COCO's labels.
        sha256: that the file of the weights must have.
        random_weights: seed of weights that are drawn instead, and find nothing real.
        min_score: confidence from which on something counts as found.
        classes: names of what to look for; default: all that it knows.
        most: objects in an image; the surest are kept.
        shortest: pixels to which the shorter side of an image is scaled, unless the longer one
            would become longer than ``longest``.
        longest: see there.

    Raises:
        NetworkError: transformers is not installed, the configuration is no DETR's, the weights
            cannot be had or are not its own, or it has no such class.
    """

    tags = ("one-stage",)

    def __init__(
        self,
        weights: str | Path | None = None,
        config: str | Path | None = None,
        sha256: Sha256 | None = None,
        random_weights: Seed | None = None,
        min_score: Share = 0.5,
        classes: list[str] | None = None,
        most: Annotated[int, Field(ge=1, le=1000)] = 100,
        shortest: Side = 800,
        longest: Side = 1333,
    ) -> None:
        declared = {} if config is None else _declared(Path(config))
        with building(NAME):
            transformers = package("transformers", NAME)
            one_source(weights, random_weights, "detr")
            if config is None:
                labels = {label: coco.LABELS.get(label, coco.NO_CLASS) for label in range(91)}
                declared = {"use_timm_backbone": False, "id2label": labels}
            made = transformers.DetrConfig.from_dict(declared)
            names = {label: name for label, name in made.id2label.items() if name != coco.NO_CLASS}
            self._labels = Labels.of(dict(sorted(names.items())), classes)
            with torch_random(random_weights or 0, "detector", NAME):
                if weights is None:
                    network = transformers.DetrForObjectDetection(made)
                else:
                    network = _loaded(transformers, made, local_file(weights, sha256), weights)
        self.classes = self._labels.classes
        self._min_score, self._most = min_score, most
        self._shortest, self._longest = shortest, longest
        self._network = network.eval()

    def _detect(self, image_HWC: Array) -> Found:
        height, width = image_HWC.shape[:2]
        prepared, _ = prepare(image_HWC, self._input(height, width))
        with torch.inference_mode():
            outputs = self._network(pixel_values=torch.from_numpy(prepared))
        shares_QL: Floats = softmax(outputs.logits[0].double().numpy(), axis=1)[:, :-1]
        middle_Q4 = outputs.pred_boxes[0].double().numpy()  # shares of the image's sides
        half_Q2 = middle_Q4[:, 2:] / 2
        boxes_Q4 = np.column_stack([middle_Q4[:, :2] - half_Q2, middle_Q4[:, :2] + half_Q2])
        return self._labels.keep(
            boxes_Q4 * [width, height, width, height],
            shares_QL.max(axis=1),
            shares_QL.argmax(axis=1),
            self._min_score,
            self._most,
        )

    def _input(self, height: int, width: int) -> Input:
        scale = min(self._shortest / min(height, width), self._longest / max(height, width))
        sides = {
            name: max(16, round(side * scale))
            for name, side in (("height", height), ("width", width))
        }
        return Input(**sides, mean=MEAN, deviation=DEVIATION)


def _declared(path: Path) -> dict[str, Any]:
    """Return what a configuration says.

    Raises:
        NetworkError: it cannot be read, or is of another network.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NetworkError(f"config {path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise NetworkError(f"config {path}: is not JSON: {error}") from error
    kind = document.get("model_type") if isinstance(document, dict) else None
    if kind != "detr":
        raise NetworkError(f"config {path}: model_type is {kind!r}, must be 'detr'")
    return dict(document)


def _loaded(transformers: Any, config: Any, path: Path, weights: str | Path) -> Any:
    """Return a network with the weights of a file; names of older releases are translated."""
    transformers.utils.logging.disable_progress_bar()
    network, told = transformers.DetrForObjectDetection.from_pretrained(
        None, config=config, state_dict=read_tensors(path), output_loading_info=True
    )
    wrong = [
        f"{what.replace('_keys', '')} {', '.join(sorted(map(str, told[what]))[:3])}"
        for what in ("missing_keys", "unexpected_keys", "mismatched_keys")
        if told[what]
    ]
    if wrong:
        raise NetworkError(f"weights {weights}: are not of this network: {'; '.join(wrong)}")
    return network

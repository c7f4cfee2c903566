"""Detectors of torchvision: Faster R-CNN, SSD and all others that it has, by name."""

from functools import partial
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field

from brainray.errors import NetworkError
from brainray.networks.detectors import coco
from brainray.networks.detectors.interface import Detector, Found, Tag
from brainray.networks.detectors.labels import Labels
from brainray.networks.detectors.spec import Share
from brainray.networks.detectors.suppression import MOST_CANDIDATES
from brainray.networks.detectors.tensors import read_tensors
from brainray.networks.detectors.weights import Seed, Sha256, local_file, one_source
from brainray.networks.zoo.building import building, check_name, package
from brainray.seeding import torch_random
from brainray.shapes import Array


class TorchvisionDetector(Detector):
    """A network of torchvision that finds objects.

    It brings an image to its own size and scale, and suppresses boxes itself, class by class.

    Args:
        architecture: as ``torchvision.models.list_models(module=torchvision.models.detection)``
            has it, e.g. ``fasterrcnn_mobilenet_v3_large_fpn``.
        weights: file or URL of its state dictionary, safetensors or ``torch.save``.
        sha256: that the file must have.
        random_weights: seed of weights that are drawn instead, and find nothing real.
        names: of the labels from 1 on, where weights know others than COCO's; label 0 is the
            background.
        min_score: confidence from which on something counts as found.
        overlap: IoU above which the surer of two boxes of a class is kept alone; default: that of
            the architecture.
        classes: names of what to look for; default: all that it knows.
        most: objects in an image; the surest are kept.
        batch_norm_eps: of the backbone, where weights were trained with another one than the
            architecture has: 0 for torchvision's COCO_V1 files of R-CNN and RetinaNet.

    Raises:
        NetworkError: torchvision is not installed or has no such architecture, the weights cannot
            be had or are not its own, or it has no such class.
    """

    def __init__(
        self,
        architecture: str,
        weights: str | Path | None = None,
        sha256: Sha256 | None = None,
        random_weights: Seed | None = None,
        names: Annotated[list[str], Field(min_length=1)] | None = None,
        min_score: Share = 0.5,
        overlap: Share | None = None,
        classes: list[str] | None = None,
        most: Annotated[int, Field(ge=1, le=1000)] = 100,
        batch_norm_eps: Annotated[float, Field(ge=0, le=1)] | None = None,
    ) -> None:
        full_name = f"torchvision/{architecture}"
        with building(full_name):
            models = package("torchvision.models", full_name)
            check_name(full_name, architecture, models.list_models(module=models.detection))
            one_source(weights, random_weights, full_name)
            categories = models.get_model_weights(architecture).DEFAULT.meta["categories"]
            known = categories if names is None else ["background", *names]
            meant = {label: name for label, name in enumerate(known) if name != coco.NO_CLASS}
            del meant[0]
            self._labels = Labels.of(meant, classes)
            with torch_random(random_weights or 0, "detector", architecture):
                # Without weights of its own a backbone's would be downloaded.
                network = models.get_model(
                    architecture, weights=None, weights_backbone=None, num_classes=len(known)
                )
        if weights is not None:
            load_state(network, local_file(weights, sha256), weights)
        self.classes, self.tags = self._labels.classes, stage_of(network)
        self._min_score, self._most = min_score, most
        head = getattr(network, "roi_heads", network)
        head.score_thresh = min_score
        # Classes that are not looked for are left out afterwards: they must not displace others.
        head.detections_per_img = MOST_CANDIDATES
        if overlap is not None:
            head.nms_thresh = overlap
        if batch_norm_eps is not None:
            for module in network.backbone.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.eps = batch_norm_eps
        self._network = network.eval()

    def _detect(self, image_HWC: Array) -> Found:
        image_3HW = torch.from_numpy(image_HWC.transpose(2, 0, 1).copy()).float() / 255
        with torch.inference_mode():
            (found,) = self._network([image_3HW])
        return self._labels.keep(
            found["boxes"].double().numpy(),
            found["scores"].double().numpy(),
            found["labels"].numpy(),
            self._min_score,
            self._most,
        )


def stage_of(network: torch.nn.Module) -> tuple[Tag, ...]:
    """Return whether a network proposes regions before it looks at them."""
    return ("two-stage",) if hasattr(network, "roi_heads") else ("one-stage",)


def load_state(network: torch.nn.Module, path: Path, weights: str | Path) -> None:
    """Give a network the weights of a file.

    Args:
        network: that gets them.
        path: of the file.
        weights: what the file is called in errors.

    Raises:
        NetworkError: they are not those of the network.
    """
    try:
        network.load_state_dict(read_tensors(path))
    except RuntimeError as error:  # names or shapes are others
        reason = " ".join(str(error).split())[:300]
        raise NetworkError(f"weights {weights}: are not of this network: {reason}") from error


faster_rcnn = partial(TorchvisionDetector, "fasterrcnn_resnet50_fpn")
ssd = partial(TorchvisionDetector, "ssd300_vgg16")

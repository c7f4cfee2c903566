"""Networks of torchvision for classification, e.g. ``torchvision/resnet18``."""

from typing import Any

from brainray.networks.interface import Preparation
from brainray.networks.zoo.building import (
    building,
    check_classes,
    check_input,
    check_name,
    package,
)
from brainray.networks.zoo.taps import ZooNetwork


def build(name: str, preparation: Preparation, classes: int) -> ZooNetwork:
    """Build an untrained network of torchvision.

    Args:
        name: as ``torchvision.models.list_models`` has it.
        preparation: gives pictures of three channels, float32 `(3, H, W)`.
        classes: the number of logits.

    Raises:
        NetworkError: torchvision is missing, or has no such network for this input.
    """
    architecture = f"torchvision/{name}"
    with building(architecture):
        models = package("torchvision.models", architecture)
        check_name(architecture, name, models.list_models(module=models))
        check_input(architecture, preparation, ("3", "height", "width"))
        check_classes(architecture, preparation, classes)
        _, height, width = preparation.shape
        options: dict[str, Any] = {}
        if name.startswith("vit_"):
            options["image_size"] = height
        if name.startswith("maxvit"):
            options["input_size"] = (height, width)
        if name in ("googlenet", "inception_v3"):
            options["init_weights"] = True  # they warn unless it is said
        network = models.get_model(name, weights=None, num_classes=classes, **options)
        return ZooNetwork(architecture, network)

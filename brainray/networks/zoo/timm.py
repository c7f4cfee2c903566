"""Networks of timm, e.g. ``timm/resnet18``."""

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
    """Build an untrained network of timm.

    Args:
        name: as ``timm.list_models`` has it; a hub's name is none.
        preparation: gives pictures, float32 `(channels, H, W)`.
        classes: the number of logits.

    Raises:
        NetworkError: timm is missing, or has no such network for this input.
    """
    architecture = f"timm/{name}"
    with building(architecture):
        timm = package("timm", architecture)
        check_name(architecture, name, timm.list_models())
        check_input(architecture, preparation, ("channels", "height", "width"))
        check_classes(architecture, preparation, classes)
        channels, *size = preparation.shape
        options: dict[str, Any] = {}
        usual = timm.get_pretrained_cfg(name)
        # Networks that take any size do not take an option for it.
        if usual is not None and usual.fixed_input_size and size != list(usual.input_size[1:]):
            options["img_size"] = tuple(size)
        network = timm.create_model(
            name, pretrained=False, num_classes=classes, in_chans=channels, **options
        )
        return ZooNetwork(architecture, network)

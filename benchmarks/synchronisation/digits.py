"""Handwritten digits and a network that reads them."""

import os
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn
from torch.nn import functional

from brainray.datasets.embedded import digit_images
from brainray.networks.lenet import LeNet3, LeNet5
from brainray.seeding import numpy_generator, torch_random
from brainray.training.loop import Loss

NETWORKS: dict[str, type[LeNet3] | type[LeNet5]] = {"lenet3": LeNet3, "lenet5": LeNet5}
TEST_BATCH = 1_000


@dataclass(frozen=True)
class Digits:
    """Images `(N, 1, 28, 28)` in [0, 1] with their digits `(N,)`."""

    images_NCHW: Tensor
    digit_N: Tensor


@lru_cache(maxsize=4)
def digits(source: str, rows: int) -> tuple[Digits, Digits]:
    """Return the training and the test images.

    Args:
        source: ``mnist``, from $BRAINRAY_DATA, or ``embedded``, which the package ships.
        rows: of training, drawn at random but always the same; all of MNIST's test images.
    """
    if source == "embedded":
        found = digit_images()
        images_NHW = np.stack([digit.values for digit in found])
        train = _digits(images_NHW, np.array([digit.digit for digit in found]))
        order = numpy_generator(0, "digits").permutation(len(found))
        cut = min(rows, len(found) - 300)
        return _taken(train, order[:cut]), _taken(train, order[cut:])
    folder = Path(os.environ["BRAINRAY_DATA"]) / "mnist"
    train, test = (_read(folder / f"mnist_{split}.parquet") for split in ("train", "test"))
    order = numpy_generator(0, "digits").permutation(len(train.digit_N))
    return _taken(train, order[:rows]), test


def _read(path: Path) -> Digits:
    table = pq.read_table(path, columns=["digit", "pixels"])
    pixels = b"".join(table["pixels"].to_pylist())
    images_NHW = np.frombuffer(pixels, np.uint8).reshape(-1, 28, 28)
    return _digits(images_NHW, table["digit"].to_numpy())


def _digits(images_NHW: np.ndarray, digit_N: np.ndarray) -> Digits:
    images = torch.from_numpy(images_NHW.astype(np.float32) / 255)
    return Digits(images[:, None], torch.from_numpy(digit_N.astype(np.int64)))


def _taken(all_of_them: Digits, rows_N: np.ndarray) -> Digits:
    rows = torch.from_numpy(rows_N)
    return Digits(all_of_them.images_NCHW[rows], all_of_them.digit_N[rows])


def network(name: str, seed: int) -> nn.Module:
    """Return an untrained network, the same for the same seed; ``wide`` has 1.9 million weights."""
    with torch_random(seed):
        if name == "linear":
            return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
        if name == "wide":
            layers = [nn.Flatten(), nn.Linear(784, 1_024), nn.ReLU(), nn.Linear(1_024, 1_024)]
            return nn.Sequential(*layers, nn.ReLU(), nn.Linear(1_024, 10))
        built = NETWORKS[name]((1, 28, 28), classes=10)
    torch.nn.utils.convert_conv2d_weight_memory_format(built, torch.channels_last)
    return built


def loss_of(net: nn.Module, train: Digits, row_seconds: float = 0.0) -> Loss:
    """Return the mean cross entropy of some rows, for each of which it sleeps so long first."""

    def loss(rows: Tensor, epoch: int) -> Tensor:
        time.sleep(row_seconds * len(rows))
        return functional.cross_entropy(net(train.images_NCHW[rows]), train.digit_N[rows])

    return loss


def accuracy(net: nn.Module, test: Digits) -> float:
    """Return the share of test images that are read correctly, in [0, 1]."""
    net.eval()
    with torch.inference_mode():
        parts = torch.split(test.images_NCHW, TEST_BATCH)
        named = [net(part).argmax(1) for part in parts]
    return float((torch.cat(named) == test.digit_N).float().mean())

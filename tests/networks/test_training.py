"""Do the convolutional networks learn? Real digits of 8x8 pixels, enlarged, a few epochs."""

import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional

from brainray import seeding
from brainray.networks.lenet import LeNet3
from brainray.networks.medium import MediumNet


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32)[:, None] / 16
    images = functional.interpolate(images, size=(28, 28), mode="bilinear")
    labels = torch.tensor(data.target)
    rows = torch.randperm(len(labels), generator=seeding.torch_generator(0, "split"))
    return images[rows], labels[rows]


@pytest.mark.parametrize(("architecture", "least"), [(LeNet3, 0.8), (MediumNet, 0.9)])
def test_digits_are_learned_in_four_epochs(digits, architecture, least):
    images, labels = digits
    with seeding.torch_random(0, architecture.__name__):
        network = architecture((1, 28, 28), 10)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    order = seeding.torch_generator(0, "order")
    for _ in range(4):
        for rows in torch.randperm(1400, generator=order).split(32):
            optimizer.zero_grad()
            functional.cross_entropy(network(images[rows]), labels[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        right = network(images[1400:]).argmax(1) == labels[1400:]
    assert right.float().mean() > least

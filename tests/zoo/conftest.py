"""What needs the packages of the zoos; collected with ``--zoo`` alone."""

import io
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from brainray.networks.interface import NetworkSpec

WORDS = ("low even", "low odd", "high even", "high odd")
MODALITY = {"scaled_image": "image", "waveform": "audio", "hashed_words": "text"}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is downloaded: who tries fails, and with it the test."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Small networks are many times slower when two threads share a busy core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def spec_of(architecture: str, **preparation: Any) -> NetworkSpec:
    return NetworkSpec(
        name="own",
        architecture=architecture,
        category="Own",
        modality=MODALITY[preparation["name"]],  # type: ignore[arg-type]
        preparation=preparation,
        sub_regions=("vision.shape",),
    )


@pytest.fixture
def make_spec() -> Callable[..., NetworkSpec]:
    """Makes the spec of a network: architecture, then the preparation."""
    return spec_of


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of four digits and a text."""
    images, digits = load_digits(return_X_y=True)
    rows = []
    for image, digit in zip(images, digits, strict=True):
        if digit < 4 and len(rows) < 241:
            pixels = (image.reshape(8, 8) * 15).astype(np.uint8)
            rows.append({"picture": png(pixels), "caption": WORDS[digit], "label": f"d{digit}"})
    path = tmp_path_factory.mktemp("manifest") / "digits.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()

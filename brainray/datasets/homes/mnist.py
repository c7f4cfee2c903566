"""MNIST: 70,000 handwritten digits, from the four IDX files that everybody uses."""

import gzip
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from brainray.datasets.homes.interface import Content, Download, Home, Table
from brainray.shapes import Array

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
SPLITS = {"mnist_train.parquet": "train", "mnist_test.parquet": "t10k"}
SCHEMA = pa.schema([("digit", pa.int8()), ("index", pa.int32()), ("pixels", pa.binary())])
UNSIGNED_BYTES = 8
"""The code of this type in an IDX file's header."""


def read_idx(path: Path) -> Array:
    """Return the array of a gzipped IDX file of unsigned bytes.

    The format: two zero bytes, the type, the number of axes, each axis' length as a big-endian
    32-bit number, the values.

    Raises:
        ValueError: it is something else.
    """
    content = gzip.decompress(path.read_bytes())
    if len(content) < 4 or content[:3] != bytes([0, 0, UNSIGNED_BYTES]):
        raise ValueError("is no IDX file of unsigned bytes")
    start = 4 + 4 * content[3]
    shape = np.frombuffer(content[4:start], ">u4")
    return np.frombuffer(content[start:], np.uint8).reshape(shape)


def unpack(downloads: Mapping[str, Path]) -> dict[str, Content]:
    """Return the tables: rows by digit, then as in the source; ``index`` counts within a digit."""
    tables: dict[str, Content] = {}
    for name, split in SPLITS.items():
        image_NHW = read_idx(downloads[f"{split}-images-idx3-ubyte.gz"])
        label_N = read_idx(downloads[f"{split}-labels-idx1-ubyte.gz"])
        if image_NHW.shape != (len(label_N), 28, 28):
            raise ValueError(f"has images of shape {image_NHW.shape} for {len(label_N)} labels")
        rows = [
            {"digit": digit, "index": index, "pixels": image_NHW[number].tobytes()}
            for digit in range(10)
            for index, number in enumerate(np.flatnonzero(label_N == digit))
        ]
        tables[name] = pa.Table.from_pylist(rows, SCHEMA)
    return tables


def _items(table: pa.Table) -> Iterable[tuple[str, bytes]]:
    digits, pixels = table["digit"].to_pylist(), table["pixels"].to_pylist()
    return ((str(digit), image) for digit, image in zip(digits, pixels, strict=True))


def _download(file: str, size: int, sha256: str) -> Download:
    return Download(file, tuple(mirror + file for mirror in MIRRORS), sha256, size)


HOME = Home(
    name="mnist",
    title="MNIST handwritten digits (LeCun, Cortes, Burges)",
    page="http://yann.lecun.com/exdb/mnist/",
    license="CC BY-SA 3.0",
    note="The sha256 of the four files is pinned, and of each split its digits and images.",
    downloads=(
        _download(
            "train-images-idx3-ubyte.gz",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        _download(
            "train-labels-idx1-ubyte.gz",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        _download(
            "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        _download(
            "t10k-labels-idx1-ubyte.gz",
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    tables={
        "mnist_train.parquet": Table(
            _items, "618422b80c2855bbdf4f2929c4f74b1141e015baf841862515b47cef25719e3a"
        ),
        "mnist_test.parquet": Table(
            _items, "4d5264f0382acf5fc6229e6551f104acaafd1901a890c16ba2cd2a8cc2148261"
        ),
    },
    unpack=unpack,
)

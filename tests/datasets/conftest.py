from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from brainray.datasets.samples import encode_image


@pytest.fixture
def png() -> Callable[[int], bytes]:
    """Return encoded 6x5 grey images that differ by their number."""
    return lambda number: encode_image(np.full((6, 5), number, dtype=np.uint8))


@pytest.fixture
def pcm() -> Callable[[int], bytes]:
    """Return 100 samples of int16 PCM that differ by their number."""
    return lambda number: np.arange(number, number + 100, dtype="<i2").tobytes()


@pytest.fixture(scope="session")
def ready_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small folder in the layout of $BRAINRAY_DATA, filled with noise."""
    folder = tmp_path_factory.mktemp("ready")
    generator = np.random.default_rng(0)

    def write(name: str, rows: list[dict[str, Any]]) -> None:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), path)

    def sound(count: int) -> bytes:
        return generator.integers(-20000, 20000, count).astype("<i2").tobytes()

    for name, each in (("train", 30), ("test", 10)):
        images = [
            {"digit": digit, "index": i, "pixels": generator.bytes(784)}
            for digit in range(10)
            for i in range(each)
        ]
        write(f"mnist/mnist_{name}.parquet", images)
    speech = [
        {
            "filename": f"{digit}_{speaker}_{i}.wav",
            "digit": digit,
            "speaker": speaker,
            "sample_rate": 8000,
            "pcm_int16": sound(800 + 10 * i),
        }
        for digit in range(10)
        for speaker in ("ann", "bob")
        for i in range(10)
    ]
    write("fsdd/fsdd.parquet", speech)
    noise = [
        {
            "filename": f"{fold}-{i}.ogg",
            "fold": fold,
            "sample_rate": 8000,
            # Short clips are repeated, and the first second of long ones is silent.
            "pcm_int16": sound(500) if i else bytes(16000) + sound(8000),
        }
        for fold in range(1, 6)
        for i in range(2)
    ]
    write("esc10/esc10_8khz_pcm.parquet", noise)
    return folder

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from brainray.datasets import pack_manifest

DOCS = Path(__file__).parents[2] / "docs/data.md"


def test_the_manifest_of_the_docs_can_be_packed(
    png: Callable[[int], bytes], tmp_path: Path
) -> None:
    found = re.search(r"```csv\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert found
    manifest = tmp_path / "animals.csv"
    manifest.write_text(found[1])
    for name in re.findall(r"\w+\.png", found[1]):
        (tmp_path / name).write_bytes(png(1))
    for name in re.findall(r"\w+\.wav", found[1]):
        soundfile.write(tmp_path / name, np.full(20, 0.5), 8000)
    packed = pack_manifest(
        manifest,
        {"picture": "image", "call": "audio", "note": "text"},
        "animal",
        seed=0,
        folder=tmp_path / "packed",
    )
    assert packed.classes == ("cat", "dog")
    assert packed.row_counts == {"train": 2, "validation": 2, "test": 2}
    assert packed.column("train", "call")[1] is None
    assert packed.column("validation", "picture")[1] is None

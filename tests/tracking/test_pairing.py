"""Boxes and truths of sequences, whatever their files are called."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainray.errors import DataError
from brainray.shapes import Array
from brainray.tracking.frames import Frames, check_frames
from brainray.tracking.reading import as_mot_text, as_parquet
from brainray.tracking.rows import Rows
from brainray.tracking.sequences import LabelledSequence, read_sequences

WALK = Rows.of(
    np.arange(1, 5), np.tile([40.0, 30, 20, 60], (4, 1)), ids_N=np.ones(4, dtype=np.int64)
)


def text(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_mot_text(WALK))
    return path


def parquet(path: Path, *names: str) -> Path:
    path.write_bytes(as_parquet(dict.fromkeys(names, WALK)))
    return path


def names_of(found: list[LabelledSequence]) -> dict[str, list[str]]:
    return {one.name: list(one.boxes) for one in found}


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """A MOT sequence with a ground truth and no boxes."""
    folder = tmp_path / "mot" / "street"
    text(folder / "gt" / "gt.txt")
    (folder / "seqinfo.ini").write_text("[Sequence]\n")
    return folder


def test_boxes_of_one_sequence_are_of_the_only_input(street: Path, tmp_path: Path) -> None:
    own, det = text(tmp_path / "own.txt"), text(tmp_path / "det.txt")
    table = parquet(tmp_path / "table.parquet", "film")
    found = names_of(read_sequences(street, [own, det, table]))
    assert found == {"street": ["own", "det", "table"]}
    # Where some are of this name, the others have to be.
    named = text(tmp_path / "street.txt")
    with pytest.raises(DataError, match=r"^seq own: has no ground truth; there is one of: street$"):
        read_sequences(street, [named, own])
    several = parquet(tmp_path / "several.parquet", "film", "show")
    with pytest.raises(DataError, match=r"^seq film: has no ground truth; there is one of: street"):
        read_sequences(street, [several])


def test_a_truth_of_one_sequence_is_of_the_only_input(tmp_path: Path) -> None:
    (tmp_path / "walk").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "walk" / "1.png")
    truth, own = text(tmp_path / "truth.txt"), text(tmp_path / "own.txt")
    assert names_of(read_sequences(tmp_path / "walk", [own], truth)) == {"walk": ["own"]}
    assert names_of(read_sequences(None, [own], truth)) == {"truth": ["own"]}


def test_boxes_of_no_sequence_of_several_are_refused(tmp_path: Path) -> None:
    truth = parquet(tmp_path / "truth.parquet", "a", "b")
    boxes = parquet(tmp_path / "boxes.parquet", "c", "d")
    with pytest.raises(DataError, match=r"truth\.parquet: no seq c, d, there are a, b$"):
        read_sequences(None, [boxes], truth)
    with pytest.raises(DataError, match=r"truth\.parquet: no seq own, there are a, b$"):
        read_sequences(None, [text(tmp_path / "own.txt")], truth)


def test_text_of_two_detectors_is_told_apart_by_folders(street: Path, tmp_path: Path) -> None:
    yolo, ssd = (text(tmp_path / name / "street.txt") for name in ("yolo", "ssd"))
    assert names_of(read_sequences(street, [yolo, ssd])) == {"street": ["yolo", "ssd"]}
    assert names_of(read_sequences(street, [yolo])) == {"street": ["street"]}
    own, other = (text(tmp_path / name / "det.txt") for name in ("yolo", "ssd"))
    assert names_of(read_sequences(street, [own, other])) == {"street": ["yolo", "ssd"]}
    with pytest.raises(DataError, match=r"boxes of street in seq street are there already$"):
        read_sequences(street, [yolo, yolo])
    # Files of one name for different sequences are of one detector.
    text(street.with_name("road") / "gt" / "gt.txt")
    (street.with_name("road") / "seqinfo.ini").write_text("[Sequence]\n")
    files = [text(tmp_path / name / "det" / "sure.txt") for name in ("street", "road")]
    assert names_of(read_sequences(street.parent, files)) == {"road": ["sure"], "street": ["sure"]}


class Nothing(Frames):
    name, count = "cut", None

    def _read(self) -> Iterator[tuple[int, Array]]:
        yield from ()


def test_frames_that_are_none_are_refused() -> None:
    with pytest.raises(DataError, match=r"^seq cut: has no frame$"):
        check_frames({"cut": Nothing()})

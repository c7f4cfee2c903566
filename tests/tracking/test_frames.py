"""Frames from folders and videos, and what is detected in them."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainray.errors import DataError, NetworkError
from brainray.networks.detectors.interface import Detector, Found
from brainray.tracking.appearance import with_appearance, with_vectors
from brainray.tracking.detecting import as_rows, detections_in
from brainray.tracking.frames import read_frames
from brainray.tracking.interface import Detections


def write(folder: Path, names: list[str], size: tuple[int, int] = (32, 24)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        Image.new("RGB", size, (10 * number, 0, 200)).save(folder / name)
    return folder


def test_numbers_in_the_names_are_those_of_the_frames(tmp_path):
    folder = write(tmp_path / "walk", ["shot_10.png", "shot_9.png", "shot_12.png"])
    (folder / "notes.txt").write_text("no picture")
    (folder / "._shot_9.png").write_bytes(b"what macOS knows of it")
    frames = read_frames(folder)["walk"]
    assert frames.count == 3
    for _ in range(2):  # they can be read again
        read = list(frames)
        assert [number for number, _ in read] == [9, 10, 12]
        assert [image[0, 0].tolist() for _, image in read] == [
            [10, 0, 200],
            [0, 0, 200],
            [20, 0, 200],
        ]
    assert read[0][1].shape == (24, 32, 3)
    other = write(tmp_path / "names", ["b.png", "a.png", "c1.png"])
    assert [number for number, _ in read_frames(other)["names"]] == [1, 2, 3]


def test_a_mot_sequence_has_its_frames_in_img1(tmp_path):
    for name in ("A", "B"):
        write(tmp_path / name / "img1", ["000001.jpg", "000002.jpg"])
        (tmp_path / name / "seqinfo.ini").write_text(f"[Sequence]\nname=MOT-{name}\n")
    assert list(read_frames(tmp_path)) == ["MOT-A", "MOT-B"]
    assert list(read_frames(tmp_path / "B")) == ["MOT-B"]


def test_a_grey_frame_becomes_rgb(tmp_path):
    Image.new("L", (8, 8), 77).save(tmp_path / "1.png")
    ((_, image),) = next(iter(read_frames(tmp_path).values()))
    assert image.shape == (8, 8, 3)
    assert (image == 77).all()


def test_a_corrupt_frame_in_the_middle_is_named(tmp_path):
    folder = write(tmp_path / "walk", ["1.png", "2.png", "3.png"])
    whole = (folder / "2.png").read_bytes()
    (folder / "2.png").write_bytes(whole[: len(whole) // 2])
    read = []
    with pytest.raises(DataError, match=r"^seq walk, frame 2: .*2\.png: is not an image"):
        read += [number for number, _ in read_frames(folder)["walk"]]
    frames = iter(read_frames(folder)["walk"])
    assert next(frames)[0] == 1


def test_a_frame_of_another_size_is_named(tmp_path):
    folder = write(tmp_path / "walk", ["1.png", "2.png"])
    write(folder, ["3.png"], (16, 24))
    with pytest.raises(DataError, match=r"^seq walk, frame 3: has 16 x 24 pixels, .* 32 x 24$"):
        list(read_frames(folder)["walk"])


def test_where_there_are_no_frames_is_said(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="has no images"):
        read_frames(tmp_path)
    with pytest.raises(DataError, match="there is no such file or folder"):
        read_frames(tmp_path / "none")
    folder = write(tmp_path / "twice", ["1.png", "01.png"])
    with pytest.raises(DataError, match=r"1\.png: is frame 1, and so is 01\.png"):
        read_frames(folder)
    folder = write(tmp_path / "far", ["1.png", "99999999999999999999.png"])
    with pytest.raises(DataError, match=r"9\.png: is frame 99999999999999999999, allowed are numb"):
        read_frames(folder)
    video = tmp_path / "video.avi"
    video.write_bytes(b"no video")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError, match=r"needs PyAV; install brainray\[vision\]"):
        read_frames(video)


class Blue(Detector):
    """Finds the whole frame, where its red is even in tens."""

    tags, classes = ("one-stage",), ("frame",)

    def _detect(self, image_HWC: np.ndarray) -> Found:
        count = int(image_HWC[0, 0, 0] % 20 == 0)
        boxes = np.array([[2.0, 3.0, 32.0, 24.0]])[:count]
        return Found(boxes, np.full(count, 0.5), np.zeros(count, dtype=np.int64))


def test_frames_without_a_box_stay_frames(tmp_path):
    folder = write(tmp_path / "walk", ["5.png", "6.png", "7.png"])
    found = list(detections_in(Blue(), read_frames(folder)["walk"]))
    assert [(number, len(one)) for number, one in found] == [(5, 1), (6, 0), (7, 1)]
    rows = as_rows(found)
    assert rows.frames_N.tolist() == [5, 7]
    assert rows.boxes_N4.tolist() == [[2, 3, 30, 21]] * 2
    assert len(as_rows([])) == 0


@pytest.mark.parametrize(
    ("error", "message"),
    [(None, "box 0: conf is inf, allowed"), (NetworkError("is broken"), "is broken")],
)
def test_what_a_detector_cannot_say_is_named_with_its_frame(tmp_path, error, message):
    class Odd(Blue):
        def _detect(self, image_HWC: np.ndarray) -> Found:
            found = super()._detect(image_HWC)
            if len(found) and error is not None:
                raise error
            return replace(found, scores_M=found.scores_M + np.inf)

    frames = read_frames(write(tmp_path / "walk", ["5.png", "6.png", "7.png"]))["walk"]
    with pytest.raises(DataError, match=f"^frame 5: {message}"):
        list(detections_in(Odd(), frames))


def test_looks_that_are_seen_beside_the_detector_are_those_seen_afterwards(tmp_path):
    class Redness:
        width = 2

        def vectors(self, image_HWC, boxes_M4):
            red = float(image_HWC[0, 0, 0])
            return np.array([[red, left] for left in boxes_M4[:, 0]]).reshape(-1, 2)

    frames = read_frames(write(tmp_path / "walk", ["5.png", "6.png", "7.png"]))["walk"]
    rows = as_rows(detections_in(Blue(), frames, Redness()))
    afterwards = with_appearance(as_rows(detections_in(Blue(), frames)), frames, Redness())
    assert rows.features_ND.shape == (2, 2)
    assert rows.features_ND.any(axis=1).all()
    np.testing.assert_array_equal(rows.features_ND, afterwards.features_ND)


def test_what_is_not_sure_enough_is_not_looked_at():
    class Size:
        width = 1

        def vectors(self, image_HWC, boxes_M4):
            looked_at.append(len(boxes_M4))
            return boxes_M4[:, 2:3]

    looked_at: list[int] = []
    boxes = np.column_stack([np.zeros((3, 2)), np.full((3, 1), 7.0), np.ones((3, 1))])
    found = with_vectors(
        Detections(boxes, np.array([0.5, 0.4, 0.9])), np.zeros((8, 8, 3)), Size(), 0.5
    )
    assert looked_at == [2]
    assert found.features_MD.tolist() == [[7], [0], [7]]

"""What boxes look like to a network in an ONNX file."""

import os
from pathlib import Path

import numpy as np
import pytest

from brainray.errors import NetworkError
from brainray.networks.appearance import Appearance
from brainray.testing.graphs import color_graph, model_bytes


@pytest.fixture
def colors(tmp_path: Path) -> Path:
    path = tmp_path / "colors.onnx"
    path.write_bytes(model_bytes(color_graph()))
    return path


def test_each_box_has_a_vector_and_those_outside_have_zeros(colors: Path) -> None:
    image = np.zeros((40, 60, 3), dtype=np.uint8)
    image[:, :30, 0], image[:, 30:, 1] = 255, 255
    boxes = np.array([[2.0, 2, 20, 30], [40, 5, 40, 60], [-50, 0, 10, 10], [5, 5, 0.1, 0.1]])
    red, green, outside, small = Appearance.of_file(colors).vectors(image, boxes)
    assert red.argmax() == small.argmax() == 0
    assert green.argmax() == 1
    assert red == pytest.approx(small, abs=1e-5)
    assert (outside == 0).all()


@pytest.mark.parametrize("batch", ["n", 1])
def test_more_boxes_than_a_batch_are_seen_as_each_alone(tmp_path: Path, batch: str | int) -> None:
    path = tmp_path / "colors.onnx"
    path.write_bytes(model_bytes(color_graph(batch)))
    appearance = Appearance.of_file(path)
    image = np.random.default_rng(0).integers(0, 255, (50, 50, 3)).astype(np.uint8)
    boxes = np.array([[x, y, 9.0, 9.0] for x in range(0, 40, 8) for y in range(0, 40, 8)])
    together = appearance.vectors(image, boxes)
    alone = [appearance.vectors(image, box[None])[0] for box in boxes]
    assert together == pytest.approx(np.array(alone), abs=1e-5)


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no.onnx"
    with pytest.raises(NetworkError, match=r"no\.onnx: cannot be read"):
        Appearance.of_file(path)
    path.write_bytes(b"nothing")
    with pytest.raises(NetworkError, match=r"no\.onnx: graph: is no ONNX file"):
        Appearance.of_file(path)
    path.write_bytes(model_bytes(color_graph(channels=4)))
    with pytest.raises(NetworkError, match=r"allowed is float32 \(batch, 3, height, width\)"):
        Appearance.of_file(path)


@pytest.mark.data
def test_a_real_network_sees_people() -> None:
    path = Path(os.environ["BRAINRAY_DATA"]) / "models" / "appearance_mobilenetv2_224.onnx"
    appearance = Appearance.of_file(path)
    assert appearance.width == 1280
    image = np.random.default_rng(0).integers(0, 255, (100, 60, 3)).astype(np.uint8)
    vectors = appearance.vectors(image, np.array([[0.0, 0, 40, 90], [1, 0, 40, 90]]))
    assert np.isfinite(vectors).all()
    assert vectors.std() > 0

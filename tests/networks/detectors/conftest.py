"""Detectors of graphs whose outputs are known."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from brainray.networks.detectors.onnx_detector import OnnxDetector
from brainray.testing.graphs import constant_graph

HEIGHT, WIDTH = 64, 96
"""Of the input of `made`."""


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., OnnxDetector]:
    """Make the detector of a graph that always gives the same tensors, and of a spec."""

    def make(
        outputs: Mapping[str, Any],
        tensors: Mapping[str, np.ndarray],
        names: list[str] | None = None,
        image: Mapping[str, Any] | None = None,
        overlap: float = 1,
        classes: list[str] | None = None,
        others: Mapping[str, list[int | str]] | None = None,
    ) -> OnnxDetector:
        spec = {
            "tags": ["one-stage"],
            "input": {"height": HEIGHT, "width": WIDTH} | dict(image or {}),
            "outputs": dict(outputs),
            "min_score": 0.3,
            "overlap": overlap,
            "classes": names or ["person", "car", "dog"],
        }
        (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec))
        graph = constant_graph(tensors, (1, 3, HEIGHT, WIDTH), others=others)
        (tmp_path / "toy.onnx").write_bytes(graph)
        return OnnxDetector(tmp_path / "spec.yaml", tmp_path / "toy.onnx", classes=classes)

    return make

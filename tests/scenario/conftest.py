from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def document() -> dict[str, Any]:
    """The shortest scenario: every other key has a default."""
    return {
        "name": "mine",
        "goal": {"target": "label"},
        "inputs": {"picture": {"modality": "image"}, "sound": {"modality": "audio"}},
        "data": {"name": "audio_visual_digits"},
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], Path]:
    """Writes a scenario.yaml and returns its path."""

    def do(content: Any) -> Path:
        path = tmp_path / "scenario.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return do

"""Without OpenCV; what it sees is in ``tests/zoo/test_camera.py``."""

import sys

import pytest

from brainray.errors import NetworkError
from brainray.tracking.camera import CameraMotion


def test_who_lacks_opencv_is_told_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(NetworkError, match=r"needs OpenCV; install brainray\[vision\]$"):
        CameraMotion()

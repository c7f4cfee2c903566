"""OpenCV, imported as late as a detector of it is made."""

from typing import Any

from brainray.errors import NetworkError


def opencv(detector: str) -> Any:
    """Import OpenCV.

    Args:
        detector: named in the error.

    Raises:
        NetworkError: it is not installed.
    """
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise NetworkError(f"{detector}: needs OpenCV; install brainray[vision]") from error
    return cv2

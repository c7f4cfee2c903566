"""OpenCV, imported as late as what needs it is made."""

from typing import Any

from brainray.errors import NetworkError


def opencv(what: str) -> Any:
    """Import OpenCV.

    Args:
        what: needs it, e.g. a detector; named in the error.

    Raises:
        NetworkError: it is not installed.
    """
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise NetworkError(f"{what}: needs OpenCV; install brainray[vision]") from error
    return cv2

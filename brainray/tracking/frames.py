"""The pictures of a video, one after the other: from a folder of images or a video file."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from brainray.datasets.samples import decode_image
from brainray.errors import DataError
from brainray.shapes import Array, IntArray
from brainray.tracking.interface import FrameError
from brainray.tracking.reading import LARGEST, mot_sequences

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".webp", ".tif", ".tiff")
"""How the names of a folder's images end; other files, and hidden ones, are not looked at."""

SPARE = 2
"""Frames that a video may have less than its file says: some that end it are never shown."""


class Frames(ABC):
    """The pictures of one sequence. Iterating reads them anew, and keeps none.

    Attributes:
        name: of the sequence.
        count: how many there are, None where the file does not say.
    """

    name: str
    count: int | None

    @property
    def numbers(self) -> IntArray | None:
        """The numbers of the frames, rising, here from 1 on; None where `count` is."""
        return None if self.count is None else np.arange(1, self.count + 1)

    def __iter__(self) -> Iterator[tuple[int, Array]]:
        """Yield the number and the picture of each frame: RGB, uint8, shape `(H, W, 3)`.

        Raises:
            FrameError: naming the sequence and the frame that cannot be read, or that has another
                size than the ones before.
        """
        size: tuple[int, ...] | None = None
        for number, image_HWC in self._read():
            found = image_HWC.shape[:2]
            if size is not None and found != size:
                raise self._error(
                    number,
                    f"has {found[1]} x {found[0]} pixels, the frames before {size[1]} x {size[0]}",
                )
            size = found
            yield number, image_HWC

    @abstractmethod
    def _read(self) -> Iterator[tuple[int, Array]]:
        """Yield numbers, rising, and pictures of any size."""

    def _error(self, number: int, what: str) -> FrameError:
        return FrameError(f"seq {self.name}, frame {number}: {what}", number)


class ImageFolder(Frames):
    """Images in a folder.

    Where all names end in digits, those are the frames' numbers; otherwise frames count from 1 in
    the order of the names.

    Args:
        folder: with the images.
        name: of the sequence.

    Raises:
        DataError: there is no image, two have the same number, or one has a number that is too
            large.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        # Hidden files such as ._1.jpg are no pictures: macOS puts them beside those it copies.
        paths = sorted(path for path in folder.glob("[!.]*") if path.suffix.lower() in IMAGES)
        if not paths:
            raise DataError(f"{folder}: has no images ({', '.join(IMAGES)})")
        digits = [re.search(r"[0-9]+$", path.stem) for path in paths]
        numbers = [int(one.group()) for one in digits if one is not None]
        if len(numbers) < len(paths):
            numbers = list(range(1, len(paths) + 1))
        self._paths: dict[int, Path] = {}
        for number, path in sorted(zip(numbers, paths, strict=True)):
            if number in self._paths:
                raise DataError(f"{path}: is frame {number}, and so is {self._paths[number].name}")
            if number > LARGEST:
                raise DataError(f"{path}: is frame {number}, allowed are numbers up to {LARGEST}")
            self._paths[number] = path
        self.count = len(paths)

    @property
    def numbers(self) -> IntArray:
        """As of `Frames`."""
        return np.array(list(self._paths))

    def _read(self) -> Iterator[tuple[int, Array]]:
        for number, path in self._paths.items():
            try:
                image = decode_image(path.read_bytes())
            except OSError as error:
                raise self._error(number, f"{path}: cannot be read: {error.strerror}") from error
            except DataError as error:
                raise self._error(number, f"{path}: {error}") from error
            yield number, as_rgb(image)


def as_rgb(image: Array) -> Array:
    """Return a picture of shape `(H, W)` or `(H, W, 3)` as `(H, W, 3)`."""
    return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)


class VideoFile(Frames):
    """The first video stream of a file, frames counted from 1.

    A frame counts as corrupt where FFmpeg says so; some codecs hide small damage. A file that ends
    more than `SPARE` frames before it says is cut off; Matroska, for one, does not say.

    Args:
        path: of a file that FFmpeg reads.
        formats: FFmpeg's names of the containers that are read; all if None. Playlists make it open
            other files, so what comes from outside must be none.
        most_pixels: of a frame; larger ones are not decoded.

    Attributes:
        seconds: when the frame that was read last is shown, None where the file does not say.

    Raises:
        DataError: PyAV is not installed, or the file is no video.
    """

    def __init__(
        self, path: Path, formats: Sequence[str] | None = None, most_pixels: int | None = None
    ) -> None:
        self.name = path.stem
        self.seconds: float | None = None
        self._path = path
        self._most_pixels = most_pixels
        self._options = {} if formats is None else {"format_whitelist": ",".join(formats)}
        if most_pixels is not None:
            self._options["max_pixels"] = str(most_pixels)
        self._av = _pyav(path)
        with self._open() as container:
            self.count = container.streams.video[0].frames or None

    def _open(self) -> Any:
        try:
            container = self._av.open(str(self._path), options=dict(self._options))
        except (OSError, ValueError, self._av.FFmpegError) as error:  # its EOFError is no OSError
            raise DataError(f"{self._path}: is no video that can be read: {error}") from error
        if not container.streams.video:
            container.close()
            raise DataError(f"{self._path}: has no video stream")
        context = container.streams.video[0].codec_context
        if self._most_pixels is not None:
            context.options = {"max_pixels": str(self._most_pixels)}
            # FFmpeg says 0 x 0 of some frames that it was told to leave alone.
            if not 0 < context.width * context.height <= self._most_pixels:
                container.close()
                raise DataError(
                    f"{self._path}: frames have no size, or more than {self._most_pixels} pixels"
                )
        return container

    def _read(self) -> Iterator[tuple[int, Array]]:
        number, last = 0, None
        with self._open() as container:
            frames = container.decode(container.streams.video[0])
            while True:
                number += 1
                try:
                    frame = next(frames, None)
                except (OSError, ValueError, self._av.FFmpegError) as error:
                    raise self._error(number, f"{self._path}: cannot be read: {error}") from error
                if frame is None:
                    if self._lacking(container, number - 1, last) > SPARE:
                        what = f"{self._path}: ends here, and says that it has {self.count} frames"
                        raise self._error(number, what)
                    return
                if frame.is_corrupt:
                    raise self._error(number, f"{self._path}: is damaged")
                self.seconds = last = frame.time
                yield number, frame.to_ndarray(format="rgb24")

    def _lacking(self, container: Any, read: int, last: float | None) -> float:
        """Return how many frames the file says it has beyond those that were read.

        Not all are to be shown: MP4 counts those that an edit list hides, and AVI dropped ones. So
        the time of the last one must tell the same.
        """
        if self.count is None:
            return 0
        stream = container.streams.video[0]
        rate, seconds_a_tick = stream.average_rate, stream.time_base
        lacking = self.count - read
        if last is None or not rate:
            return lacking
        # The duration of MP4 is that without what is hidden; of AVI it is that of the cut file.
        by_duration = container.format.name.startswith("mov") and stream.duration is not None
        seconds = stream.duration * seconds_a_tick if by_duration else self.count / rate
        end = (stream.start_time or 0) * seconds_a_tick + seconds
        return min(lacking, float((end - Fraction(last)) * rate) - 1)


def _pyav(path: Path) -> Any:
    try:
        import av
    except ModuleNotFoundError as error:
        raise DataError(
            f"{path}: to read a video needs PyAV; install brainray[vision], or give a folder of "
            "images"
        ) from error
    return av


def read_frames(path: Path) -> dict[str, Frames]:
    """Return the frames at a path by the names of their sequences.

    Args:
        path: a video file, a folder of images, a MOT sequence (its ``img1``), or a folder of them.

    Raises:
        DataError: there are no frames.
    """
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    if path.is_file():
        return {path.stem: VideoFile(path)}
    if holds_mot_sequences(path):
        return {
            name: ImageFolder(folder / "img1", name) for name, folder in mot_sequences(path).items()
        }
    return {path.resolve().name: ImageFolder(path, path.resolve().name)}


def check_frames(found: Mapping[str, Frames]) -> None:
    """Look for a first frame in each sequence.

    Args:
        found: as of `read_frames`.

    Raises:
        DataError: a video has no frame, as one that is cut off early; one that cannot be read is
            left to who needs it.
    """
    for name, frames in found.items():
        try:
            first = next(iter(frames), None)
        except FrameError:
            continue
        if first is None:
            raise DataError(f"seq {name}: has no frame")


def holds_mot_sequences(path: Path) -> bool:
    """Return whether a folder is a MOT sequence, or has some in it."""
    return any(path.glob("seqinfo.ini")) or any(path.glob("*/seqinfo.ini"))

"""What a request may be: its size, its samples, its frames, its time."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of a request to predict, checked before anything is decoded.

    Attributes:
        body_bytes: of the whole request.
        parts: of a multipart body.
        pixels: of an image.
        seconds: of a recording.
        audio_samples: of a recording, all channels together.
        characters: of a text.
        separators: commas and opening brackets of a JSON body, as many values may be in it.
        body_seconds: until the whole body must have arrived.
    """

    body_bytes: int = 16 * 2**20
    parts: int = 32
    pixels: int = 25_000_000
    seconds: float = 300.0
    audio_samples: int = 30_000_000
    characters: int = 20_000
    separators: int = 100_000
    body_seconds: float = 30.0


@dataclass(frozen=True)
class TrackLimits:
    """Bounds of a request to track. Its body is kept in a file, frames are read one at a time.

    Attributes:
        body_bytes: of the whole request.
        body_seconds: until the whole body must have arrived.
        frames: of a request.
        pixels: of a frame.
        boxes: in a Parquet file.
        line_bytes: of a line of JSON.
        streams: that a process answers at the same time.
        send_seconds: that a client may take to receive a line.
    """

    body_bytes: int = 256 * 2**20
    body_seconds: float = 120.0
    frames: int = 20_000
    pixels: int = 25_000_000
    boxes: int = 1_000_000
    line_bytes: int = 2 * 2**20
    streams: int = 8
    send_seconds: float = 60.0


SMALL = Limits(pixels=512 * 512, seconds=10.0, audio_samples=500_000, characters=2_000)
"""What is prepared in a few milliseconds; larger samples go to a thread, so that they delay none
of the small ones."""

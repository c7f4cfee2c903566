"""What audio-visual digits are made of, whatever it comes from."""

from dataclasses import dataclass

from brainray.shapes import Array, FloatArray

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
"""How recordings, and embedded images, are shared out between the splits."""


@dataclass(frozen=True)
class Digit:
    """An image or a recording of one digit.

    Attributes:
        name: unique among images or recordings.
        digit: 0 to 9.
        values: a uint8 image, shape `(28, 28)`, or a wave in [-1, 1], shape `(T,)`.
        speaker: of a recording: a person, or a synthetic voice.
    """

    name: str
    digit: int
    values: Array
    speaker: str = ""


@dataclass(frozen=True)
class Material:
    """What one split is made of; nothing of it is in another split.

    Attributes:
        images: to be paired.
        recordings: to be paired with the images.
        noise: noise clips by name, float32, shape `(T,)`.
    """

    images: list[Digit]
    recordings: list[Digit]
    noise: dict[str, FloatArray]


def cut(count: int) -> dict[str, slice]:
    """Return which of ``count`` shuffled things belong to each split, by `SHARES`."""
    train = round(SHARES["train"] * count)
    validation = train + round(SHARES["validation"] * count)
    return {
        "train": slice(0, train),
        "validation": slice(train, validation),
        "test": slice(validation, count),
    }

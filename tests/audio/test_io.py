"""Reading, writing, resampling; files that must be refused by name."""

import math
from pathlib import Path

import av
import numpy as np
import pytest
import scipy.signal
import soundfile
from helpers.measures import noise, shift
from hypothesis import given, settings
from hypothesis import strategies as st

from nblib.audio import SAMPLE_RATES, check_signal, read, resample, write
from nblib.errors import AudioError, ParameterError

RATE = 22_050
ROUNDING = 1e-5  # of float32 sums at full scale, on any processor


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
def test_sixteen_bits_come_back_as_they_were_written(tmp_path, suffix):
    samples = noise(5000)
    samples[:3] = 1, -1, 0
    path, again = tmp_path / "new" / f"x{suffix}", tmp_path / f"again{suffix}"
    write(path, samples, RATE)
    found, rate = read(path)
    assert rate == RATE and found.dtype == np.float32 and found.shape == (5000,)
    assert np.abs(found - samples).max() <= 1 / 32768
    write(again, found, RATE)
    np.testing.assert_array_equal(read(again)[0], found)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("name", "subtype"), [("x.wav", "FLOAT"), ("x.flac", "PCM_24")])
def test_stereo_is_kept_or_mixed_by_the_mean(tmp_path, name, subtype):
    stereo = noise(70_000, channels=2)
    soundfile.write(tmp_path / name, stereo.T, 44_100, subtype=subtype)
    both, rate = read(tmp_path / name, mono=False)
    np.testing.assert_allclose(both, stereo, atol=1e-6)  # 24 bits
    np.testing.assert_allclose(read(tmp_path / name)[0], stereo.mean(0), atol=1e-6)
    assert rate == 44_100
    assert 44_100 <= len(read(tmp_path / name, end=1.0)[0]) < 70_000


@pytest.mark.parametrize(("name", "encoder"), [("x.mp3", "libmp3lame"), ("x.ogg", "libopus"), ("x.m4a", "aac")])
def test_coded_files_are_read_in_line_with_the_original(tmp_path, name, encoder):
    # Noise up to about a quarter of half the sample rate, which any codec keeps.
    stereo = scipy.signal.lfilter(scipy.signal.firwin(101, 0.25), 1, noise(3 * 48_000, channels=2)).astype(np.float32)
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(encoder, rate=48_000, layout="stereo", bit_rate=128_000)
        frame = av.AudioFrame.from_ndarray(stereo, "fltp", "stereo")
        frame.sample_rate, frame.pts = 48_000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    found, rate = read(tmp_path / name, mono=False)
    n = min(found.shape[1], stereo.shape[1])
    assert rate == 48_000 and (n == found.shape[1] or encoder != "libmp3lame")
    for side in (0, 1):
        assert shift(found[side], stereo[side]) == 0 and np.corrcoef(found[side, :n], stereo[side, :n])[0, 1] > 0.9


@settings(deadline=None, max_examples=150)
@given(n=st.integers(1, 3000), rates=st.tuples(st.sampled_from(SAMPLE_RATES), st.sampled_from(SAMPLE_RATES)))
def test_resampled_length_is_exact_for_any_length_and_rates(n, rates):
    found = resample(noise(n), *rates)
    assert found.dtype == np.float32 and found.shape == (math.ceil(n * rates[1] / rates[0]),)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("rates", [(44_100, 22_050), (22_050, 16_000), (16_000, 6000), (16_000, 48_000)])
def test_resampling_is_zero_phase_and_agrees_with_scipy(rates):
    common = math.gcd(*rates)
    samples = noise(3 * rates[0])
    found = resample(samples, *rates).astype(np.float64)
    polyphase = scipy.signal.resample_poly(samples.astype(np.float64), rates[1] // common, rates[0] // common)
    band = slice(10, int(0.35 * min(rates) * 3))
    ratio = np.fft.rfft(found)[band] / np.fft.rfft(polyphase[: len(found)])[band]
    assert shift(found, polyphase) == 0
    # The filters differ by some tenths of a decibel; a shift by one sample would turn the phase by more than 1.
    assert np.quantile(np.abs(np.angle(ratio)), 0.99) < 0.02
    assert abs(np.median(np.abs(ratio)) - 1) < 0.01
    both = resample(np.stack([samples, 3 * samples]), *rates)  # channels apart, over full scale
    np.testing.assert_allclose(both, [found, 3 * found], atol=3 * ROUNDING)
    for wrong in (0, 22_050.5, True):
        with pytest.raises(ParameterError, match="to=.*whole number from 1"):
            resample(samples, rates[0], wrong)


def write_wav(path: Path, samples: np.ndarray, rate: int = RATE) -> None:
    soundfile.write(path, samples, rate, subtype="FLOAT")


def half_a_flac(path: Path) -> None:
    soundfile.write(path, noise(100_000), RATE)
    path.write_bytes(path.read_bytes()[:30_000])


HOSTILE = {
    "nofile.wav": (lambda path: None, "no such file"),
    "folder.wav": (lambda path: path.mkdir(), "no such file"),
    "text.flac": (lambda path: path.write_text("no sound\n" * 500), "cannot be read"),
    "half.flac": (half_a_flac, "cut short|cannot be read"),
    "nosamples.wav": (lambda path: write_wav(path, np.zeros(0, np.float32)), "empty"),
    "nan.wav": (lambda path: write_wav(path, np.repeat([0.1, np.nan], 70_001)), "sample 70001 is not finite"),
    "rate72.wav": (lambda path: write_wav(path, noise(100), 72_000), "72000 Hz.*resample"),
    "six.wav": (lambda path: write_wav(path, noise(100, channels=6).T), "6 channels.*down-mix"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_unusable_file_is_an_error_that_names_it(tmp_path, name):
    make, message = HOSTILE[name]
    make(tmp_path / name)
    with pytest.raises(AudioError, match=f"{name}: .*({message})"):
        read(tmp_path / name)


def test_what_is_no_signal_is_named():
    no_signals = {
        "x: empty": np.zeros(0),
        "x: silent": np.zeros(1000),
        "x: 99 samples are too short, 100": np.ones(99),
        "x: sample 7 is not finite": np.array([[0.1] * 150, [0.1] * 7 + [np.inf] * 143]),
        "x: samples of type int16": np.ones(1000, np.int16),
    }
    for message, samples in no_signals.items():
        with pytest.raises(AudioError, match=message):
            check_signal(samples, "x", minimum_samples=100)
    check_signal(np.zeros(5), "x", allow_silence=True)
    check_signal(np.full(1, 2.0**-16), "x")


def test_writing_never_clips_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.wav"
    write(path, noise(100), RATE)
    before = path.read_bytes()
    with pytest.raises(AudioError, match=r"x.wav: .*peak 1.25"):
        write(path, np.array([0.1, -1.25]), RATE)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]

"""Reading, writing, resampling; codec pairs aligned and cut off where the papers' are; what must be refused by name."""

import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest
import scipy.signal
import soundfile
from helpers.measures import noise, plucked, shift
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nblib.audio import MP3_BITRATES, SAMPLE_RATES, Codec, check_signal, cutoff_hz, read, resample, write
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


def encode(path: Path, samples: np.ndarray, rate: int, encoder: str, bitrate: int) -> None:
    with av.open(str(path), "w") as container:
        layout = ("mono", "stereo")[len(samples) - 1]
        stream = container.add_stream(encoder, rate=rate, layout=layout, bit_rate=bitrate)
        frame = av.AudioFrame.from_ndarray(samples, "fltp", layout)
        frame.sample_rate, frame.pts = rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(("name", "encoder"), [("x.mp3", "libmp3lame"), ("x.ogg", "libopus"), ("x.m4a", "aac")])
def test_coded_files_are_read_in_line_with_the_original(tmp_path, name, encoder):
    # Noise up to about a quarter of half the sample rate, which any codec keeps.
    stereo = scipy.signal.lfilter(scipy.signal.firwin(101, 0.25), 1, noise(3 * 48_000, channels=2)).astype(np.float32)
    encode(tmp_path / name, stereo, 48_000, encoder, 128_000)
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


PAPER = Codec()
OTHERS = [Codec("aac", 24_000), Codec("opus", 16_000)]


def hiss(n: int) -> np.ndarray:
    return np.float32(0.3) * noise(n, "codec")


@settings(deadline=None, max_examples=100)
@given(
    n=st.one_of(st.integers(1, 2500), st.integers(2500, 60_000)),
    codec=st.sampled_from([PAPER, PAPER, Codec("mp3", 64_000), *OTHERS]),
    rate=st.sampled_from((16_000, 22_050)),
)
@example(n=390, codec=Codec("mp3", 64_000), rate=22_050)
@example(n=1105, codec=PAPER, rate=22_050)
@example(n=1153, codec=PAPER, rate=22_050)
@example(n=1025, codec=OTHERS[0], rate=22_050)
@example(n=2049, codec=OTHERS[0], rate=44_100)
def test_pairs_have_lag_zero_and_equal_length(n, codec, rate):
    coded = codec.roundtrip(hiss(n), rate)
    assert coded.dtype == np.float32 and coded.shape == (n,) and np.isfinite(coded).all()
    assert n < 2000 or shift(coded, hiss(n)) == 0


def test_mp3_pairs_of_ten_minutes_do_not_drift():
    lossless = np.tile(hiss(20 * RATE), 30)[-60_000 - 590 * RATE :]
    coded = PAPER.roundtrip(lossless, RATE)
    assert shift(coded[-60_000:], lossless[-60_000:]) == 0


@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_cutoff_of_16_kbps_mp3_lies_at_5500_hz(rate):
    for lossless in (plucked(6, rate), hiss(6 * rate)):
        assert cutoff_hz(lossless, PAPER.roundtrip(lossless, rate), rate) == pytest.approx(5500, abs=150)


def test_with_the_bitrate_the_cutoff_rises_and_the_loss_shrinks():
    lossless = hiss(4 * 16_000)
    coded = [Codec("mp3", bitrate).roundtrip(lossless, 16_000) for bitrate in (8000, 16_000, 64_000)]
    found = [cutoff_hz(lossless, each, 16_000) for each in coded]
    assert found == sorted(found) and found[0] < 4000 < 7000 < found[2]
    assert cutoff_hz(lossless, lossless, 16_000) == 511 * 16_000 / 1024
    errors = [np.square(each - lossless).sum() for each in coded]
    assert errors[0] > errors[1] > errors[2] > 0


@pytest.mark.parametrize("edge", [1000, 3000, 6500])
def test_cutoff_of_a_known_filter(edge):
    lossless = hiss(60_000)
    response = scipy.signal.firwin(1001, edge, fs=16_000, window=("kaiser", 12))
    coded = np.convolve(lossless, response, "same").astype(np.float32)
    assert cutoff_hz(lossless, coded, 16_000) == pytest.approx(edge, abs=70)
    assert cutoff_hz(lossless, 0 * coded, 16_000) == 0
    with pytest.raises(AudioError, match="lossless: silent"):
        cutoff_hz(0 * lossless, coded, 16_000)


def test_pairs_are_the_same_every_time_in_any_thread_and_after_pickling():
    codec, signals = pickle.loads(pickle.dumps(PAPER)), [hiss(20_000 + 7 * k) for k in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda samples: codec.roundtrip(samples, 22_050), signals))
    for samples, coded in zip(signals, found, strict=True):
        np.testing.assert_array_equal(coded, PAPER.roundtrip(samples, 22_050))


@pytest.mark.parametrize("codec", [PAPER, *OTHERS])
def test_full_scale_is_no_limit_and_silence_stays_silent(codec):
    lossless = hiss(20_000) / np.abs(hiss(20_000)).max()
    coded, loud = codec.roundtrip(lossless, 22_050), codec.roundtrip(8 * lossless, 22_050)
    np.testing.assert_allclose(loud, 8 * coded, atol=1e-4)  # 8 times float32's rounding of a decoder's sums
    assert np.abs(codec.roundtrip(np.zeros(5000), 22_050)).max() < 1e-4


def granted_bitrate(path: Path, rate: int, bitrate: int) -> int:
    encode(path, hiss(rate // 4)[np.newaxis], rate, "libmp3lame", bitrate)
    with av.open(str(path)) as container:
        return container.streams.audio[0].codec_context.bit_rate


@pytest.mark.parametrize("rates", MP3_BITRATES)
def test_the_table_of_mp3_bitrates_is_what_the_encoder_grants(rates, tmp_path):
    below, *granted = (1000 * kilobits for kilobits in (MP3_BITRATES[rates][0] - 4, *MP3_BITRATES[rates]))
    assert [granted_bitrate(tmp_path / "x.mp3", rates[-1], each) for each in granted] == granted
    assert granted_bitrate(tmp_path / "x.mp3", rates[-1], below) != below


@pytest.mark.parametrize(
    ("codec", "rate", "message"),
    [
        (PAPER, 44_100, "bitrate=16000.*=44100: it keeps to 32000.*resample first"),
        (PAPER, 96_000, "sample_rate=96000.*resample first"),
        (Codec("mp3", 17_000), 16_000, "bitrate=17000.*8000, 16000, 24000"),
        (Codec("aac", 8000), 44_100, "bitrate=8000.*keeps to 16000 to"),
        (Codec("aac", 128_000), 16_000, "bitrate=128000.* to 64000"),
        (Codec("opus", 2000), 48_000, "bitrate=2000 for opus"),
        (PAPER, 16_000.0, "sample_rate=16000.0"),
    ],
)
def test_a_bitrate_that_would_be_changed_in_silence_is_refused(codec, rate, message):
    with pytest.raises(ParameterError, match=message):
        codec.roundtrip(hiss(1000), rate)


def test_an_unknown_codec_is_refused_and_a_known_one_tells_its_library():
    for wrong, message in ((("mp33", 16_000), "did you mean 'mp3'"), (("mp3", 16_000.0), "bitrate=16000.0")):
        with pytest.raises(ParameterError, match=message):
            Codec(*wrong)
    with pytest.raises(AudioError, match="sample 1 is not finite"):
        PAPER.roundtrip(np.array([0.1, -np.inf]), 16_000)
    assert PAPER.identity.startswith("mp3-16000 libmp3lame libavcodec-") and av.__version__ in PAPER.identity
    assert Codec("mp3", 24_000).identity != PAPER.identity

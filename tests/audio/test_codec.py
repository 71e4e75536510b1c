"""Codec pairs: aligned, equally long, cut off where the papers' are, refused when they cannot be made."""

import io
import pickle
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
import scipy.signal
from helpers.measures import noise as uniform
from helpers.measures import plucked, shift
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nblib.audio import MP3_BITRATES, Codec, cutoff_hz
from nblib.errors import AudioError, ParameterError

PAPER = Codec()
OTHERS = [Codec("aac", 24_000), Codec("opus", 16_000)]


def noise(n: int) -> np.ndarray:
    return np.float32(0.3) * uniform(n, "codec")


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
    coded = codec.roundtrip(noise(n), rate)
    assert coded.dtype == np.float32 and coded.shape == (n,) and np.isfinite(coded).all()
    assert n < 2000 or shift(coded, noise(n)) == 0


def test_mp3_pairs_of_ten_minutes_do_not_drift():
    lossless = np.tile(noise(20 * 22_050), 30)
    coded = PAPER.roundtrip(lossless, 22_050)
    for part in (slice(60_000), slice(-60_000, None)):
        assert shift(coded[part], lossless[part]) == 0


@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_cutoff_of_16_kbps_mp3_lies_at_5500_hz(rate):
    for lossless in (plucked(6, rate), noise(6 * rate)):
        assert cutoff_hz(lossless, PAPER.roundtrip(lossless, rate), rate) == pytest.approx(5500, abs=150)


def test_with_the_bitrate_the_cutoff_rises_and_the_loss_shrinks():
    lossless = noise(4 * 16_000)
    coded = [Codec("mp3", bitrate).roundtrip(lossless, 16_000) for bitrate in (8000, 16_000, 64_000)]
    found = [cutoff_hz(lossless, each, 16_000) for each in coded]
    assert found == sorted(found) and found[0] < 4000 < 7000 < found[2]
    assert cutoff_hz(lossless, lossless, 16_000) == 511 * 16_000 / 1024
    errors = [np.square(each - lossless).sum() for each in coded]
    assert errors[0] > errors[1] > errors[2] > 0


@pytest.mark.parametrize("edge", [1000, 3000, 6500])
def test_cutoff_of_a_known_filter(edge):
    lossless = noise(60_000)
    response = scipy.signal.firwin(1001, edge, fs=16_000, window=("kaiser", 12))
    coded = np.convolve(lossless, response, "same").astype(np.float32)
    assert cutoff_hz(lossless, coded, 16_000) == pytest.approx(edge, abs=70)
    assert cutoff_hz(lossless, 0 * coded, 16_000) == 0
    with pytest.raises(AudioError, match="lossless: silent"):
        cutoff_hz(0 * lossless, coded, 16_000)


def test_pairs_are_the_same_every_time_in_any_thread_and_after_pickling():
    codec, signals = pickle.loads(pickle.dumps(PAPER)), [noise(20_000 + 7 * k) for k in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda samples: codec.roundtrip(samples, 22_050), signals))
    for samples, coded in zip(signals, found, strict=True):
        np.testing.assert_array_equal(coded, PAPER.roundtrip(samples, 22_050))


@pytest.mark.parametrize("codec", [PAPER, *OTHERS])
def test_full_scale_is_no_limit_and_silence_stays_silent(codec):
    lossless = noise(20_000) / np.abs(noise(20_000)).max()
    coded, loud = codec.roundtrip(lossless, 22_050), codec.roundtrip(8 * lossless, 22_050)
    np.testing.assert_allclose(loud, 8 * coded, atol=1e-4)  # 8 times float32's rounding of a decoder's sums
    assert np.abs(codec.roundtrip(np.zeros(5000), 22_050)).max() < 1e-4


def granted_bitrate(rate: int, bitrate: int) -> int:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout="mono", bit_rate=bitrate)
        frame = av.AudioFrame.from_ndarray(noise(rate // 4)[np.newaxis], "fltp", "mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        return container.streams.audio[0].codec_context.bit_rate


@pytest.mark.parametrize("rates", MP3_BITRATES)
def test_the_table_of_mp3_bitrates_is_what_the_encoder_grants(rates):
    for kilobits in MP3_BITRATES[rates]:
        assert granted_bitrate(rates[-1], 1000 * kilobits) == 1000 * kilobits
    below = 1000 * MP3_BITRATES[rates][0] - 4000
    assert granted_bitrate(rates[-1], below) != below


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
        codec.roundtrip(noise(1000), rate)


def test_an_unknown_codec_is_refused_and_a_known_one_tells_its_library():
    for wrong, message in ((("mp33", 16_000), "did you mean 'mp3'"), (("mp3", 16_000.0), "bitrate=16000.0")):
        with pytest.raises(ParameterError, match=message):
            Codec(*wrong)
    for message, samples in (("empty", np.zeros(0)), ("sample 1 is not finite", np.array([0.1, -np.inf]))):
        with pytest.raises(AudioError, match=message):
            PAPER.roundtrip(samples, 16_000)
    assert PAPER.identity.startswith("mp3-16000 libmp3lame libavcodec-") and av.__version__ in PAPER.identity
    assert Codec("mp3", 24_000).identity != PAPER.identity

"""Codec pairs: aligned, equally long, cut off where the papers' are, refused when they cannot be made."""

from __future__ import annotations

import io
import pickle
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
import scipy.signal
from hypothesis import example, given, settings
from hypothesis import strategies as st
from helpers.measures import noise as uniform
from helpers.measures import plucked, shift

from nblib.audio import MP3_BITRATES, Codec, cutoff_hz
from nblib.errors import AudioError, ParameterError

PAPER = Codec()
OTHERS = [Codec("aac", 24_000), Codec("opus", 16_000), Codec("flac", 0)]
RATES = (16_000, 22_050)


def noise(n: int) -> np.ndarray:
    return np.float32(0.3) * uniform(n, "codec")


def tones(n: int, rate: int) -> np.ndarray:
    """Inharmonic steady tones, whose correlation has its one highest peak at lag 0."""
    time = np.arange(n) / rate
    partials = (0.1 * np.sin(2 * np.pi * hz * time + hz) for hz in (131.3, 367.9, 811.7, 1733.1, 2909.3))
    return sum(partials).astype(np.float32)


def check_pair(lossless: np.ndarray, coded: np.ndarray) -> None:
    assert coded.dtype == np.float32 and coded.shape == lossless.shape
    assert np.isfinite(coded).all()
    if len(lossless) >= 2000:
        assert shift(coded, lossless) == 0


@settings(deadline=None, max_examples=80)
@given(n=st.one_of(st.integers(1, 2500), st.integers(2500, 60_000)), rate=st.sampled_from(RATES))
@example(n=1, rate=16_000)
@example(n=576, rate=16_000)
@example(n=1105, rate=22_050)
@example(n=1152, rate=22_050)
@example(n=1153, rate=22_050)
def test_mp3_pairs_have_lag_zero_and_equal_length(n, rate):
    check_pair(noise(n), PAPER.roundtrip(noise(n), rate))


@settings(deadline=None, max_examples=40)
@given(
    n=st.one_of(st.integers(1, 3000), st.integers(3000, 30_000)),
    codec=st.sampled_from([*OTHERS, Codec("mp3", 64_000)]),
    rate=st.sampled_from((16_000, 22_050, 44_100, 48_000)),
)
@example(n=1025, codec=Codec("aac", 24_000), rate=22_050)
@example(n=2049, codec=Codec("aac", 24_000), rate=44_100)
def test_other_codecs_have_lag_zero_and_equal_length(n, codec, rate):
    check_pair(noise(n), codec.roundtrip(noise(n), rate))


def test_mp3_pairs_of_ten_minutes_do_not_drift():
    rate = 22_050
    lossless = np.tile(noise(20 * rate), 30)
    coded = PAPER.roundtrip(lossless, rate)
    assert coded.shape == lossless.shape
    for start in (0, len(coded) // 2, len(coded) - 3 * rate):
        assert shift(coded[start : start + 3 * rate], lossless[start : start + 3 * rate]) == 0


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seconds", [0.3, 1.7, 8.0])
def test_tonal_pairs_are_aligned_too(rate, seconds):
    lossless = tones(int(seconds * rate), rate)
    coded = PAPER.roundtrip(lossless, rate)
    check_pair(lossless, coded)
    for part in (slice(0, rate // 4), slice(-rate // 4, None)):
        assert np.corrcoef(coded[part], lossless[part])[0, 1] > 0.95


@pytest.mark.parametrize("place", [0, 1, 500, 9998, 9999])
def test_a_click_stays_where_it_is_from_the_first_sample_to_the_last(place):
    lossless = np.zeros(10_000, np.float32)
    lossless[place] = 1
    assert abs(int(np.abs(Codec("mp3", 160_000).roundtrip(lossless, 22_050)).argmax()) - place) <= 1


@pytest.mark.parametrize("rate", RATES)
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


@pytest.mark.parametrize(
    ("lossless", "coded", "message"),
    [
        (noise(2000), noise(2001), "no pair"),
        (np.zeros(2000), noise(2000), "lossless: silent"),
        (noise(1023), noise(1023), "1023 samples are too short"),
        (noise(2000), np.full(2000, np.nan), "coded: sample 0"),
    ],
)
def test_cutoff_refuses_what_is_no_pair(lossless, coded, message):
    with pytest.raises(AudioError, match=message):
        cutoff_hz(lossless, coded, 16_000)


def test_pairs_are_the_same_every_time_in_any_thread_and_after_pickling():
    codec, signals = pickle.loads(pickle.dumps(PAPER)), [noise(20_000 + 7 * k) for k in range(8)]
    expected = [PAPER.roundtrip(samples, 22_050) for samples in signals]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda samples: codec.roundtrip(samples, 22_050), signals))
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("codec", [PAPER, *OTHERS])
def test_full_scale_is_no_limit_and_silence_stays_silent(codec):
    lossless = noise(20_000) / np.abs(noise(20_000)).max()
    coded, loud = codec.roundtrip(lossless, 22_050), codec.roundtrip(8 * lossless, 22_050)
    np.testing.assert_allclose(loud, 8 * coded, atol=1e-4)  # 8 times float32's rounding of a decoder's sums
    assert np.abs(codec.roundtrip(np.zeros(5000), 22_050)).max() < 1e-4


def test_flac_is_lossless_to_sixteen_bits():
    samples = noise(30_000)
    assert np.abs(Codec("flac", 0).roundtrip(samples, 22_050) - samples).max() <= 0.51 / 32768


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
        (PAPER, 44_100, "bitrate=16000.*44100 Hz.*lowest is 32000.*resample first"),
        (PAPER, 96_000, "sample_rate=96000.*resample first"),
        (Codec("mp3", 17_000), 16_000, "bitrate=17000.*8, 16, 24"),
        (Codec("mp3", 320_000), 22_050, "bitrate=320000"),
        (Codec("aac", 8000), 44_100, "bitrate=8000.*lowest it keeps to is 16000"),
        (Codec("aac", 128_000), 16_000, "bitrate=128000.*highest 64000"),
        (Codec("aac", 64_000), 96_000, "sample_rate=96000"),
        (Codec("opus", 2000), 48_000, "bitrate=2000 for opus"),
        (Codec("flac", 0), 0, "sample_rate=0"),
        (PAPER, 16_000.0, "sample_rate=16000.0"),
    ],
)
def test_a_bitrate_that_would_be_changed_in_silence_is_refused(codec, rate, message):
    with pytest.raises(ParameterError, match=message):
        codec.roundtrip(noise(1000), rate)


@pytest.mark.parametrize(
    ("name", "bitrate", "message"),
    [
        ("mp33", 16_000, "did you mean 'mp3'"),
        ("mp3", "16k", "bitrate='16k'"),
        ("mp3", 16_000.0, "bitrate=16000.0"),
        ("mp3", 0, "bitrate=0 for mp3"),
        ("flac", 16_000, "only flac"),
    ],
)
def test_an_unknown_codec_or_bitrate_is_refused(name, bitrate, message):
    with pytest.raises(ParameterError, match=message):
        Codec(name, bitrate)


def test_identity_tells_settings_and_library():
    assert PAPER.identity.startswith("mp3-16000 libmp3lame libavcodec-")
    assert av.__version__ in PAPER.identity
    assert Codec("mp3", 24_000).identity != PAPER.identity


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(0), "empty"),
        (np.array([0.1, 0.2, -np.inf]), "sample 2 is not finite"),
        (np.zeros((2, 100)), "one channel"),
        (np.zeros(100, np.int16), "int16"),
    ],
)
def test_what_is_no_signal_is_not_coded(samples, message):
    with pytest.raises(AudioError, match=message):
        PAPER.roundtrip(samples, 16_000)

"""Measures of an estimate: golden values of the packages called directly, hand-worked cases, hostile pairs."""

from __future__ import annotations

import math
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voice import NOISE, RATE, VOICE

from nblib.audio import Codec, resample
from nblib.errors import AudioError
from nblib.evaluation import estoi, hole_scores, metrics, pesq_wb, score, si_sdr_db
from nblib.evaluation.metrics import visqol_audio
from nblib.evaluation.spectra import holes

needs_pesq = pytest.mark.skipif(metrics.pesq_package is None, reason="pesq is not installed (it needs a C compiler)")
needs_visqol = pytest.mark.skipif(metrics._visqol() is None, reason="visqol-python is not installed (an extra)")

# pystoi 0.4.1 `stoi(voice, estimate, 16000, extended=True)` after np.random.seed(0), and pesq 0.0.4
# `pesq(16000, voice, estimate, "wb")`, called by a script of their own on these very signals.
GOLDEN = [
    (1.0, 0.4566553977508495, 1.028389573097229),
    (0.1, 0.8843442746135157, 1.1478979587554932),
    (0.02, 0.8968102450551305, 1.856177806854248),
    (0.005, 0.9344488034946122, 2.5788514614105225),
]


@pytest.mark.parametrize(("level", "expected_estoi", "expected_pesq"), GOLDEN)
def test_golden_values_of_the_packages_themselves(level, expected_estoi, expected_pesq):
    estimate = VOICE + np.float32(level) * NOISE
    assert estoi(VOICE, estimate, RATE) == pytest.approx(expected_estoi, abs=1e-6)
    if metrics.pesq_package is not None:
        assert pesq_wb(VOICE, estimate, RATE) == pytest.approx(expected_pesq, abs=1e-3)


@needs_pesq
def test_pesq_is_taken_at_16_khz_whatever_the_sample_rate():
    estimate = VOICE + np.float32(0.005) * NOISE
    reference, other = (resample(samples, RATE, 22_050) for samples in (VOICE, estimate))
    assert pesq_wb(reference, other, 22_050) == pytest.approx(pesq_wb(VOICE, estimate, RATE), abs=0.1)


def test_no_pesq_package_leaves_its_column_empty(monkeypatch):
    monkeypatch.setattr(metrics, "pesq_package", None)
    found = score(VOICE, VOICE + NOISE, RATE)
    assert math.isnan(found["pesq_wb"])
    assert math.isfinite(found["estoi"]) and math.isfinite(found["si_sdr_db"])


def test_estoi_neither_hangs_on_nor_moves_numpys_global_random_state():
    np.random.seed(5)  # noqa: NPY002
    first, drawn = estoi(VOICE, VOICE + NOISE, RATE), np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    assert np.random.random() == drawn  # noqa: NPY002
    assert estoi(VOICE, VOICE + NOISE, RATE) == first


# ViSQOL


def test_no_visqol_package_leaves_its_column_empty(monkeypatch):
    monkeypatch.setitem(sys.modules, "visqol", None)
    metrics._visqol.cache_clear()
    try:
        assert math.isnan(visqol_audio(VOICE, VOICE + NOISE, RATE))
    finally:
        metrics._visqol.cache_clear()


@needs_visqol
def test_visqol_is_the_packages_own_at_48_khz():
    # visqol-python 3.8.0 `measure_from_arrays(reference, estimate, 48000)` in audio mode, called by a script of its own
    # on these very signals as float64.
    generator = np.random.default_rng(2)
    reference = 0.1 * generator.standard_normal(96_000).astype(np.float32)
    estimate = reference + np.float32(0.03) * generator.standard_normal(96_000).astype(np.float32)
    assert visqol_audio(reference, reference, 48_000) == pytest.approx(4.732101253, abs=1e-4)
    assert visqol_audio(reference, estimate, 48_000) == pytest.approx(4.493599006, abs=1e-4)
    assert visqol_audio(reference, np.float32(0.1) * estimate, 48_000) == pytest.approx(4.493599006, abs=1e-4)


@needs_visqol
def test_visqol_ranks_bitrates_whatever_the_sample_rate():
    bitrates = [16_000, 32_000, 64_000]
    values = [visqol_audio(VOICE, Codec("mp3", bitrate).roundtrip(VOICE, RATE), RATE) for bitrate in bitrates]
    assert values == sorted(values) and values[0] < values[-1]


# SI-SDR by hand


def test_si_sdr_of_a_pair_worked_out_by_hand():
    # No means; target (1, -1, 1, -1), estimate = 2 * target + (1, 1, -1, -1): 10 log10(16 / 4)
    target, other = np.array([1.0, -1.0, 1.0, -1.0]), np.array([1.0, 1.0, -1.0, -1.0])
    assert si_sdr_db(target, 2 * target + other) == pytest.approx(10 * math.log10(4))
    # Means are no distortion, and lie in neither part.
    assert si_sdr_db(target + 3, 2 * target + other - 5) == pytest.approx(10 * math.log10(4))


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(-40, 40))
def test_si_sdr_of_uncorrelated_noise_is_the_snr_at_any_scale(factor, snr_db):
    generator = np.random.default_rng(3)
    target, noise = generator.standard_normal((2, 500))
    target -= target.mean()
    noise -= noise.mean() + target * (noise @ target) / (target @ target)
    noise *= np.sqrt(target @ target / (noise @ noise)) * 10 ** (-snr_db / 20)
    assert si_sdr_db(target, factor * (target + noise)) == pytest.approx(snr_db, abs=1e-6)


def test_si_sdr_at_its_ends():
    assert si_sdr_db(VOICE, np.zeros_like(VOICE)) == -math.inf
    assert si_sdr_db(VOICE, np.full_like(VOICE, 0.25)) == -math.inf
    assert si_sdr_db(VOICE, np.float32(0.5) * VOICE) > 300
    ramp = np.array([1.0, -1.0])
    assert si_sdr_db(ramp, ramp) == math.inf


# Hostile pairs


@pytest.mark.parametrize(
    "measure",
    [
        estoi,
        pesq_wb,
        visqol_audio,
        lambda reference, estimate, _: si_sdr_db(reference, estimate),
        lambda reference, estimate, rate: score(reference, estimate, rate, ["two_f"]),
        lambda reference, estimate, rate: score(reference, estimate, rate, ["sdr_db", "sir_db"], NOISE),
    ],
)
@pytest.mark.parametrize(
    ("reference", "estimate", "message"),
    [
        (VOICE, VOICE[:-1], r"reference \(48000,\) and estimate \(47999,\): two mono signals of one length"),
        (np.stack([VOICE, VOICE]), np.stack([VOICE, VOICE]), "two mono signals of one length"),
        (VOICE[:0], VOICE[:0], "reference: empty"),
        (np.zeros_like(VOICE), VOICE, "reference: silent"),
        (np.where(np.arange(48_000) == 7, np.nan, VOICE), VOICE, "reference: sample 7 is not finite"),
        (VOICE, np.where(np.arange(48_000) == 9, np.inf, VOICE), "estimate: sample 9 is not finite"),
        (VOICE.astype(np.int16), VOICE.astype(np.int16), "reference: samples of type int16"),
    ],
)
def test_a_pair_that_is_wrong_in_itself_is_an_error(measure, reference, estimate, message):
    with pytest.raises(AudioError, match=message):
        measure(reference, estimate, RATE)


def test_a_constant_reference_is_silence_to_si_sdr():
    with pytest.raises(AudioError, match="reference without its mean: silent"):
        si_sdr_db(np.full_like(VOICE, 0.5), VOICE)


@pytest.mark.parametrize("n", [1, 2, 100, 500, 1000, 3000, 6000])
def test_what_is_too_short_is_nan_and_not_a_crash(n):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(estoi(VOICE[:n] + np.float32(0.1), NOISE[:n], RATE))
        found = pesq_wb(VOICE[:n] + np.float32(0.1), NOISE[:n], RATE)
        row = score(VOICE[:n] + np.float32(0.1), VOICE[:n], RATE, ["sar_db", "odg", "visqol_audio"], NOISE[:n])
    assert math.isnan(found) or n >= RATE / 4
    assert math.isnan(row["sar_db"]) or n >= 1024
    assert math.isnan(row["odg"]) and math.isnan(row["visqol_audio"])


@needs_visqol
@pytest.mark.parametrize(("n", "measured"), [(15_359, False), (15_360, True), (15_361, True)])
def test_visqol_needs_960_ms(n, measured):
    assert math.isfinite(visqol_audio(VOICE[:n], VOICE[:n], RATE)) == measured


def test_a_click_has_too_little_speech_for_estoi():
    click = np.zeros_like(VOICE)
    click[20_000] = 0.5
    assert math.isnan(estoi(click, VOICE, RATE))


# Spectral holes


def test_holes_are_what_the_codec_took_out_of_what_could_be_heard():
    lossless = np.array([[0.1, 0.1, 0.1, 1e-5]])
    coded = np.array([[0.1, 0.02, 0.009, 0.0]])
    assert holes(lossless, coded).tolist() == [[False, False, True, False]]


def test_hole_scores_worked_out_by_hand():
    lossless = np.full((2, 4, 2), 0.1)
    coded, emulated = lossless.copy(), lossless.copy()
    coded[0, :2] = 0.0  # four holes in the part that counts
    emulated[0, 0] = 0.0  # finds two of them
    emulated[1, 0, 0] = 0.0  # and one that is none
    emulated[:, 3] = coded[:, 3] = 0.0  # over the cut-off nothing counts
    found = hole_scores(lossless, coded, emulated, below_bin=3)
    assert found == pytest.approx({"hole_share": 4 / 12, "hole_precision": 2 / 3, "hole_recall": 2 / 4})


def test_no_holes_have_no_precision_and_no_recall():
    lossless = np.full((1, 2, 2), 0.1)
    found = hole_scores(lossless, lossless, lossless, below_bin=2)
    assert found["hole_share"] == 0
    assert math.isnan(found["hole_precision"]) and math.isnan(found["hole_recall"])

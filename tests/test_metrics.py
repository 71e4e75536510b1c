"""Measures of an estimate: golden values of the packages called directly, hand-worked cases, hostile pairs."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nblib.errors import AudioError
from nblib.evaluation import estoi, hole_scores, metrics, pesq_wb, score, si_sdr_db
from nblib.evaluation.spectra import holes

RATE = 16_000
needs_pesq = pytest.mark.skipif(metrics.pesq_package is None, reason="pesq is not installed (it needs a C compiler)")


def voice_and_noise(n: int = 48_000) -> tuple[np.ndarray, np.ndarray]:
    """A buzz with the pitch and the syllables of speech, and white noise."""
    generator = np.random.default_rng(1)
    seconds = np.arange(n) / RATE
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * seconds)) / RATE
    buzz = sum(np.sin(k * phase + generator.uniform(0, 6.28)) / k for k in range(1, 25))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * seconds), 0, 1) ** 0.5 * (np.sin(2 * np.pi * 0.4 * seconds) > -0.6)
    voice = buzz * syllables
    return (0.3 * voice / np.abs(voice).max()).astype(np.float32), (0.05 * generator.standard_normal(n)).astype(
        np.float32
    )


VOICE, NOISE = voice_and_noise()

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
    reference, other = (metrics.resample(samples, RATE, 22_050) for samples in (VOICE, estimate))
    assert pesq_wb(reference, other, 22_050) == pytest.approx(pesq_wb(VOICE, estimate, RATE), abs=0.1)


def test_less_noise_scores_better_and_an_equal_pair_best():
    levels = [1.0, 0.1, 0.02, 0.0]
    scores = [score(VOICE, VOICE + np.float32(level) * NOISE, RATE) for level in levels]
    for name in ("estoi", "si_sdr_db") + (("pesq_wb",) if metrics.pesq_package else ()):
        values = [found[name] for found in scores]
        assert values == sorted(values), name
    assert scores[-1]["estoi"] == pytest.approx(1.0)


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


@pytest.mark.parametrize("measure", [estoi, pesq_wb, lambda reference, estimate, _: si_sdr_db(reference, estimate)])
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
    assert math.isnan(found) or n >= RATE / 4


def test_a_click_has_too_little_speech_for_estoi():
    click = np.zeros_like(VOICE)
    click[20_000] = 0.5
    assert math.isnan(estoi(click, VOICE, RATE))


@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-6, 1e-3])
def test_a_silent_or_almost_silent_estimate_has_scores(level):
    found = score(VOICE, np.float32(level) * (VOICE + NOISE), RATE)
    assert found["estoi"] < 0.6
    assert found["si_sdr_db"] < 4
    assert math.isnan(found["pesq_wb"]) or 1 < found["pesq_wb"] < 4.65


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

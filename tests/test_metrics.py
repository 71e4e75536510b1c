"""Measures of an estimate: golden values of the packages called directly, hand-worked cases, hostile pairs."""

from __future__ import annotations

import math
import sys
import types
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nblib.audio import Codec, resample
from nblib.errors import AudioError, ParameterError
from nblib.evaluation import estoi, hole_scores, metrics, pesq_wb, score, si_sdr_db
from nblib.evaluation.metrics import DEFAULT_MEASURES, MEASURES, visqol_audio
from nblib.evaluation.separation import bss_eval
from nblib.evaluation.spectra import holes

RATE = 16_000
needs_pesq = pytest.mark.skipif(metrics.pesq_package is None, reason="pesq is not installed (it needs a C compiler)")
needs_visqol = pytest.mark.skipif(metrics._visqol() is None, reason="visqol-python is not installed (an extra)")
INSTALLED = [
    name
    for name in MEASURES
    if not (name == "pesq_wb" and metrics.pesq_package is None)
    and not (name == "visqol_audio" and metrics._visqol() is None)
]
LOWER_IS_BETTER = ("nmr_db",)
# PEAQ's bandwidth, and with it its grade, is undefined where the reference nowhere tops the noise above 8 kHz.
GRADE_NOISE = [name for name in INSTALLED if name != "odg"]


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
    reference, other = (resample(samples, RATE, 22_050) for samples in (VOICE, estimate))
    assert pesq_wb(reference, other, 22_050) == pytest.approx(pesq_wb(VOICE, estimate, RATE), abs=0.1)


def test_less_noise_scores_better_and_an_equal_pair_best():
    levels = [1.0, 0.1, 0.02, 0.0]
    scores = [score(VOICE, VOICE + np.float32(level) * NOISE, RATE, GRADE_NOISE, NOISE) for level in levels]
    for name in GRADE_NOISE:
        values = [-found[name] if name in LOWER_IS_BETTER else found[name] for found in scores]
        assert values == sorted(values) and math.isfinite(sum(values)), name
    assert scores[-1]["estoi"] == pytest.approx(1.0)
    assert scores[-1]["sdr_db"] == pytest.approx(100, abs=0.1)


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


# The row of measures


def test_by_default_the_row_is_that_of_speech():
    estimate = VOICE + NOISE
    expected = {
        "estoi": estoi(VOICE, estimate, RATE),
        "pesq_wb": pesq_wb(VOICE, estimate, RATE),
        "si_sdr_db": si_sdr_db(VOICE, estimate),
    }
    found = score(VOICE, estimate, RATE)
    assert list(found) == list(expected) == list(DEFAULT_MEASURES)
    assert found == pytest.approx(expected, nan_ok=True)


def test_the_row_has_what_was_asked_in_the_order_asked():
    asked = ["sar_db", "si_sdr_db", "sdr_db", "estoi"]
    assert list(score(VOICE, VOICE + NOISE, RATE, asked, NOISE)) == asked
    assert score(VOICE, VOICE, RATE, []) == {}


def test_every_measure_stands_in_the_table_of_the_docstring():
    lines = [line.split() for line in score.__doc__.splitlines()]
    assert [line[0].strip("`") for line in lines if line and line[0].startswith("``")] == list(MEASURES)


def test_an_unknown_measure_names_the_near_miss_before_anything_is_measured():
    with pytest.raises(ParameterError, match=r"measure='sdr' is not known: .*did you mean 'sdr_db'"):
        score(np.zeros_like(VOICE), VOICE, RATE, ["estoi", "sdr"])


@pytest.mark.parametrize("name", ["sir_db", "sar_db"])
def test_the_other_sources_are_asked_for_where_they_are_needed(name):
    with pytest.raises(ParameterError, match=f"measure='{name}' needs interference=, the other true sources"):
        score(VOICE, VOICE + NOISE, RATE, ["estoi", name])


def test_bss_eval_in_a_row_is_that_of_all_sources_together():
    estimate = np.float32(0.7) * VOICE + np.float32(0.2) * NOISE
    residue = VOICE + NOISE - estimate
    expected = [ratio[0] for ratio in bss_eval(np.stack([VOICE, NOISE]), np.stack([estimate, residue]))]
    asked = ["sdr_db", "sir_db", "sar_db"]
    for interference in (NOISE, NOISE[np.newaxis]):
        found = score(VOICE, estimate, RATE, asked, interference)
        assert list(found.values()) == pytest.approx(expected, abs=1e-6)
    assert score(VOICE, estimate, RATE, ["sdr_db"])["sdr_db"] == pytest.approx(expected[0], abs=1e-6)


@pytest.mark.parametrize(
    ("interference", "message"),
    [
        (NOISE[:-1], r"interference \(47999,\): mono signals of the reference's length are needed"),
        (np.stack([NOISE, NOISE]).T, "n = 48000"),
        (np.zeros_like(NOISE), r"references\[1\]: silent"),
    ],
)
def test_an_interference_that_is_wrong_in_itself_is_an_error(interference, message):
    with pytest.raises(AudioError, match=message):
        score(VOICE, VOICE + NOISE, RATE, ["sir_db"], interference)


def test_peaq_is_run_once_for_its_three_measures_and_never_unasked(monkeypatch):
    calls = []

    def peaq_basic(reference, estimate, sample_rate):
        calls.append((reference, estimate, sample_rate))
        return {"two_f": 61.0, "odg": -1.5, "TotalNMRB": -9.0, "reason": ""}

    module = types.ModuleType("nblib.evaluation.peaq")
    monkeypatch.setattr(module, "peaq_basic", peaq_basic, raising=False)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    found = score(VOICE, NOISE, RATE, ["nmr_db", "two_f", "si_sdr_db", "odg"])
    assert found | {"si_sdr_db": 0.0} == {"nmr_db": -9.0, "two_f": 61.0, "si_sdr_db": 0.0, "odg": -1.5}
    assert len(calls) == 1
    assert calls[0][0] is VOICE and calls[0][1] is NOISE and calls[0][2] == RATE
    score(VOICE, NOISE, RATE)
    assert len(calls) == 1


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**31), st.floats(-40, -10))
def test_no_noisy_estimate_is_better_than_the_reference_itself(seed, level_db):
    noise = np.random.default_rng(seed).standard_normal(len(VOICE)).astype(np.float32)
    asked = [name for name in GRADE_NOISE if name != "sir_db"]  # noise is no interference
    perfect, noisy = (
        score(VOICE, VOICE + np.float32(gain) * noise, RATE, asked, NOISE) for gain in (0, 10 ** (level_db / 20))
    )
    for name in asked:
        sign = -1 if name in LOWER_IS_BETTER else 1
        assert sign * perfect[name] >= sign * noisy[name], name


@settings(max_examples=5, deadline=None)
@given(st.floats(-20, 0))
def test_no_gain_of_the_estimate_counts_where_the_measure_has_no_level(gain_db):
    tolerances = dict.fromkeys(["si_sdr_db", "sdr_db", "sir_db", "sar_db", "visqol_audio"], 1e-3) | {"estoi": 1e-4}
    asked = [name for name in tolerances if name in INSTALLED]
    estimate = VOICE + np.float32(0.1) * NOISE
    expected = score(VOICE, estimate, RATE, asked, NOISE)
    found = score(VOICE, np.float32(10 ** (gain_db / 20)) * estimate, RATE, asked, NOISE)
    for name in asked:
        assert found[name] == pytest.approx(expected[name], abs=tolerances[name]), name


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


@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-6, 1e-3])
def test_a_silent_or_almost_silent_estimate_has_a_row(level):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(VOICE, np.float32(level) * (VOICE + NOISE), RATE, list(MEASURES), NOISE)
    assert found["estoi"] < 0.6
    assert found["si_sdr_db"] < 4
    assert math.isnan(found["pesq_wb"]) or 1 < found["pesq_wb"] < 4.65
    for name in ("sdr_db", "sir_db", "sar_db"):
        assert math.isnan(found[name]) == (level < 1e-3), name
    assert math.isnan(found["visqol_audio"]) == (level < 1e-3 or "visqol_audio" not in INSTALLED)
    assert level > 0 or all(math.isnan(found[name]) for name in ("two_f", "odg", "nmr_db"))


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

"""SNR, SI-SDR, BSS-eval, ESTOI, PESQ, ViSQOL and the row of measures: golden values, definitions, hostile signals."""

import math
import sys
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
import scipy.signal
from helpers.measures import NOISE, VOICE
from helpers.measures import VOICE_RATE as RATE
from hypothesis import given, settings
from hypothesis import strategies as st

from nblib.audio import resample
from nblib.errors import AudioError, ParameterError
from nblib.evaluation import MEASURES, bss_eval, estoi, frame_snr, metrics, peaq_basic, pesq_wb, score, si_sdr_db
from nblib.evaluation import visqol_audio as visqol
from nblib.evaluation.metrics import FILTER_TAPS, LIMIT_DB

PACKAGES = {"pesq_wb": find_spec("pesq"), "visqol_audio": find_spec("visqol")}
INSTALLED = [name for name in MEASURES if PACKAGES.get(name, True) is not None]
MUSIC, ERROR = np.random.default_rng(3).standard_normal((2, 10_000)) * [[0.1], [1]]


def noisy(level: float) -> np.ndarray:
    return VOICE + np.float32(level) * NOISE


@pytest.mark.parametrize(
    ("level", "expected_estoi", "expected_pesq"),
    [
        (1.0, 0.4566553977508495, 1.028389573097229),
        (0.1, 0.8843442746135157, 1.1478979587554932),
        (0.02, 0.8968102450551305, 1.856177806854248),
        (0.005, 0.9344488034946122, 2.5788514614105225),
    ],
)
def test_golden_values_of_the_packages_themselves(level, expected_estoi, expected_pesq):
    # pystoi 0.4.1 `stoi(voice, estimate, 16000, extended=True)` after np.random.seed(0), and pesq 0.0.4
    # `pesq(16000, voice, estimate, "wb")`, called by a script of their own on these very signals.
    assert estoi(VOICE, noisy(level), RATE) == pytest.approx(expected_estoi, abs=1e-4)
    if PACKAGES["pesq_wb"] is not None:
        assert pesq_wb(VOICE, noisy(level), RATE) == pytest.approx(expected_pesq, abs=1e-2)
        other_rate = (resample(samples, RATE, 22_050) for samples in (VOICE, noisy(level)))
        assert pesq_wb(*other_rate, 22_050) == pytest.approx(expected_pesq, abs=0.1)


@pytest.mark.skipif(PACKAGES["visqol_audio"] is None, reason="visqol-python is not installed (an extra)")
def test_visqol_is_the_packages_own_at_48_khz():
    # visqol-python 3.8.0 `measure_from_arrays(reference, estimate, 48000)` in audio mode, called by a script of its own
    # on these very signals as float64.
    generator = np.random.default_rng(2)
    reference = 0.1 * generator.standard_normal(96_000).astype(np.float32)
    estimate = reference + np.float32(0.03) * generator.standard_normal(96_000).astype(np.float32)
    assert visqol(reference, reference, 48_000) == pytest.approx(4.732101253, abs=1e-3)
    for gain in (1, 0.1):
        assert visqol(reference, np.float32(gain) * estimate, 48_000) == pytest.approx(4.493599006, abs=1e-3)
    assert [math.isfinite(visqol(VOICE[:n], VOICE[:n], RATE)) for n in (15_359, 15_360)] == [False, True]


def test_a_missing_package_leaves_its_column_empty(monkeypatch):
    for package in ("pesq", "visqol"):
        monkeypatch.setitem(sys.modules, package, None)
    metrics._visqol.cache_clear()
    found = score(VOICE, noisy(1), RATE, ["visqol_audio", "estoi", "pesq_wb", "si_sdr_db"])
    assert [name for name, value in found.items() if math.isnan(value)] == ["visqol_audio", "pesq_wb"]


def test_estoi_neither_hangs_on_nor_moves_numpys_global_random_state():
    np.random.seed(5)  # noqa: NPY002
    first, drawn = estoi(VOICE, noisy(1), RATE), np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    assert np.random.random() == drawn  # noqa: NPY002
    assert estoi(VOICE, noisy(1), RATE) == first


def test_the_row_has_what_was_asked_in_the_order_asked():
    estimate = np.float32(0.7) * VOICE + np.float32(0.2) * NOISE
    asked = ["sar_db", "nmr_db", "si_sdr_db", "sdr_db", "sir_db"]
    found = score(VOICE, estimate, RATE, asked, NOISE[np.newaxis])
    assert list(found) == asked
    together = bss_eval(np.stack([VOICE, NOISE]), np.stack([estimate, VOICE + NOISE - estimate]))
    ratios = [found[name] for name in ("sdr_db", "sir_db", "sar_db")]
    assert ratios == pytest.approx([ratio[0] for ratio in together], abs=1e-5)
    assert score(VOICE, estimate, RATE, ["sdr_db"])["sdr_db"] == pytest.approx(ratios[0], abs=1e-5)
    assert found["nmr_db"] == peaq_basic(VOICE, estimate, RATE)["TotalNMRB"]
    default = [estoi(VOICE, estimate, RATE), pesq_wb(VOICE, estimate, RATE), si_sdr_db(VOICE, estimate)]
    assert list(score(VOICE, estimate, RATE).values()) == pytest.approx(default, nan_ok=True)


def test_less_noise_scores_better_and_an_equal_pair_best_and_a_gain_costs_nothing():
    scores = [score(VOICE, noisy(level), RATE, INSTALLED, NOISE) for level in (1.0, 0.1, 0.02, 0.0)]
    for name in INSTALLED:
        values = [-found[name] if name == "nmr_db" else found[name] for found in scores]
        assert values == sorted(values) and math.isfinite(sum(values)), name
    assert scores[-1]["estoi"] == pytest.approx(1.0)
    without_level = [name for name in INSTALLED if name not in ("pesq_wb", "two_f", "odg", "nmr_db")]
    softer = score(VOICE, np.float32(0.3) * noisy(0.1), RATE, without_level, NOISE)
    assert softer == pytest.approx({name: scores[1][name] for name in without_level}, abs=1e-3)


@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-6, 1e-3])
def test_a_silent_or_almost_silent_estimate_has_a_row(level):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(VOICE, np.float32(level) * noisy(1), RATE, list(MEASURES), NOISE)
    assert found["estoi"] < 0.6 and found["si_sdr_db"] < 4
    assert math.isnan(found["pesq_wb"]) or 1 < found["pesq_wb"] < 4.65
    for name in ("sdr_db", "sir_db", "sar_db", "visqol_audio"):
        assert math.isnan(found[name]) == (level < 1e-3 or name not in INSTALLED), name
    assert level > 0 or all(math.isnan(found[name]) for name in ("two_f", "odg", "nmr_db"))


@pytest.mark.parametrize("n", [1, 2, 100, 500, 1000, 3000, 6000])
def test_what_is_too_short_is_nan_and_not_a_crash(n):
    reference = VOICE[:n] + np.float32(0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = score(reference, NOISE[:n], RATE, ["estoi", "pesq_wb", "sar_db", "odg", "visqol_audio"], VOICE[:n] + 1)
    assert all(math.isnan(row[name]) for name in ("estoi", "odg", "visqol_audio"))
    assert math.isnan(row["pesq_wb"]) or n >= RATE / 4
    assert math.isnan(row["sar_db"]) or n >= 1024
    assert math.isnan(estoi(np.where(np.arange(48_000) == 20_000, 0.5, 0.0), VOICE, RATE))


@pytest.mark.parametrize(
    ("measures", "interference", "error", "message"),
    [
        (["sdr"], None, ParameterError, r"measure='sdr' is not known: .*did you mean 'sdr_db'"),
        (["sir_db"], None, ParameterError, "measure='sir_db' needs interference=, the other true sources"),
        (["sir_db"], NOISE[:-1], AudioError, r"interference \(1, 47999\): .* n = 48000"),
    ],
)
def test_what_cannot_be_asked_is_refused(measures, interference, error, message):
    with pytest.raises(error, match=message):
        score(VOICE, noisy(1), RATE, ["estoi", *measures], interference)


SINGLE = [estoi, pesq_wb, visqol, score, lambda *pair: frame_snr(*pair[:2]), lambda *pair: si_sdr_db(*pair[:2])]


@pytest.mark.parametrize(
    ("measures", "reference", "estimate", "message"),
    [
        (SINGLE, VOICE, VOICE[:-1], r"reference \(48000,\) and estimate \(47999,\): mono signals of one shape"),
        (SINGLE, VOICE, np.where(np.arange(48_000) == 9, np.inf, VOICE), "estimate: sample 9 is not finite"),
        (SINGLE[:4], np.zeros_like(VOICE), VOICE, "reference: silent"),
        (SINGLE[-1:], np.full_like(VOICE, 0.5), VOICE, "reference without its mean: silent"),
    ],
)
def test_a_pair_that_is_wrong_in_itself_is_an_error(measures, reference, estimate, message):
    for measure in measures:
        with pytest.raises(AudioError, match=message):
            measure(reference, estimate, RATE)


def test_frames_by_a_plain_loop_and_the_other_readings():
    original, estimate = MUSIC.astype(np.float32), (MUSIC + 0.01 * ERROR).astype(np.float32)
    scores, found = frame_snr(original, estimate, 3000), []
    for start in (0, 3000, 6000):
        pairs = [(float(original[index]), float(estimate[index])) for index in range(start, start + 3000)]
        found.append(10 * math.log10(sum(o**2 for o, _ in pairs) / sum((o - e) ** 2 for o, e in pairs)))
    assert scores["snr_db"] == pytest.approx(sum(found) / 3, abs=1e-9)
    assert scores["frames"] == 3  # the last thousand samples are dropped
    assert scores["snr_20log_db"] == pytest.approx(2 * scores["snr_db"])
    assert scores["snr_10ln"] == pytest.approx(math.log(10) * scores["snr_db"])
    assert frame_snr(np.full(8, 0.5), np.full(8, 0.4))["psnr_db"] == pytest.approx(20)
    assert frame_snr(MUSIC, MUSIC + ERROR) == frame_snr(MUSIC, MUSIC + ERROR, len(MUSIC))  # shorter than a frame


@pytest.mark.parametrize(
    ("original", "error", "snr_db", "frames"),
    [
        (np.ones(200), np.repeat([0.1, 0.001], 100), (20 + 60) / 2, (2, 0)),  # decibels are averaged, not energies
        (np.repeat([0.0, 1.0], [100, 200]), np.full(300, 0.1), 20, (2, 1)),  # silent frames are left out
        (np.zeros(300), np.ones(300), math.nan, (0, 3)),
        (np.ones(200), np.repeat([0.0, 0.1], 100), math.inf, (2, 0)),  # a frame without error
    ],
)
def test_degenerate_frames(original, error, snr_db, frames):
    scores = frame_snr(original, original + error, 100)
    assert (scores.pop("frames"), scores.pop("frames_left_out")) == frames
    assert scores["snr_db"] == pytest.approx(snr_db, nan_ok=True)
    assert all(math.isfinite(value) == math.isfinite(snr_db) for value in scores.values())


def test_si_sdr_of_a_pair_worked_out_by_hand():
    # Target (1, -1, 1, -1), estimate = 2 * target + (1, 1, -1, -1): 10 log10(16 / 4); means lie in neither part.
    target, other = np.array([1.0, -1.0, 1.0, -1.0]), np.array([1.0, 1.0, -1.0, -1.0])
    for factor, mean in ((1e-3, 0), (-1, 3), (1e3, -5)):
        assert si_sdr_db(target - mean, factor * (2 * target + other) + mean) == pytest.approx(10 * math.log10(4))
    assert si_sdr_db(VOICE, np.zeros_like(VOICE)) == si_sdr_db(VOICE, np.full_like(VOICE, 0.25)) == -math.inf
    assert si_sdr_db(VOICE, np.float32(0.5) * VOICE) > 250
    assert si_sdr_db(np.array([1.0, -1.0]), np.array([1.0, -1.0])) == math.inf


def three_sources(n: int = 24_000) -> tuple[np.ndarray, np.ndarray]:
    """Coloured noises, and estimates with leakage, noise and, in the second, a filter."""
    generator = np.random.default_rng(7)
    references = np.stack([np.convolve(generator.standard_normal(n), np.hanning(k), "same") for k in (5, 17, 3)])
    references = 0.3 * references / np.abs(references).max(axis=1, keepdims=True)
    leakage = np.array([[1, 0.2, 0.05], [0.3, 0.8, 0.1], [0.02, 0.1, 1]])
    estimates = leakage @ references + np.array([[0.001], [0.01], [0.1]]) * generator.standard_normal((3, n))
    estimates[1] = np.convolve(estimates[1], [0.5, 0.3, -0.2])[:n]
    return references, estimates


SOURCES, ESTIMATES = three_sources(4000)


def projected(references: np.ndarray, estimate: np.ndarray, taps: int, rank: float = 1e-12) -> list[float]:
    """SDR, SIR and SAR of an estimate of the first reference by least squares on all shifts, from the definition."""
    n = references.shape[1]
    shifts = np.zeros((len(references), n + taps - 1, taps))
    for delay in range(taps):
        shifts[:, delay : delay + n, delay] = references
    padded = np.concatenate([estimate, np.zeros(taps - 1)])
    parts = [shifts[0], np.concatenate(list(shifts), axis=1)]
    target, allowed = (part @ np.linalg.lstsq(part, padded, rcond=rank)[0] for part in parts)
    ratios = [(target, padded - target), (target, allowed - target), (allowed, padded - allowed)]
    least = 10 ** (-LIMIT_DB / 10)
    return [-10 * math.log10(max((rest @ rest) / (signal @ signal), least)) for signal, rest in ratios]


def test_golden_values_of_mir_eval():
    # mir_eval 0.8.2 `separation.bss_eval_sources(references, estimates, compute_permutation=False)`; museval 0.4.1
    # `bss_eval(..., bsseval_sources_version=True)` over one window gives the same to all digits that it prints.
    expected = [
        [12.843654915578801, 7.701232594600105, -1.9203294190917133],
        [12.858482013679035, 8.309631830669153, 11.21248386933413],
        [37.73759189655744, 17.13567973305391, -1.387249287053291],
    ]
    np.testing.assert_allclose(bss_eval(*three_sources()), expected, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(-20, 20), st.floats(-20, 20), st.integers(1, 3))
def test_the_definition_written_out_gives_the_same(seed, leakage_db, noise_db, sources):
    generator = np.random.default_rng(seed)
    references = generator.standard_normal((sources, 400))
    others = references[1:].sum(axis=0) + 0.1 * references[0]
    estimate = references[0] + 10 ** (leakage_db / 20) * others + 10 ** (noise_db / 20) * generator.standard_normal(400)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "FILTER_TAPS", 32)
        found = [ratio[0] for ratio in bss_eval(references, np.broadcast_to(estimate, references.shape))]
    assert found == pytest.approx(projected(references, estimate, taps=32), abs=1e-5)


def test_float32_samples_with_nothing_over_a_cut_off():
    generator, n = np.random.default_rng(0), 6000
    low_pass = scipy.signal.ellip(12, 0.1, 120, 0.2, output="sos")
    music = scipy.signal.sosfiltfilt(low_pass, generator.standard_normal(n)) * np.hanning(n) ** 2
    references = np.stack([music, generator.standard_normal(n)]).astype(np.float32)
    estimate = references[0] + 0.3 * references[1] + 0.1 * music.std() * generator.standard_normal(n)
    found = [ratio[0] for ratio in bss_eval(references, np.stack([estimate, estimate]))]
    assert found == pytest.approx(projected(references, estimate, FILTER_TAPS, rank=1e-6), abs=0.1)


def test_an_equaliser_and_a_delay_within_the_filter_cost_nothing_and_the_limits_hold():
    references, _ = three_sources()
    references[:, -1024:] = 0.0
    echo = np.zeros(FILTER_TAPS)
    echo[[0, 100, FILTER_TAPS - 1]] = [0.5, -0.2, 0.1]
    filtered = np.stack([np.convolve(source, echo)[: references.shape[1]] for source in references])
    assert (np.array(bss_eval(references, filtered)) > 90).all()
    assert (bss_eval(references, np.roll(references, FILTER_TAPS + 100, axis=1))[0] < 10).all()
    np.testing.assert_allclose(bss_eval(SOURCES, SOURCES), LIMIT_DB, atol=0.1)
    early, late = np.zeros((2, 1, 4000))
    early[0, :1000], late[0, 2000:3000] = SOURCES[0, :1000], SOURCES[0, :1000]
    assert bss_eval(early, late)[0] == -LIMIT_DB


def test_sources_that_cannot_be_measured_are_nan_and_leave_the_others_alone():
    expected = np.array(bss_eval(SOURCES, ESTIMATES))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for level in (0.0, 1e-30, 1e-6):
            found = np.array(bss_eval(SOURCES, ESTIMATES * [[1], [level], [1]]))
            assert np.isnan(found[:, 1]).all()
            np.testing.assert_allclose(found[:, [0, 2]], expected[:, [0, 2]], atol=1e-5)
        for n in (1, 511, 1535, 1536):  # the filters have 3 * 512 taps
            assert np.isfinite(bss_eval(SOURCES[:, :n], ESTIMATES[:, :n])).all() == (n >= 3 * FILTER_TAPS)
        assert np.isfinite(bss_eval(SOURCES[[0, 0]], ESTIMATES[[0, 1]])).all()  # equal sources
        backwards = bss_eval(SOURCES[::-1].astype(np.float32), ESTIMATES[::-1])  # odd memory
    np.testing.assert_allclose(backwards, expected[:, ::-1], atol=1e-3)
    for references, estimates, message in (
        (SOURCES, ESTIMATES[:2], r"reference \(3, 4000\) and estimate \(2, 4000\): mono signals of one shape"),
        (SOURCES * [[1], [0], [1]], ESTIMATES, r"references\[1\]: silent"),
    ):
        with pytest.raises(AudioError, match=message):
            bss_eval(references, estimates)

"""SNR, SI-SDR and BSS-eval: golden values of mir_eval, definitions written out here, degenerate and hostile signals."""

import math
import warnings

import numpy as np
import pytest
import scipy.signal
from helpers.measures import VOICE
from hypothesis import given, settings
from hypothesis import strategies as st

from nblib.errors import AudioError
from nblib.evaluation import bss_eval, frame_snr, si_sdr_db, waveform
from nblib.evaluation.waveform import FILTER_TAPS, LIMIT_DB

MUSIC, NOISE = np.random.default_rng(3).standard_normal((2, 10_000)) * [[0.1], [1]]


def test_frames_by_a_plain_loop_and_the_other_readings():
    original, estimate = MUSIC.astype(np.float32), (MUSIC + 0.01 * NOISE).astype(np.float32)
    scores, found = frame_snr(original, estimate, 3000), []
    for start in (0, 3000, 6000):
        pairs = [(float(original[index]), float(estimate[index])) for index in range(start, start + 3000)]
        found.append(10 * math.log10(sum(o**2 for o, _ in pairs) / sum((o - e) ** 2 for o, e in pairs)))
    assert scores["snr_db"] == pytest.approx(sum(found) / 3, abs=1e-9)
    assert scores["frames"] == 3  # the last thousand samples are dropped
    assert scores["snr_20log_db"] == pytest.approx(2 * scores["snr_db"])
    assert scores["snr_10ln"] == pytest.approx(math.log(10) * scores["snr_db"])
    softer = frame_snr(0.1 * MUSIC, 0.1 * (MUSIC + 0.01 * NOISE), 3000)
    assert softer["snr_db"] == pytest.approx(scores["snr_db"], abs=1e-4)
    assert softer["psnr_db"] == pytest.approx(scores["psnr_db"] + 20, abs=1e-4)
    assert frame_snr(np.full(8, 0.5), np.full(8, 0.4))["psnr_db"] == pytest.approx(20)
    assert frame_snr(MUSIC, MUSIC + NOISE) == frame_snr(MUSIC, MUSIC + NOISE, len(MUSIC))  # shorter than a frame


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
    # No means; target (1, -1, 1, -1), estimate = 2 * target + (1, 1, -1, -1): 10 log10(16 / 4)
    target, other = np.array([1.0, -1.0, 1.0, -1.0]), np.array([1.0, 1.0, -1.0, -1.0])
    for factor in (1e-3, -1, 1e3):
        assert si_sdr_db(target, factor * (2 * target + other)) == pytest.approx(10 * math.log10(4))
    # Means are no distortion, and lie in neither part.
    assert si_sdr_db(target + 3, 2 * target + other - 5) == pytest.approx(10 * math.log10(4))
    assert si_sdr_db(VOICE, np.zeros_like(VOICE)) == si_sdr_db(VOICE, np.full_like(VOICE, 0.25)) == -math.inf
    assert si_sdr_db(VOICE, np.float32(0.5) * VOICE) > 250
    assert si_sdr_db(np.array([1.0, -1.0]), np.array([1.0, -1.0])) == math.inf
    with pytest.raises(AudioError, match="reference without its mean: silent"):
        si_sdr_db(np.full_like(VOICE, 0.5), VOICE)


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
        patch.setattr(waveform, "FILTER_TAPS", 32)
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


def test_a_gain_an_equaliser_and_a_delay_within_the_filter_cost_nothing():
    references, _ = three_sources()
    references[:, -1024:] = 0.0
    echo = np.zeros(FILTER_TAPS)
    echo[[0, 100, FILTER_TAPS - 1]] = [0.5, -0.2, 0.1]
    filtered = np.stack([np.convolve(source, echo)[: references.shape[1]] for source in references])
    assert (np.array(bss_eval(references, filtered)) > 90).all()
    assert (bss_eval(references, np.roll(references, FILTER_TAPS + 100, axis=1))[0] < 10).all()
    gained = bss_eval(7 * SOURCES, np.array([[0.001], [3], [1000]]) * ESTIMATES)
    np.testing.assert_allclose(gained, bss_eval(SOURCES, ESTIMATES), atol=1e-5)


def test_leakage_costs_sir_and_noise_costs_sar():
    noise = 0.05 * np.random.default_rng(8).standard_normal(SOURCES.shape)
    sdr_db, sir_db, sar_db = bss_eval(SOURCES, SOURCES + 0.1 * np.roll(SOURCES, 1, axis=0))
    assert (sir_db < 40).all() and (sar_db > 90).all()
    np.testing.assert_allclose(sdr_db, sir_db, atol=1e-3)
    sdr_db, sir_db, sar_db = bss_eval(SOURCES, SOURCES + noise)
    assert (sar_db < sir_db).all() and (sdr_db < sar_db).all()
    assert all((bss_eval(SOURCES, SOURCES + 2 * noise)[k] < ratio).all() for k, ratio in ((0, sdr_db), (2, sar_db)))
    np.testing.assert_allclose(bss_eval(SOURCES, SOURCES), LIMIT_DB, atol=0.1)
    early, late = np.zeros((2, 1, 4000))
    early[0, :1000], late[0, 2000:3000] = SOURCES[0, :1000], SOURCES[0, :1000]
    assert bss_eval(early, late)[0] == -LIMIT_DB


@pytest.mark.parametrize(
    ("measure", "references", "estimates", "message"),
    [
        (bss_eval, SOURCES, ESTIMATES[:2], r"references \(3, 4000\) and estimates \(2, 4000\): both must have one"),
        (bss_eval, SOURCES * [[1], [0], [1]], ESTIMATES, r"references\[1\]: silent"),
        (bss_eval, SOURCES, ESTIMATES + np.inf, r"estimates\[0\]: sample 0 is not finite"),
        (frame_snr, VOICE, VOICE[:-1], "two mono signals of one length"),
    ],
)
def test_signals_that_are_wrong_in_themselves_are_an_error(measure, references, estimates, message):
    with pytest.raises(AudioError, match=message):
        measure(references, estimates)


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

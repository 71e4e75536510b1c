"""BSS-eval: golden values of mir_eval, a projection written out here, what the filter allows, hostile sources."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from nblib.errors import AudioError
from nblib.evaluation import separation
from nblib.evaluation.separation import FILTER_TAPS, LIMIT_DB, bss_eval


def three_sources(n: int = 24_000) -> tuple[np.ndarray, np.ndarray]:
    """Coloured noises, and estimates with leakage, noise and, in the second, a filter."""
    generator = np.random.default_rng(7)
    references = np.stack([np.convolve(generator.standard_normal(n), np.hanning(k), "same") for k in (5, 17, 3)])
    references = 0.3 * references / np.abs(references).max(axis=1, keepdims=True)
    leakage = np.array([[1, 0.2, 0.05], [0.3, 0.8, 0.1], [0.02, 0.1, 1]])
    estimates = leakage @ references + np.array([[0.001], [0.01], [0.1]]) * generator.standard_normal((3, n))
    estimates[1] = np.convolve(estimates[1], [0.5, 0.3, -0.2])[:n]
    return references, estimates


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
    np.testing.assert_allclose(bss_eval(*three_sources()), expected, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(-20, 20), st.floats(-20, 20), st.integers(1, 3))
def test_the_definition_written_out_gives_the_same(seed, leakage_db, noise_db, sources):
    generator = np.random.default_rng(seed)
    references = generator.standard_normal((sources, 400))
    others = references[1:].sum(axis=0) + 0.1 * references[0]
    estimate = references[0] + 10 ** (leakage_db / 20) * others + 10 ** (noise_db / 20) * generator.standard_normal(400)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(separation, "FILTER_TAPS", 32)
        found = [ratio[0] for ratio in bss_eval(references, np.broadcast_to(estimate, references.shape))]
    assert found == pytest.approx(projected(references, estimate, taps=32), abs=1e-6)


def test_float32_samples_with_nothing_over_a_cut_off():
    generator = np.random.default_rng(0)
    n = 6000
    low_pass = scipy.signal.ellip(12, 0.1, 120, 0.2, output="sos")
    music = scipy.signal.sosfiltfilt(low_pass, generator.standard_normal(n)) * np.hanning(n) ** 2
    references = np.stack([music, generator.standard_normal(n)]).astype(np.float32)
    estimate = references[0] + 0.3 * references[1] + 0.1 * music.std() * generator.standard_normal(n)
    found = [ratio[0] for ratio in bss_eval(references, np.stack([estimate, estimate]))]
    assert found == pytest.approx(projected(references, estimate, FILTER_TAPS, rank=1e-6), abs=0.1)


# What costs something and what does not


def test_a_gain_an_equaliser_and_a_delay_within_the_filter_cost_nothing():
    references, _ = three_sources()
    references[:, -1024:] = 0.0
    echo = np.zeros(FILTER_TAPS)
    echo[[0, 100, FILTER_TAPS - 1]] = [0.5, -0.2, 0.1]
    filtered = np.stack([np.convolve(source, echo)[: references.shape[1]] for source in references])
    assert (np.array(bss_eval(references, filtered)) > 90).all()
    late = np.roll(references, FILTER_TAPS + 100, axis=1)
    assert (bss_eval(references, late)[0] < 10).all()


def test_leakage_costs_sir_and_noise_costs_sar():
    references, _ = three_sources()
    noise = 0.05 * np.random.default_rng(8).standard_normal(references.shape)
    leaking = references + 0.1 * np.roll(references, 1, axis=0)
    sdr_db, sir_db, sar_db = bss_eval(references, leaking)
    assert (sir_db < 40).all() and (sar_db > 90).all()
    np.testing.assert_allclose(sdr_db, sir_db, atol=1e-3)
    sdr_db, sir_db, sar_db = bss_eval(references, references + noise)
    assert (sar_db < sir_db).all() and (sdr_db < sar_db).all()


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=3), st.floats(1e-3, 1e3))
def test_no_scale_of_estimates_or_of_references_counts(gains, gain):
    references, estimates = three_sources(4000)
    found = bss_eval(gain * references, np.array(gains)[:, np.newaxis] * estimates)
    np.testing.assert_allclose(found, bss_eval(references, estimates), atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.floats(-80, -40), st.floats(1, 30))
def test_more_noise_gives_a_lower_sdr_and_sar(noise_db, more_db):
    references, _ = three_sources(4000)
    noise = np.random.default_rng(9).standard_normal(references.shape)
    quiet, loud = (references + 10 ** (level / 20) * noise for level in (noise_db, noise_db + more_db))
    better, worse = bss_eval(references, quiet), bss_eval(references, loud)
    assert (better[0] > worse[0]).all() and (better[2] > worse[2]).all()


def test_both_ends_are_limited():
    references, _ = three_sources()
    np.testing.assert_allclose(bss_eval(references, references), LIMIT_DB, atol=0.1)
    early, late = np.zeros((2, 1, 4000))
    early[0, :1000], late[0, 2000:3000] = references[0, :1000], references[0, :1000]
    assert bss_eval(early, late)[0] == -LIMIT_DB


# Hostile sources

SOURCES, ESTIMATES = three_sources(4000)


@pytest.mark.parametrize(
    ("references", "estimates", "message"),
    [
        (SOURCES, ESTIMATES[:2], r"references \(3, 4000\) and estimates \(2, 4000\): both must have one shape"),
        (SOURCES, ESTIMATES[:, 1:], "both must have one shape"),
        (SOURCES[0], ESTIMATES[0], "both must have one shape"),
        (SOURCES[:0], ESTIMATES[:0], "both must have one shape"),
        (SOURCES[:, :0], ESTIMATES[:, :0], r"references\[0\]: empty"),
        (SOURCES * [[1], [0], [1]], ESTIMATES, r"references\[1\]: silent"),
        (np.where(np.arange(4000) == 7, np.nan, SOURCES), ESTIMATES, r"references\[0\]: sample 7 is not finite"),
        (SOURCES, np.where(np.arange(4000) == 9, np.inf, ESTIMATES), r"estimates\[0\]: sample 9 is not finite"),
        (SOURCES.astype(np.int16), ESTIMATES.astype(np.int16), "samples of type int16"),
    ],
)
def test_sources_that_are_wrong_in_themselves_are_an_error(references, estimates, message):
    with pytest.raises(AudioError, match=message):
        bss_eval(references, estimates)


@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-6])
def test_a_silent_estimate_is_nan_and_leaves_the_others_alone(level):
    estimates = ESTIMATES * [[1], [level], [1]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = np.array(bss_eval(SOURCES, estimates))
    assert np.isnan(found[:, 1]).all()
    np.testing.assert_allclose(found[:, [0, 2]], np.array(bss_eval(SOURCES, ESTIMATES))[:, [0, 2]], atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 511, 512, 1535, 1536, 1537])
def test_fewer_samples_than_the_filters_have_taps_are_nan(n):
    found = np.array(bss_eval(SOURCES[:, :n], ESTIMATES[:, :n]))
    assert np.isnan(found).all() if n < 3 * FILTER_TAPS else np.isfinite(found).all()


def test_equal_sources_constants_and_odd_memory_are_no_crash():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(bss_eval(SOURCES[[0, 0]], ESTIMATES[[0, 1]])).all()
        assert np.isfinite(bss_eval(np.full((1, 4000), 0.5), ESTIMATES[:1])).all()
        backwards = bss_eval(SOURCES[::-1].astype(np.float32), ESTIMATES[::-1])
    np.testing.assert_allclose(backwards, np.array(bss_eval(SOURCES, ESTIMATES))[:, ::-1], atol=1e-4)

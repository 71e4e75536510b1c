"""The row of measures: golden values of the packages called directly, what measures share, better and worse."""

import math
import sys
import warnings

import numpy as np
import pytest
from helpers.measures import NOISE, VOICE
from helpers.measures import VOICE_RATE as RATE

from nblib.audio import resample
from nblib.errors import AudioError, ParameterError
from nblib.evaluation import MEASURES, bss_eval, estoi, metrics, pesq_wb, score, si_sdr_db, visqol_audio

needs_visqol = pytest.mark.skipif(metrics._visqol() is None, reason="visqol-python is not installed (an extra)")
PACKAGES = {"pesq_wb": metrics.pesq_package, "visqol_audio": metrics._visqol()}
MISSING = [name for name, package in PACKAGES.items() if package is None]
INSTALLED = [name for name in MEASURES if name not in MISSING]

# pystoi 0.4.1 `stoi(voice, estimate, 16000, extended=True)` after np.random.seed(0), and pesq 0.0.4
# `pesq(16000, voice, estimate, "wb")`, called by a script of their own on these very signals.
GOLDEN = [
    (1.0, 0.4566553977508495, 1.028389573097229),
    (0.1, 0.8843442746135157, 1.1478979587554932),
    (0.02, 0.8968102450551305, 1.856177806854248),
    (0.005, 0.9344488034946122, 2.5788514614105225),
]


def noisy(level: float) -> np.ndarray:
    return VOICE + np.float32(level) * NOISE


@pytest.mark.parametrize(("level", "expected_estoi", "expected_pesq"), GOLDEN)
def test_golden_values_of_the_packages_themselves(level, expected_estoi, expected_pesq):
    assert estoi(VOICE, noisy(level), RATE) == pytest.approx(expected_estoi, abs=1e-4)
    if metrics.pesq_package is not None:
        assert pesq_wb(VOICE, noisy(level), RATE) == pytest.approx(expected_pesq, abs=1e-2)
        other_rate = (resample(samples, RATE, 22_050) for samples in (VOICE, noisy(level)))
        assert pesq_wb(*other_rate, 22_050) == pytest.approx(expected_pesq, abs=0.1)


@needs_visqol
def test_visqol_is_the_packages_own_at_48_khz():
    # visqol-python 3.8.0 `measure_from_arrays(reference, estimate, 48000)` in audio mode, called by a script of its own
    # on these very signals as float64.
    generator = np.random.default_rng(2)
    reference = 0.1 * generator.standard_normal(96_000).astype(np.float32)
    estimate = reference + np.float32(0.03) * generator.standard_normal(96_000).astype(np.float32)
    assert visqol_audio(reference, reference, 48_000) == pytest.approx(4.732101253, abs=1e-3)
    for gain in (1, 0.1):
        assert visqol_audio(reference, np.float32(gain) * estimate, 48_000) == pytest.approx(4.493599006, abs=1e-3)
    assert [math.isfinite(visqol_audio(VOICE[:n], VOICE[:n], RATE)) for n in (15_359, 15_360)] == [False, True]


def test_a_missing_package_leaves_its_column_empty(monkeypatch):
    monkeypatch.setattr(metrics, "pesq_package", None)
    monkeypatch.setitem(sys.modules, "visqol", None)
    metrics._visqol.cache_clear()
    found = score(VOICE, noisy(1), RATE, ["visqol_audio", *metrics.DEFAULT_MEASURES])
    metrics._visqol.cache_clear()
    assert [name for name, value in found.items() if math.isnan(value)] == ["visqol_audio", "pesq_wb"]


def test_estoi_neither_hangs_on_nor_moves_numpys_global_random_state():
    np.random.seed(5)  # noqa: NPY002
    first, drawn = estoi(VOICE, noisy(1), RATE), np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    assert np.random.random() == drawn  # noqa: NPY002
    assert estoi(VOICE, noisy(1), RATE) == first


def test_the_row_has_what_was_asked_in_the_order_asked():
    asked = ["sar_db", "si_sdr_db", "sdr_db", "estoi"]
    assert list(score(VOICE, noisy(1), RATE, asked, NOISE)) == asked
    default = [estoi(VOICE, noisy(1), RATE), pesq_wb(VOICE, noisy(1), RATE), si_sdr_db(VOICE, noisy(1))]
    assert list(score(VOICE, noisy(1), RATE).values()) == pytest.approx(default, nan_ok=True)


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


def test_bss_eval_in_a_row_is_that_of_all_sources_together():
    estimate = np.float32(0.7) * VOICE + np.float32(0.2) * NOISE
    estimates = np.stack([estimate, VOICE + NOISE - estimate])
    expected = [ratio[0] for ratio in bss_eval(np.stack([VOICE, NOISE]), estimates)]
    found = score(VOICE, estimate, RATE, ["sdr_db", "sir_db", "sar_db"], NOISE[np.newaxis])
    assert list(found.values()) == pytest.approx(expected, abs=1e-5)
    assert score(VOICE, estimate, RATE, ["sdr_db"])["sdr_db"] == pytest.approx(expected[0], abs=1e-5)


def test_peaq_is_run_once_for_its_three_measures_and_never_unasked(monkeypatch):
    calls = []
    fake = {"two_f": 61.0, "odg": -1.5, "TotalNMRB": -9.0}
    monkeypatch.setattr(metrics, "peaq_basic", lambda *pair: calls.append(pair) or fake)
    found = score(VOICE, NOISE, RATE, ["nmr_db", "two_f", "si_sdr_db", "odg"])
    assert found | {"si_sdr_db": 0.0} == {"nmr_db": -9.0, "two_f": 61.0, "si_sdr_db": 0.0, "odg": -1.5}
    score(VOICE, NOISE, RATE)
    assert len(calls) == 1 and calls[0][0] is VOICE and calls[0][1] is NOISE


def test_less_noise_scores_better_and_an_equal_pair_best():
    scores = [score(VOICE, noisy(level), RATE, INSTALLED, NOISE) for level in (1.0, 0.1, 0.02, 0.0)]
    for name in INSTALLED:
        values = [-found[name] if name == "nmr_db" else found[name] for found in scores]
        assert values == sorted(values) and math.isfinite(sum(values)), name
    assert scores[-1]["estoi"] == pytest.approx(1.0)
    assert scores[-1]["sdr_db"] == pytest.approx(100, abs=0.1)


def test_no_gain_of_the_estimate_counts_where_the_measure_has_no_level():
    asked = [name for name in ("si_sdr_db", "sdr_db", "sir_db", "sar_db", "visqol_audio", "estoi") if name in INSTALLED]
    expected = score(VOICE, noisy(0.1), RATE, asked, NOISE)
    assert score(VOICE, np.float32(0.3) * noisy(0.1), RATE, asked, NOISE) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-6, 1e-3])
def test_a_silent_or_almost_silent_estimate_has_a_row(level):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(VOICE, np.float32(level) * noisy(1), RATE, list(MEASURES), NOISE)
    assert found["estoi"] < 0.6 and found["si_sdr_db"] < 4
    assert math.isnan(found["pesq_wb"]) or 1 < found["pesq_wb"] < 4.65
    for name in ("sdr_db", "sir_db", "sar_db", "visqol_audio"):
        assert math.isnan(found[name]) == (level < 1e-3 or name in MISSING), name
    assert level > 0 or all(math.isnan(found[name]) for name in ("two_f", "odg", "nmr_db"))


@pytest.mark.parametrize("measure", [estoi, pesq_wb, visqol_audio, lambda *pair: score(*pair, [])])
@pytest.mark.parametrize(
    ("reference", "estimate", "message"),
    [
        (VOICE, VOICE[:-1], r"reference \(48000,\) and estimate \(47999,\): two mono signals of one length"),
        (np.zeros_like(VOICE), VOICE, "reference: silent"),
        (VOICE, np.where(np.arange(48_000) == 9, np.inf, VOICE), "estimate: sample 9 is not finite"),
    ],
)
def test_a_pair_that_is_wrong_in_itself_is_an_error(measure, reference, estimate, message):
    with pytest.raises(AudioError, match=message):
        measure(reference, estimate, RATE)


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

"""The row of measures: names, order, what they share, and that they grade what is worse as worse."""

from __future__ import annotations

import math
import sys
import types
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voice import NOISE, RATE, VOICE

from nblib.errors import AudioError, ParameterError
from nblib.evaluation import estoi, metrics, pesq_wb, score, si_sdr_db
from nblib.evaluation.metrics import DEFAULT_MEASURES, MEASURES
from nblib.evaluation.separation import bss_eval

INSTALLED = [
    name
    for name in MEASURES
    if not (name == "pesq_wb" and metrics.pesq_package is None)
    and not (name == "visqol_audio" and metrics._visqol() is None)
]
LOWER_IS_BETTER = ("nmr_db",)


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
    asked = [name for name in INSTALLED if name != "sir_db"]  # noise is no interference
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


# Better and worse


def test_less_noise_scores_better_and_an_equal_pair_best():
    levels = [1.0, 0.1, 0.02, 0.0]
    scores = [score(VOICE, VOICE + np.float32(level) * NOISE, RATE, INSTALLED, NOISE) for level in levels]
    for name in INSTALLED:
        values = [-found[name] if name in LOWER_IS_BETTER else found[name] for found in scores]
        assert values == sorted(values) and math.isfinite(sum(values)), name
    assert scores[-1]["estoi"] == pytest.approx(1.0)
    assert scores[-1]["sdr_db"] == pytest.approx(100, abs=0.1)


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

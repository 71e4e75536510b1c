"""The width of the spectrum that is recovered, in level and in waveform."""

from __future__ import annotations

import numpy as np
import pytest

from nblib.audio import Geometry, band_limit, noise_like
from nblib.errors import AudioError, ParameterError
from nblib.evaluation import recovered_bandwidth

GEOMETRY = Geometry(sample_rate=16000)
NOISE = 0.1 * np.random.default_rng(4).standard_normal(3 * 16000)


def widths(estimate: np.ndarray, original: np.ndarray = NOISE, limit_hz: int = 5000) -> list[float]:
    """Level, waveform and offer, in Hz."""
    found = recovered_bandwidth(original, estimate, GEOMETRY, limit_hz)
    return [found[f"{name}_bandwidth_hz"] for name in ("level", "waveform", "offered")]


def test_the_original_recovers_all_of_itself() -> None:
    assert widths(NOISE) == [5000, 5000, 5000]
    assert widths(NOISE, limit_hz=8000) == [8000, 8000, 8000]


def test_a_low_pass_recovers_its_share() -> None:
    assert widths(band_limit(NOISE, 16000, 2000)) == [2000, 2000, 5000]


def test_right_magnitudes_with_wrong_phases_are_right_in_level_only() -> None:
    assert widths(noise_like(NOISE)) == [5000, 0, 5000]


def test_a_trace_of_the_original_recovers_nothing() -> None:
    assert widths(0.01 * NOISE) == [0, 0, 5000]


def test_a_sign_costs_the_waveform_only() -> None:
    assert widths(-NOISE) == [5000, 0, 5000]


@pytest.mark.parametrize(("gain_db", "level"), [(5.9, 5000), (6.1, 0), (-5.9, 5000), (-6.1, 0)])
def test_the_level_is_right_within_6_db(gain_db: float, level: float) -> None:
    assert widths(NOISE * 10 ** (gain_db / 20))[0] == level


def test_only_bands_with_something_in_them_count() -> None:
    time = np.arange(16000) / 16000
    tone, faint = np.sin(2 * np.pi * 1125 * time), np.sin(2 * np.pi * 3125 * time)  # in the middle of a bin and a band
    assert widths(tone, tone) == [250, 250, 250]
    assert widths(tone, tone + 10 ** (-79 / 20) * faint) == [250, 250, 500]
    assert widths(tone, tone + 10 ** (-81 / 20) * faint) == [250, 250, 250]


def test_of_silence_nothing_is_offered_and_nothing_found() -> None:
    assert widths(NOISE, np.zeros_like(NOISE)) == [0, 0, 0]
    assert widths(np.zeros_like(NOISE)) == [0, 0, 5000]


@pytest.mark.parametrize("limit_hz", [0, 100, 8250])
def test_the_limit_is_checked(limit_hz: int) -> None:
    with pytest.raises(ParameterError, match=f"limit_hz={limit_hz}"):
        widths(NOISE, limit_hz=limit_hz)


def test_signals_and_geometry_are_checked() -> None:
    with pytest.raises(ParameterError, match="one length"):
        widths(NOISE[:-1])
    with pytest.raises(AudioError, match="1024 samples"):
        widths(NOISE[:1000], NOISE[:1000])
    with pytest.raises(ParameterError, match="use a window from 64 samples"):
        recovered_bandwidth(NOISE, NOISE, Geometry(sample_rate=16000, window=62, hop=31), 5000)

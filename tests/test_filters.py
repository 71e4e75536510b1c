"""The zero-phase band limit."""

from __future__ import annotations

import numpy as np
import pytest

from nblib.audio import band_limit
from nblib.errors import ParameterError

RATE = 16000
TIME = np.arange(RATE) / RATE


@pytest.mark.parametrize("frequency", [100.0, 1000.0, 2800.0])
def test_what_lies_under_the_cutoff_passes_unchanged(frequency: float) -> None:
    tone = np.sin(2 * np.pi * frequency * TIME).astype(np.float32)
    limited = band_limit(tone, RATE, 3000)
    assert limited.shape == tone.shape and limited.dtype == np.float32
    middle = slice(1000, -1000)  # the ends of a tone are broadband
    assert np.abs(limited[middle] - tone[middle]).max() < 2e-3


@pytest.mark.parametrize("frequency", [3100.0, 5000.0, 7900.0])
def test_what_lies_above_is_gone(frequency: float) -> None:
    tone = np.sin(2 * np.pi * frequency * TIME).astype(np.float32)
    assert np.abs(band_limit(tone, RATE, 3000)[1000:-1000]).max() < 5e-3


def test_zero_phase_against_an_ideal_filter() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    spectrum = np.fft.rfft(noise)
    spectrum[np.fft.rfftfreq(RATE, 1 / RATE) > 3000] = 0
    ideal = np.fft.irfft(spectrum, RATE)
    difference = band_limit(noise, RATE, 3000)[1000:-1000] - ideal[1000:-1000]
    assert np.square(difference).mean() < 0.02 * np.square(ideal).mean()


@pytest.mark.parametrize("length", [1, 7, 512, 66048])
def test_the_length_stays(length: int) -> None:
    assert len(band_limit(np.ones(length, np.float32), 22050, 5500)) == length


@pytest.mark.parametrize("cutoff_hz", [0, -5, 8000, 20000])
def test_a_cutoff_out_of_range_is_refused(cutoff_hz: int) -> None:
    with pytest.raises(ParameterError, match=f"cutoff_hz={cutoff_hz}"):
        band_limit(np.ones(100, np.float32), RATE, cutoff_hz)

"""The FFT-based ear model of PEAQ's basic version (ITU-R BS.1387-1, Annex 2, Section 2.1), batched.

DFTs are float32, whose rounding lies 40 dB under that of 16-bit samples; all from the critical bands on is float64.

Followed where the standard is ambiguous: P. Kabal, "An Examination and Interpretation of ITU-R BS.1387: Perceptual
Evaluation of Audio Quality", McGill University, 2002; numbers of equations are his.

Shapes: everything over time stands as [frames, batch, bins or bands]. Powers are such that 10 log10 of a band's power
is its level in dB SPL, with a full-scale sine at 92 dB.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

SAMPLE_RATE = 48_000  # Hz; the standard has no other
WINDOW = 2048
HOP = WINDOW // 2
BINS = WINDOW // 2 + 1
FRAME_RATE = SAMPLE_RATE / HOP  # Hz
FULL_SCALE = 32_768  # the standard's thresholds are in steps of 16-bit samples
PLAYBACK_DB, CALIBRATION_HZ = 92.0, 1019.5

BAND_WIDTH = 0.25  # Bark
LOWEST_HZ, HIGHEST_HZ = 80.0, 18_000.0
LEAST_POWER = 1e-12
SPREADING_EXPONENT = 0.4


def _bark(frequency_hz: float) -> float:
    return float(7 * np.arcsinh(frequency_hz / 650))


def _hertz(bark: np.ndarray) -> np.ndarray:
    return 650 * np.sinh(bark / 7)


@dataclass(frozen=True)
class Bands:
    """The 109 critical bands of the basic version, each an array [shape=(109,)] in Hz."""

    lower_hz: np.ndarray
    centre_hz: np.ndarray
    upper_hz: np.ndarray


@lru_cache(maxsize=1)
def bands() -> Bands:
    """Bands of a quarter Bark from 80 Hz to 18 kHz, the last one cut off there (Kabal, equation 15)."""
    lowest, highest = _bark(LOWEST_HZ), _bark(HIGHEST_HZ)
    lower = np.arange(lowest, highest, BAND_WIDTH)
    upper = np.minimum(lower + BAND_WIDTH, highest)
    return Bands(_hertz(lower), _hertz((lower + upper) / 2), _hertz(upper))


def internal_noise() -> np.ndarray:
    """Power of the ear's own noise in each band [shape=(109,)] (equation 24)."""
    return 10 ** (0.1456 * (bands().centre_hz / 1000) ** -0.8)


def masking_offset() -> np.ndarray:
    """By how much masked power may lie under the masking excitation [shape=(109,)], linear (equation 110)."""
    bark = BAND_WIDTH * np.arange(len(bands().centre_hz))
    return 10 ** (-np.where(bark <= 12, 3.0, 0.25 * bark) / 10)


def time_constants(at_100_hz: float, least: float) -> np.ndarray:
    """Coefficient a of y[n] = a y[n-1] + (1 - a) x[n] in each band, from time constants in s (equation 33)."""
    seconds = least + 100 / bands().centre_hz * (at_100_hz - least)
    return np.exp(-1 / (FRAME_RATE * seconds))


@lru_cache(maxsize=1)
def _outer_and_middle_ear() -> np.ndarray:
    kilohertz = np.maximum(np.arange(BINS) * SAMPLE_RATE / WINDOW, 1e-3) / 1000
    decibels = -2.184 * kilohertz**-0.8 + 6.5 * np.exp(-0.6 * (kilohertz - 3.3) ** 2) - 0.001 * kilohertz**3.6
    weight = 10 ** (decibels / 10)
    weight[0] = 0.0
    return weight


@lru_cache(maxsize=1)
def _grouping() -> np.ndarray:
    """How much of each bin's power lies in each band [shape=(bins, bands)] (equation 18)."""
    width = SAMPLE_RATE / WINDOW
    centre = np.arange(BINS)[:, None] * width
    upper = np.minimum(bands().upper_hz, centre + width / 2)
    lower = np.maximum(bands().lower_hz, centre - width / 2)
    return np.maximum(upper - lower, 0) / width


@lru_cache(maxsize=1)
def _window() -> np.ndarray:
    """Hann window, scaled so that a full-scale sine of `CALIBRATION_HZ` has `PLAYBACK_DB` (equations 2 to 6)."""
    between_bins = CALIBRATION_HZ / SAMPLE_RATE * WINDOW % 1
    offset = min(between_bins, 1 - between_bins) * (WINDOW - 1) / WINDOW
    peak = np.sin(np.pi * offset) / (np.pi * offset * (1 - offset**2))
    gain = 10 ** (PLAYBACK_DB / 20) / (peak * FULL_SCALE / 4 * (WINDOW - 1))
    return gain * np.hanning(WINDOW)


def tensor(values: np.ndarray | float, like: torch.Tensor) -> torch.Tensor:
    """`values` on the device and with the precision of `like`."""
    return torch.as_tensor(values, dtype=like.dtype, device=like.device)


def framed(samples: torch.Tensor) -> torch.Tensor:
    """Whole frames of `samples` [shape=(batch, n)]: a view [shape=(frames, batch, 2048)]."""
    return samples.unfold(-1, WINDOW, HOP).transpose(0, 1)


def power_spectra(frames: torch.Tensor) -> torch.Tensor:
    """Power of each DFT bin [shape=(frames, batch, 1025)] of `framed` samples in 16-bit steps, float32."""
    spectrum = torch.fft.rfft(frames * tensor(_window(), frames))
    return spectrum.real.square() + spectrum.imag.square()


def heard_spectra(powers: torch.Tensor) -> torch.Tensor:
    """`power_spectra` behind the outer and middle ear (equation 8)."""
    return powers * tensor(_outer_and_middle_ear(), powers)


def grouped(powers: torch.Tensor) -> torch.Tensor:
    """Power in each critical band [shape=(frames, batch, 109)], at least 1e-12, float64 (equation 19)."""
    used = np.flatnonzero(_grouping().any(axis=1))
    first, last = int(used[0]), int(used[-1]) + 1
    return (powers[..., first:last] @ tensor(_grouping()[first:last], powers)).double().clamp_(min=LEAST_POWER)


def spread(powers: torch.Tensor) -> torch.Tensor:
    """Spread band powers [shape=(frames, batch, 109)], with the ear's noise, over frequency (equations 25 to 32)."""
    return (_spread_unscaled(powers) / tensor(_spread_of_ones(), powers)).contiguous()


@lru_cache(maxsize=1)
def _spread_of_ones() -> np.ndarray:
    return _spread_unscaled(torch.ones(1, 1, len(bands().centre_hz), dtype=torch.float64))[0, 0].numpy()


def _spread_unscaled(powers: torch.Tensor) -> torch.Tensor:
    # Bands lead here, so that each step of the recursion below runs over contiguous memory.
    level = powers.flatten(0, -2).T.log()
    count = len(level)
    index = torch.arange(count, device=powers.device, dtype=torch.float64)[:, None]
    centre = tensor(bands().centre_hz, powers)[:, None]
    lower = 10 ** (-2.7 * BAND_WIDTH)
    log_upper = (-2.4 - 23 / centre) * BAND_WIDTH * np.log(10) + 0.2 * BAND_WIDTH * level
    lower_sum = (1 - lower ** (index + 1)) / (1 - lower)
    upper_sum = torch.expm1((count - index) * log_upper) / torch.expm1(log_upper)
    own = (SPREADING_EXPONENT * (level - (lower_sum + upper_sum - 1).log())).exp()
    slope = (SPREADING_EXPONENT * log_upper).exp()

    spread_powers = own.clone()
    for band in range(count - 2, -1, -1):
        spread_powers[band] += lower**SPREADING_EXPONENT * spread_powers[band + 1]
    rising = own  # what each band below still gives, one band further at each step
    for band in range(1, count):
        rising[:band] *= slope[:band]
        spread_powers[band] += rising[:band].sum(dim=0)
    return spread_powers.pow_(1 / SPREADING_EXPONENT).T.reshape(powers.shape)


def smoothed(values: torch.Tensor, coefficient: np.ndarray, gain: float | None = None) -> torch.Tensor:
    """First-order recursion over frames, y[n] = a y[n-1] + gain x[n] from y = 0.

    Parameters
    ----------
    values : torch.Tensor [shape=(frames, ..., bands)]
    coefficient : np.ndarray [shape=(bands,)]
        a, see `time_constants`.
    gain : float, optional
        1 - a where not given.
    """
    kept = tensor(coefficient, values)
    result = values * tensor(1 - coefficient if gain is None else gain, values)
    for frame in range(1, len(result)):
        result[frame].addcmul_(kept, result[frame - 1])
    return result


def excitation(unsmeared: torch.Tensor) -> torch.Tensor:
    """Excitation patterns: `spread` powers with forward masking over time (equations 34 and 35)."""
    return smoothed(unsmeared, time_constants(0.030, 0.008)).maximum(unsmeared)

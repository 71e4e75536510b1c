"""The FFT-based ear model of PEAQ's basic version (ITU-R BS.1387-1, Annex 2, Section 2.1), batched.

Equations are those of P. Kabal, "An Examination and Interpretation of ITU-R BS.1387", McGill University, 2002, followed
where the standard is ambiguous. Everything over time stands as [frames, batch, bins or bands]; 10 log10 of a band's
power is its level in dB SPL. DFTs are float32, all from the critical bands on is float64.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

SAMPLE_RATE = 48_000  # Hz; the standard has no other
WINDOW, HOP = 2048, 1024
FRAME_RATE = SAMPLE_RATE / HOP  # Hz
FULL_SCALE = 32_768  # the standard's thresholds are in steps of 16-bit samples
CALIBRATION_HZ, BAND_WIDTH = 1019.5, 0.25  # Bark
LEAST_POWER, SPREADING_EXPONENT = 1e-12, 0.4
# The 109 critical bands (equation 15) from 80 Hz, the last one cut off at 18 kHz.
_LOWEST, _HIGHEST = 7 * np.arcsinh(np.array([80.0, 18_000.0]) / 650)
_LOWER = np.arange(_LOWEST, _HIGHEST, BAND_WIDTH)
_UPPER = np.minimum(_LOWER + BAND_WIDTH, _HIGHEST)
LOWER_HZ, CENTRE_HZ, UPPER_HZ = 650 * np.sinh(np.stack([_LOWER, (_LOWER + _UPPER) / 2, _UPPER]) / 7)
BANDS = len(CENTRE_HZ)
INTERNAL_NOISE = 10 ** (0.1456 * (CENTRE_HZ / 1000) ** -0.8)  # the ear's own noise in each band, a power (equation 24)
# By how much masked power may lie under the masking excitation in each band, linear (equation 110).
MASKING_OFFSET = 10 ** (-np.maximum(3.0, 0.25 * BAND_WIDTH * np.arange(BANDS)) / 10)


def time_constants(at_100_hz: float, least: float) -> np.ndarray:
    """Coefficient a of y[n] = a y[n-1] + (1 - a) x[n] in each band, from time constants in s (equation 33)."""
    return np.exp(-1 / (FRAME_RATE * (least + 100 / CENTRE_HZ * (at_100_hz - least))))


# What passes the outer and middle ear of each bin's power (equation 7), what of each bin lies in each band (18).
_WIDTH = SAMPLE_RATE / WINDOW
_BINS_HZ = np.arange(WINDOW // 2 + 1) * _WIDTH
_KILOHERTZ = np.maximum(_BINS_HZ, 1e-3) / 1000
_EAR_DB = -2.184 * _KILOHERTZ**-0.8 + 6.5 * np.exp(-0.6 * (_KILOHERTZ - 3.3) ** 2) - 0.001 * _KILOHERTZ**3.6
EAR_WEIGHT = 10 ** (_EAR_DB / 10)
_EDGES = _BINS_HZ[:, None] + [[-_WIDTH / 2, _WIDTH / 2]]
GROUPING = np.maximum(np.minimum(UPPER_HZ, _EDGES[:, 1:]) - np.maximum(LOWER_HZ, _EDGES[:, :1]), 0) / _WIDTH
_USED = slice(np.flatnonzero(GROUPING.any(axis=1))[0], np.flatnonzero(GROUPING.any(axis=1))[-1] + 1)
# Hann window, scaled so that a full-scale sine of `CALIBRATION_HZ` has 92 dB (equations 2 to 6).
_BETWEEN = CALIBRATION_HZ / SAMPLE_RATE * WINDOW % 1
_OFFSET = min(_BETWEEN, 1 - _BETWEEN) * (WINDOW - 1) / WINDOW
_PEAK = np.sin(np.pi * _OFFSET) / (np.pi * _OFFSET * (1 - _OFFSET**2)) * FULL_SCALE / 4 * (WINDOW - 1)
WINDOW_SHAPE = 10 ** (92.0 / 20) / _PEAK * np.hanning(WINDOW)


class Patterns(NamedTuple):
    """What the ear model gives of signals."""

    frames: Tensor
    bin_power: Tensor  # [shape=(frames, batch, 1025)]
    heard: Tensor  # `bin_power` behind the outer and middle ear
    unsmeared: Tensor  # power in bands, spread over frequency [shape=(frames, batch, 109)]
    excitation: Tensor  # and then over time too


def patterns(samples: Tensor) -> Patterns:
    """Run the ear model over `samples` [shape=(batch, n)] in 16-bit steps, float32."""
    frames = samples.unfold(-1, WINDOW, HOP).transpose(0, 1)
    spectrum = torch.fft.rfft(frames * frames.new_tensor(WINDOW_SHAPE))
    bin_power = spectrum.real.square() + spectrum.imag.square()
    heard = bin_power * bin_power.new_tensor(EAR_WEIGHT)
    banded = grouped(heard)
    unsmeared = spread(banded + banded.new_tensor(INTERNAL_NOISE))
    # Forward masking over time: equations 34 and 35.
    excitation = smoothed(unsmeared, time_constants(0.030, 0.008)).maximum(unsmeared)
    return Patterns(frames, bin_power, heard, unsmeared, excitation)


def grouped(powers: Tensor) -> Tensor:
    """Power in each critical band [shape=(frames, batch, 109)], at least 1e-12, float64 (equation 19)."""
    return (powers[..., _USED] @ powers.new_tensor(GROUPING[_USED])).double().clamp_(min=LEAST_POWER)


def spread(powers: Tensor, scaled: bool = True) -> Tensor:
    """Spread band powers [shape=(frames, batch, 109)], with the ear's noise, over frequency (equations 25 to 32)."""
    if scaled:
        return (spread(powers, False) / spread(torch.ones_like(powers[:1, :1]), False)).contiguous()
    # Bands lead here, so that each step of the recursion below runs over contiguous memory.
    level = powers.flatten(0, -2).T.log()
    index = torch.arange(BANDS, device=powers.device, dtype=torch.float64)[:, None]
    lower = 10 ** (-2.7 * BAND_WIDTH)
    log_upper = (-2.4 - 23 / powers.new_tensor(CENTRE_HZ)[:, None]) * BAND_WIDTH * np.log(10) + 0.2 * BAND_WIDTH * level
    lower_sum = (1 - lower ** (index + 1)) / (1 - lower)
    upper_sum = torch.expm1((BANDS - index) * log_upper) / torch.expm1(log_upper)
    own = (SPREADING_EXPONENT * (level - (lower_sum + upper_sum - 1).log())).exp()
    slope = (SPREADING_EXPONENT * log_upper).exp()
    spread_powers = own.clone()
    for band in range(BANDS - 2, -1, -1):
        spread_powers[band] += lower**SPREADING_EXPONENT * spread_powers[band + 1]
    rising = own  # what each band below still gives, one band further at each step
    for band in range(1, BANDS):
        rising[:band] *= slope[:band]
        spread_powers[band] += rising[:band].sum(dim=0)
    return spread_powers.pow_(1 / SPREADING_EXPONENT).T.reshape(powers.shape)


def smoothed(values: Tensor, coefficient: np.ndarray, gain: float | None = None) -> Tensor:
    """First-order recursion over frames, y[n] = a y[n-1] + gain x[n] from y = 0; by default the gain is 1 - a."""
    kept = values.new_tensor(coefficient)
    result = values * values.new_tensor(1 - coefficient if gain is None else gain)
    for frame in range(1, len(result)):
        result[frame].addcmul_(kept, result[frame - 1])
    return result

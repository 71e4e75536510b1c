"""What every recording has: a room around the sound, and ends that do not click."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.fft
from scipy.signal import oaconvolve

GAP_SECONDS = 0.002  # between the direct sound and the room's


def shaped(white: np.ndarray, sample_rate: int, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """`white` [shape=(n,)] with its spectrum multiplied by `gain` of the frequencies in Hz [shape=(bins,)]."""
    size = scipy.fft.next_fast_len(len(white), real=True)
    frequency = scipy.fft.rfftfreq(size, 1 / sample_rate)
    return scipy.fft.irfft(scipy.fft.rfft(white, size) * gain(frequency), size)[: len(white)]


def reverberated(
    dry: np.ndarray,
    sample_rate: int,
    random: np.random.Generator,
    seconds: tuple[float, float],
    direct_db: tuple[float, float],
    corner_hz: tuple[float, float] = (1000.0, 1000.0),
) -> np.ndarray:
    """`dry` [shape=(n,)] in a room: noise that decays by 60 dB in the drawn time, darker above the drawn corner.

    `direct_db` is the energy of the direct sound over that of the room's; what rings on after `n` samples is cut.
    """
    decay = random.uniform(*seconds)
    length = round(decay * sample_rate)
    tail = random.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    corner, ratio = random.uniform(*corner_hz), 10 ** (random.uniform(*direct_db) / 10)
    tail = shaped(tail, sample_rate, lambda f: 1 / np.sqrt(1 + (f / corner) ** 2))
    room = np.concatenate([[1.0], np.zeros(int(GAP_SECONDS * sample_rate)), tail / np.sqrt(np.sum(tail**2) * ratio)])
    return oaconvolve(dry, room)[: len(dry)]


def fade_ends(samples: np.ndarray, sample_rate: int, seconds: float = 0.01) -> None:
    """Fade both ends of `samples` [shape=(n,)] in place."""
    length = min(len(samples) // 2, round(seconds * sample_rate))
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(1, length))
    samples[:length] *= ramp
    samples[len(samples) - length :] *= ramp[::-1]

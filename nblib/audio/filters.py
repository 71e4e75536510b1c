"""Band limits by resampling down and up again, a zero-phase sinc low-pass (MM'19 Section 6.1); noise of a spectrum."""

from __future__ import annotations

import numpy as np
import torch
from torchaudio.functional import resample

from nblib.audio.io import check_rate
from nblib.errors import ParameterError
from nblib.provenance import random_generator

ZERO_CROSSINGS = 64  # of the sinc on each side; tones up to 93 % of the cut-off pass within 0.2 %


def band_limit(samples: np.ndarray, sample_rate: int, cutoff_hz: int) -> np.ndarray:
    """`samples` [shape=(n,)] without what lies above `cutoff_hz`, same length, zero phase, float32.

    Parameters
    ----------
    sample_rate, cutoff_hz : int
        In Hz; 0 < cutoff_hz < sample_rate / 2.

    Raises
    ------
    ParameterError
        The cut-off lies outside that range.
    """
    check_rate("sample_rate", sample_rate)
    if not 0 < cutoff_hz < sample_rate / 2:
        raise ParameterError(f"cutoff_hz={cutoff_hz!r}: between 0 and {sample_rate / 2:g} Hz is needed")
    narrow = resample(
        torch.from_numpy(np.array(samples, np.float32)), sample_rate, 2 * cutoff_hz, lowpass_filter_width=ZERO_CROSSINGS
    )
    wide = resample(narrow, 2 * cutoff_hz, sample_rate, lowpass_filter_width=ZERO_CROSSINGS)
    # Both steps round the length up, so there are always enough samples to cut the original length from.
    return wide[: len(samples)].numpy()


def noise_like(samples: np.ndarray, *seed: str | int) -> np.ndarray:
    """Stationary noise of the long-term spectrum and the energy of `samples` [shape=(n,)]: the same with random phases.

    Returns
    -------
    np.ndarray [shape=(n,)]
        float64.
    """
    spectrum = np.fft.rfft(samples)
    phases = random_generator("noise like", *seed).random(len(spectrum))
    noise = np.fft.irfft(spectrum * np.exp(2j * np.pi * phases), len(samples))
    energies = (float(np.square(each, dtype=np.float64).sum()) for each in (samples, noise))
    return noise * np.sqrt(next(energies) / max(next(energies), np.finfo(float).tiny))

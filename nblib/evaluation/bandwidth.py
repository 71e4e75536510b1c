"""How much of the spectrum's width an estimate recovers (MM'19 Section 8.1, Figure 5).

There, Model A recovers "only a fraction of the spectrum width", and Models B and C fill the rest with what has the
right magnitude and the wrong phase. So the width is measured twice: where the level is right, and where the waveform
is.
"""

from __future__ import annotations

import numpy as np
import torch

from nblib.audio import Geometry, stft
from nblib.errors import ParameterError
from nblib.evaluation.snr import check_tracks

BAND_HZ = 250  # sixteen bins of MM'19's spectrogram, which average the peaks and gaps of a tone's harmonics
LEVEL_TOLERANCE_DB = 6.0
OFFERED_RANGE_DB = 80.0  # what lies further under the strongest band is the leakage of window and band limit


def recovered_bandwidth(
    original: np.ndarray, estimate: np.ndarray, geometry: Geometry, limit_hz: int
) -> dict[str, float]:
    """Total width of the bands of 250 Hz in which `estimate` has what `original` has (MM'19 Section 8.1).

    Parameters
    ----------
    original, estimate : np.ndarray [shape=(n,)]
        Full scale 1, at ``geometry.sample_rate``, n >= ``geometry.window``.
    geometry : Geometry
        Window and hop of the spectra.
    limit_hz : int
        Only bands under it (Hz) count; a multiple of 250, to half the sample rate.

    Returns
    -------
    dict
        In Hz, 0 to `limit_hz`. ``level_bandwidth_hz``: the long-term power is within 6 dB of the original's.
        ``waveform_bandwidth_hz``: besides, the power of the error, of complex spectra, is under the original's
        (SNR > 0 dB).
        ``offered_bandwidth_hz``: the original has anything, within 80 dB of its strongest band; only such bands count
        for the other two.

    Raises
    ------
    AudioError
        A signal is not floating point or not finite, or shorter than one window.
    ParameterError
        The shapes differ, there is more than one channel, `limit_hz` is out of range, or the window is so short that a
        band would hold no bin.
    """
    check_tracks(original, estimate)
    rate = geometry.sample_rate
    if limit_hz % BAND_HZ or not 0 < limit_hz <= rate / 2:
        raise ParameterError(
            f"limit_hz={limit_hz!r}: a multiple of {BAND_HZ} Hz from {BAND_HZ} to {rate / 2:g} is needed"
        )
    if rate > BAND_HZ * geometry.window:
        raise ParameterError(
            f"window={geometry.window} at {rate} Hz: its bins are further apart than the bands' {BAND_HZ} Hz; "
            f"use a window from {-(-rate // BAND_HZ)} samples"
        )
    wanted, error, found = _band_powers(original, estimate, geometry, limit_hz)
    offered = (wanted > 0) & (wanted >= 10 ** (-OFFERED_RANGE_DB / 10) * wanted.max())
    tolerance = 10 ** (LEVEL_TOLERANCE_DB / 10)
    level = offered & (found <= tolerance * wanted) & (tolerance * found >= wanted)
    waveform = level & (error < wanted)  # without the level a trace of the original would do: it lessens the error, too
    return {
        "level_bandwidth_hz": float(BAND_HZ * level.sum()),
        "waveform_bandwidth_hz": float(BAND_HZ * waveform.sum()),
        "offered_bandwidth_hz": float(BAND_HZ * offered.sum()),
    }


def _band_powers(original: np.ndarray, estimate: np.ndarray, geometry: Geometry, limit_hz: int) -> np.ndarray:
    """Long-term power per band of the original, the error and the estimate [shape=(3, bands)]."""
    samples = np.stack([original, estimate]).astype(np.float64)
    wanted, found = stft(torch.from_numpy(samples), geometry).numpy()
    power = np.stack([np.square(np.abs(part)).sum(-1) for part in (wanted, found - wanted, found)])
    # Whole numbers, so that a bin on an edge falls into the band above it whatever the sample rate.
    band = np.arange(geometry.bins) * geometry.sample_rate // (geometry.window * BAND_HZ)
    starts = np.searchsorted(band, np.arange(limit_hz // BAND_HZ))
    return np.add.reduceat(power[:, band < limit_hz // BAND_HZ], starts, axis=1)

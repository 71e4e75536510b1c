"""What of a spectrum is there: a codec's holes (MM'19 Section 4.3), the width that is recovered (Section 8.1)."""

import math

import numpy as np
import torch

from nblib.audio import Geometry, stft
from nblib.errors import ParameterError
from nblib.evaluation.waveform import check_pair

HOLE_DROP_DB = 20.0  # a bin of the coded spectrum that lies so far under the lossless one is a hole
AUDIBLE_FLOOR_DB = -80.0  # bins of the lossless spectrum below this (full-scale sine = 0 dB) cannot lose anything
BAND_HZ = 250  # sixteen bins of MM'19's spectrogram, which average the peaks and gaps of a tone's harmonics
LEVEL_TOLERANCE_DB = 6.0
OFFERED_RANGE_DB = 80.0  # what lies further under the strongest band is the leakage of window and band limit


def audible(lossless: np.ndarray) -> np.ndarray:
    """Where `lossless` has something to lose: boolean, the shape of the linear magnitudes given."""
    return lossless > 10 ** (AUDIBLE_FLOOR_DB / 20)


def holes(lossless: np.ndarray, coded: np.ndarray) -> np.ndarray:
    """Where `coded` lacks what `lossless` has: boolean, the shape of the linear magnitudes given."""
    return audible(lossless) & (coded < 10 ** (-HOLE_DROP_DB / 20) * lossless)


def hole_scores(lossless: np.ndarray, coded: np.ndarray, emulated: np.ndarray, below_bin: int) -> dict[str, float]:
    """Precision and recall of the emulation's holes against the codec's, under the cut-off.

    Of linear magnitudes over that of a full-scale sine [shape=(..., bins, frames)]; only bins below `below_bin` count,
    so that the low-pass alone earns nothing. ``hole_share`` of the codec among audible points, ``hole_precision`` and
    ``hole_recall`` of the emulation lie in [0, 1]; a precision without any hole predicted is NaN.
    """
    lossless, coded, emulated = (each[..., :below_bin, :] for each in (lossless, coded, emulated))
    truth, found = holes(lossless, coded), holes(lossless, emulated)
    parts = {"share": (truth, audible(lossless)), "precision": (truth & found, found), "recall": (truth & found, truth)}
    return {
        f"hole_{name}": float(part.sum()) / float(whole.sum()) if whole.any() else math.nan
        for name, (part, whole) in parts.items()
    }


def recovered_bandwidth(
    original: np.ndarray, estimate: np.ndarray, geometry: Geometry, limit_hz: int
) -> dict[str, float]:
    """Total width of the bands of 250 Hz in which `estimate` has what `original` has (MM'19 Section 8.1).

    Models B and C fill what A leaves out with the right magnitude and the wrong phase. So the width is measured twice:
    where the level is right, and where the waveform is. Signals are [shape=(n,)] at the geometry's rate, n >= its
    window; only bands under `limit_hz` count, a multiple of 250 to half the sample rate.

    In Hz, ``level_bandwidth_hz``: the long-term power is within 6 dB of the original's. ``waveform_bandwidth_hz``:
    besides, the power of the error, of complex spectra, is under the original's (SNR > 0 dB).
    ``offered_bandwidth_hz``: the original has anything, within 80 dB of its strongest band; no other bands count.
    """
    check_pair(original, estimate, allow_silence=True)
    rate = geometry.sample_rate
    if limit_hz % BAND_HZ or not 0 < limit_hz <= rate / 2:
        raise ParameterError(f"limit_hz={limit_hz!r}: a multiple of {BAND_HZ} Hz to {rate / 2:g} is needed")
    spectra = stft(torch.from_numpy(np.stack([original, estimate]).astype(np.float64)), geometry).numpy()
    power = np.stack([np.square(np.abs(part)).sum(-1) for part in (spectra[0], spectra[1] - spectra[0], spectra[1])])
    # Whole numbers, so that a bin on an edge falls into the band above it whatever the sample rate.
    band = np.arange(geometry.bins) * rate // (geometry.window * BAND_HZ)
    wanted, error, found = power @ (band[:, np.newaxis] == np.arange(limit_hz // BAND_HZ))
    offered = (wanted > 0) & (wanted >= 10 ** (-OFFERED_RANGE_DB / 10) * wanted.max())
    tolerance = 10 ** (LEVEL_TOLERANCE_DB / 10)
    level = offered & (found <= tolerance * wanted) & (tolerance * found >= wanted)
    waveform = level & (error < wanted)  # without the level a trace of the original would do: it lessens the error, too
    return {
        f"{name}_bandwidth_hz": float(BAND_HZ * bands.sum())
        for name, bands in (("level", level), ("waveform", waveform), ("offered", offered))
    }

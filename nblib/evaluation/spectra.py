"""How much of a codec's spectral holes an emulation has (MM'19 Section 4.3 speaks of "gaps in the spectrum")."""

from __future__ import annotations

import numpy as np

HOLE_DROP_DB = 20.0  # a bin of the coded spectrum that lies so far under the lossless one is a hole
AUDIBLE_FLOOR_DB = -80.0  # bins of the lossless spectrum below this (full-scale sine = 0 dB) cannot lose anything


def audible(lossless: np.ndarray) -> np.ndarray:
    """Where `lossless` has something to lose: boolean, the shape of the linear magnitudes given."""
    return lossless > 10 ** (AUDIBLE_FLOOR_DB / 20)


def holes(lossless: np.ndarray, coded: np.ndarray) -> np.ndarray:
    """Where `coded` lacks what `lossless` has: boolean, the shape of the linear magnitudes given."""
    return audible(lossless) & (coded < 10 ** (-HOLE_DROP_DB / 20) * lossless)


def share(part: np.ndarray, whole: np.ndarray) -> float:
    """How much of `whole` is `part`, both boolean; NaN of nothing."""
    return float(part.sum()) / float(whole.sum()) if whole.any() else float("nan")


def hole_scores(lossless: np.ndarray, coded: np.ndarray, emulated: np.ndarray, below_bin: int) -> dict[str, float]:
    """Precision and recall of the emulation's holes against the codec's, under the cut-off.

    Parameters
    ----------
    lossless, coded, emulated : np.ndarray [shape=(..., bins, frames)]
        Linear magnitude over that of a full-scale sine.
    below_bin : int
        Only bins below this one count, so that the low-pass alone earns nothing.

    Returns
    -------
    dict
        ``hole_share`` of the codec among audible points, ``hole_precision`` and ``hole_recall`` of the emulation, in
        [0, 1]; a precision without any hole predicted is NaN.
    """
    truth = holes(lossless, coded)[..., :below_bin, :]
    found = holes(lossless, emulated)[..., :below_bin, :]
    return {
        "hole_share": share(truth, audible(lossless)[..., :below_bin, :]),
        "hole_precision": share(truth & found, found),
        "hole_recall": share(truth & found, truth),
    }

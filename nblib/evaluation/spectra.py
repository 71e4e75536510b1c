"""How much of a codec's spectral holes an emulation has (MM'19 Section 4.3 speaks of "gaps in the spectrum")."""

from __future__ import annotations

import numpy as np

HOLE_DROP_DB = 20.0  # a bin of the coded spectrum that lies so far under the lossless one is a hole
AUDIBLE_FLOOR_DB = -80.0  # bins of the lossless spectrum below this (full-scale sine = 0 dB) cannot lose anything


def holes(lossless: np.ndarray, coded: np.ndarray) -> np.ndarray:
    """Where `coded` lacks what `lossless` has: boolean, the shape of the linear magnitudes given."""
    drop = 10 ** (-HOLE_DROP_DB / 20)
    return (lossless > 10 ** (AUDIBLE_FLOOR_DB / 20)) & (coded < drop * lossless)


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
        ``hole_share`` of the codec, ``hole_precision`` and ``hole_recall`` of the emulation, in [0, 1]; a precision
        without any hole predicted is NaN.
    """
    truth = holes(lossless, coded)[..., :below_bin, :]
    found = holes(lossless, emulated)[..., :below_bin, :]
    both = float((truth & found).sum())
    return {
        "hole_share": float(truth.mean()),
        "hole_precision": both / float(found.sum()) if found.any() else float("nan"),
        "hole_recall": both / float(truth.sum()) if truth.any() else float("nan"),
    }

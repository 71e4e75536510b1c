"""Measures of an estimate against its reference, the variant and the unit in each name.

A measure that cannot be taken of a pair (too little speech, a compiled package that set-up left out) is NaN, so that a
table keeps its row; a pair that is wrong in itself (lengths, silence in the reference, NaN) is an error.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
from pystoi import stoi

from nblib.audio import SILENCE, check_signal, resample
from nblib.errors import AudioError

try:
    import pesq as pesq_package
except ImportError:  # source-only package: set-up adds it where a C compiler is found
    pesq_package = None

PESQ_SAMPLE_RATE = 16000
SHORTEST_ESTOI_SECONDS, SHORTEST_PESQ_SECONDS = 0.384, 0.25


def estoi(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> float:
    """Extended short-time objective intelligibility (Jensen and Taal 2016) by pystoi, about 0 to 1.

    NaN where less than 384 ms of the reference are speech, which pystoi needs.

    Parameters
    ----------
    reference, estimate : np.ndarray [shape=(n,)]
        Full scale 1.
    sample_rate : int
        In Hz.

    Raises
    ------
    AudioError
        The lengths differ, a signal is not finite, or the reference is silent.
    """
    _check_pair(reference, estimate)
    if len(reference) < SHORTEST_ESTOI_SECONDS * sample_rate:
        return math.nan
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Not enough STFT frames", category=RuntimeWarning)
        state = np.random.get_state()
        np.random.seed(0)  # pystoi adds noise of 1e-16 from numpy's global generator
        try:
            return float(stoi(reference, estimate, sample_rate, extended=True))
        except RuntimeWarning:
            return math.nan
        finally:
            np.random.set_state(state)


def pesq_wb(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> float:
    """Wide-band PESQ (ITU-T P.862.2) at 16 kHz by the pesq package, 1.0 to 4.64.

    NaN where the package is not installed, where it finds no utterance, for a silent estimate, or for under a quarter
    of a second. Parameters and errors as for `estoi`.
    """
    _check_pair(reference, estimate)
    if pesq_package is None or len(reference) < SHORTEST_PESQ_SECONDS * sample_rate or _is_silent(estimate):
        return math.nan
    at_16k = [resample(samples, sample_rate, PESQ_SAMPLE_RATE) for samples in (reference, estimate)]
    try:
        return float(pesq_package.pesq(PESQ_SAMPLE_RATE, *at_16k, "wb"))
    except pesq_package.NoUtterancesError:
        return math.nan


def si_sdr_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019, equation 2), means removed.

    Minus infinity for a silent estimate, over 300 dB (rounding) or infinity for a perfect one. Parameters and errors as
    for `estoi`.
    """
    _check_pair(reference, estimate)
    target = reference.astype(np.float64) - reference.mean(dtype=np.float64)
    check_signal(target, "reference without its mean")
    found = estimate.astype(np.float64) - estimate.mean(dtype=np.float64)
    projection = target * (found @ target) / (target @ target)
    signal, distortion = float(projection @ projection), float(np.square(found - projection).sum())
    if signal == 0.0:
        return -math.inf
    return math.inf if distortion == 0.0 else 10 * math.log10(signal / distortion)


def score(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> dict[str, float]:
    """All measures of speech: ``estoi``, ``pesq_wb``, ``si_sdr_db``. Parameters and errors as for `estoi`."""
    return {
        "estoi": estoi(reference, estimate, sample_rate),
        "pesq_wb": pesq_wb(reference, estimate, sample_rate),
        "si_sdr_db": si_sdr_db(reference, estimate),
    }


def _is_silent(samples: np.ndarray) -> bool:
    return float(np.abs(samples).max()) < SILENCE


def _check_pair(reference: np.ndarray, estimate: np.ndarray) -> None:
    if reference.ndim != 1 or reference.shape != estimate.shape:
        raise AudioError(
            f"reference {reference.shape} and estimate {estimate.shape}: two mono signals of one length are needed"
        )
    check_signal(reference, "reference")
    check_signal(estimate, "estimate", allow_silence=True)

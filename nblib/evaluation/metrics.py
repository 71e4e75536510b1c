"""Measures of an estimate against its reference, the variant and the unit in each name.

A measure that cannot be taken of a pair (too little speech, a package that is not installed) is NaN, so that a table
keeps its row; a pair that is wrong in itself (lengths, silence in the reference, NaN) is an error.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import numpy as np
from pystoi import stoi

from nblib.audio import SILENCE, resample
from nblib.errors import AudioError, ParameterError, check_choice
from nblib.evaluation.peaq import peaq_basic
from nblib.evaluation.waveform import bss_eval, check_pair, si_sdr_db

try:
    import pesq as pesq_package
except ImportError:  # source-only package: set-up adds it where a C compiler is found
    pesq_package = None

DEFAULT_MEASURES = ("estoi", "pesq_wb", "si_sdr_db")

Pair = tuple[np.ndarray, np.ndarray, int]  # reference, estimate, and their sample rate in Hz


def estoi(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> float:
    """Extended short-time objective intelligibility (Jensen and Taal 2016) by pystoi, about 0 to 1.

    Of signals [shape=(n,), full scale 1], see `check_pair`; NaN where less than 384 ms of the reference are speech.
    """
    check_pair(reference, estimate)
    if len(reference) < 0.384 * sample_rate:
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
    """Wide-band PESQ (ITU-T P.862.2) at 16 kHz by the pesq package, 1.0 to 4.64; parameters as for `estoi`.

    NaN where the package is missing or finds no utterance, for a silent estimate, or for too short a pair.
    """
    pair = _resampled((reference, estimate, sample_rate), 16_000, least=0.25)
    if pair is None or pesq_package is None:
        return math.nan
    try:
        return float(pesq_package.pesq(16_000, *pair, "wb"))
    except pesq_package.NoUtterancesError:
        return math.nan


def visqol_audio(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> float:
    """ViSQOL 3 in audio mode (Chinen et al. 2020) at 48 kHz by visqol-python, as MOS-LQO from 1 to 4.73.

    It brings both to one level and in line first: neither gain nor delay cost anything. Parameters as for `estoi`; NaN
    where the package is missing (``pip install visqol-python==3.8.0`` needs a C++ compiler), or as for `pesq_wb`.
    """
    pair = _resampled((reference, estimate, sample_rate), 48_000, least=0.96)
    if pair is None or _visqol() is None:
        return math.nan
    return float(_visqol().measure_from_arrays(*pair, 48_000).moslqo)


@cache
def _visqol() -> Any:
    try:
        import visqol  # takes a second, which nobody shall wait for who does not ask for it
    except ImportError:
        return None
    api = visqol.VisqolApi()
    api.create(mode="audio")
    return api


def _resampled(pair: Pair, rate: int, least: float) -> list[np.ndarray] | None:
    reference, estimate, sample_rate = pair
    check_pair(reference, estimate)
    if len(reference) < least * sample_rate or np.abs(estimate).max() < SILENCE:
        return None
    return [resample(samples, sample_rate, rate) for samples in (reference, estimate)]


def _separation(pair: Pair, interference: np.ndarray | None) -> dict[str, float]:
    reference, estimate, _ = pair
    others = np.empty((0, len(reference))) if interference is None else np.atleast_2d(interference)
    if others.shape[1:] != reference.shape:
        raise AudioError(f"interference {others.shape}: (n,) or (others, n) with n = {len(reference)} is needed")
    sources = np.concatenate([reference[np.newaxis], others])
    # No ratio depends on the other sources' estimates, so that any will do.
    ratios = bss_eval(sources, np.broadcast_to(estimate, sources.shape))
    return {name: float(ratio[0]) for name, ratio in zip(("sdr_db", "sir_db", "sar_db"), ratios, strict=True)}


PEAQ = {"two_f": "two_f", "odg": "odg", "nmr_db": "TotalNMRB"}  # by `peaq_basic`'s names
# What takes each measure, and at once those that come with it.
MEASURES: dict[str, Callable[[Pair, np.ndarray | None], dict[str, float]]] = {
    "estoi": lambda pair, _: {"estoi": estoi(*pair)},
    "pesq_wb": lambda pair, _: {"pesq_wb": pesq_wb(*pair)},
    "si_sdr_db": lambda pair, _: {"si_sdr_db": si_sdr_db(*pair[:2])},
    "visqol_audio": lambda pair, _: {"visqol_audio": visqol_audio(*pair)},
    **dict.fromkeys(("sdr_db", "sir_db", "sar_db"), _separation),
    **dict.fromkeys(PEAQ, lambda pair, _: dict(zip(PEAQ, itemgetter(*PEAQ.values())(peaq_basic(*pair)), strict=True))),
}


def score(
    reference: np.ndarray,
    estimate: np.ndarray,
    sample_rate: int,
    measures: Sequence[str] = DEFAULT_MEASURES,
    interference: np.ndarray | None = None,
) -> dict[str, float]:
    """The measures asked for, by name and in the order asked; by default those of speech.

    ``estoi`` (about 0 to 1), ``pesq_wb`` (1 to 4.64), ``visqol_audio`` (1 to 4.73) and ``si_sdr_db`` are the functions
    of that name; ``sdr_db``, ``sir_db`` and ``sar_db`` (-100 to 100 dB) are `bss_eval`'s, with 512 taps allowed;
    ``two_f`` (0 to 100), ``odg`` (-3.98 to 0.22) and ``nmr_db`` (lower is better) are `peaq_basic`'s.

    Of signals [shape=(n,), full scale 1]. `interference` [shape=(n,) or (others, n)], the noise or the accompaniment,
    is the other true sources of the mixture, which ``sir_db`` and ``sar_db`` need (`ParameterError` without).
    `AudioError` where lengths differ, samples are not finite, or the reference or the interference is silent.
    """
    for name in measures:
        check_choice("measure", name, MEASURES)
        if name in ("sir_db", "sar_db") and interference is None:
            raise ParameterError(f"measure={name!r} needs interference=, the other true sources of the mixture")
    check_pair(reference, estimate)
    found: dict[str, float] = {}
    for name in measures:
        if name not in found:
            found |= MEASURES[name]((reference, estimate, sample_rate), interference)
    return {name: found[name] for name in measures}

"""Measures of an estimate against its reference, the variant and the unit in each name.

A measure that cannot be taken of a pair (too little speech, a package that is not installed) is NaN, so that a table
keeps its row; a pair that is wrong in itself (lengths, silence in the reference, NaN) is an error.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from pystoi import stoi

from nblib.audio import SILENCE, check_signal, resample
from nblib.errors import AudioError, ParameterError, check_choice
from nblib.evaluation.separation import bss_eval

try:
    import pesq as pesq_package
except ImportError:  # source-only package: set-up adds it where a C compiler is found
    pesq_package = None

PESQ_SAMPLE_RATE, VISQOL_SAMPLE_RATE = 16000, 48000
SHORTEST_ESTOI_SECONDS, SHORTEST_PESQ_SECONDS, SHORTEST_VISQOL_SECONDS = 0.384, 0.25, 0.96
DEFAULT_MEASURES = ("estoi", "pesq_wb", "si_sdr_db")


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


def visqol_audio(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> float:
    """ViSQOL 3 in audio mode (Chinen et al. 2020) at 48 kHz by visqol-python, as MOS-LQO from 1 to 4.73.

    It brings both to one level and in line first, so that neither a gain nor a delay costs anything. NaN where the
    package is not installed (``pip install visqol-python==3.8.0`` needs a C++ compiler), for a silent estimate, or for
    under 960 ms. Parameters and errors as for `estoi`.
    """
    _check_pair(reference, estimate)
    if len(reference) < SHORTEST_VISQOL_SECONDS * sample_rate or _is_silent(estimate) or _visqol() is None:
        return math.nan
    at_48k = [resample(samples, sample_rate, VISQOL_SAMPLE_RATE) for samples in (reference, estimate)]
    return float(_visqol().measure_from_arrays(*at_48k, VISQOL_SAMPLE_RATE).moslqo)


@dataclass(frozen=True, eq=False)
class Pair:
    """What a measure is taken of; what several measures share is computed once."""

    reference: np.ndarray
    estimate: np.ndarray
    sample_rate: int
    interference: np.ndarray | None = None

    @cached_property
    def separation(self) -> tuple[float, float, float]:
        """SDR, SIR and SAR in dB by `bss_eval`; only the first means anything without `interference`."""
        sources = self.reference[np.newaxis]
        if self.interference is not None:
            others = np.atleast_2d(self.interference)
            if others.shape[1:] != self.reference.shape:
                raise AudioError(
                    f"interference {self.interference.shape}: mono signals of the reference's length are needed, "
                    f"shape (n,) or (others, n) with n = {len(self.reference)}"
                )
            sources = np.concatenate([sources, others])
        # No ratio depends on the other sources' estimates, so that any will do.
        sdr_db, sir_db, sar_db = bss_eval(sources, np.broadcast_to(self.estimate, sources.shape))
        return float(sdr_db[0]), float(sir_db[0]), float(sar_db[0])

    @cached_property
    def peaq(self) -> Mapping[str, float]:
        """The variables of PEAQ basic, and what is made of them."""
        from nblib.evaluation.peaq import peaq_basic

        return peaq_basic(self.reference, self.estimate, self.sample_rate)


MEASURES: dict[str, Callable[[Pair], float]] = {
    "estoi": lambda pair: estoi(pair.reference, pair.estimate, pair.sample_rate),
    "pesq_wb": lambda pair: pesq_wb(pair.reference, pair.estimate, pair.sample_rate),
    "si_sdr_db": lambda pair: si_sdr_db(pair.reference, pair.estimate),
    "sdr_db": lambda pair: pair.separation[0],
    "sir_db": lambda pair: pair.separation[1],
    "sar_db": lambda pair: pair.separation[2],
    "two_f": lambda pair: pair.peaq["two_f"],
    "odg": lambda pair: pair.peaq["odg"],
    "nmr_db": lambda pair: pair.peaq["TotalNMRB"],
    "visqol_audio": lambda pair: visqol_audio(pair.reference, pair.estimate, pair.sample_rate),
}
NEED_INTERFERENCE = ("sir_db", "sar_db")


def score(
    reference: np.ndarray,
    estimate: np.ndarray,
    sample_rate: int,
    measures: Sequence[str] = DEFAULT_MEASURES,
    interference: np.ndarray | None = None,
) -> dict[str, float]:
    """The measures asked for, by name and in the order asked; by default those of speech.

    ================  ===========================================================  ==============
    ``estoi``         extended short-time objective intelligibility: `estoi`       about 0 to 1
    ``pesq_wb``       wide-band PESQ: `pesq_wb`                                     1 to 4.64
    ``si_sdr_db``     scale-invariant signal-to-distortion ratio: `si_sdr_db`       dB
    ``sdr_db``        signal-to-distortion ratio, 512 taps allowed: `bss_eval`      -100 to 100 dB
    ``sir_db``        signal-to-interference ratio, likewise                        -100 to 100 dB
    ``sar_db``        signal-to-artefacts ratio, likewise                           -100 to 100 dB
    ``two_f``         2f-model's MUSHRA score: `peaq_basic`                         0 to 100
    ``odg``           objective difference grade of PEAQ basic                      -3.98 to 0.22
    ``nmr_db``        total noise-to-mask ratio of PEAQ basic, lower is better      dB
    ``visqol_audio``  ViSQOL 3 in audio mode, MOS-LQO: `visqol_audio`               1 to 4.73
    ================  ===========================================================  ==============

    Parameters
    ----------
    reference, estimate : np.ndarray [shape=(n,)]
        Full scale 1.
    sample_rate : int
        In Hz.
    measures : sequence of str
        Names of the table.
    interference : np.ndarray [shape=(n,) or (others, n)], optional
        The other true sources of the mixture, which ``sir_db`` and ``sar_db`` need: the noise where speech is denoised,
        the accompaniment where vocals are separated. Estimates of them are not needed.

    Raises
    ------
    AudioError
        The lengths differ, a signal is not finite, or the reference or the interference is silent.
    ParameterError
        A measure has no such name, or needs `interference` where none is given.
    """
    for name in measures:
        check_choice("measure", name, MEASURES)
        if name in NEED_INTERFERENCE and interference is None:
            raise ParameterError(f"measure={name!r} needs interference=, the other true sources of the mixture")
    _check_pair(reference, estimate)
    pair = Pair(reference, estimate, sample_rate, interference)
    return {name: MEASURES[name](pair) for name in measures}


@cache
def _visqol() -> Any:
    """ViSQOL with its model loaded, or None where it is not installed."""
    try:
        import visqol  # takes a second, which nobody shall wait for who does not ask for it

        api = visqol.VisqolApi()
        api.create(mode="audio")
    except ImportError:
        return None
    return api


def _is_silent(samples: np.ndarray) -> bool:
    return float(np.abs(samples).max()) < SILENCE


def _check_pair(reference: np.ndarray, estimate: np.ndarray) -> None:
    if reference.ndim != 1 or reference.shape != estimate.shape:
        raise AudioError(
            f"reference {reference.shape} and estimate {estimate.shape}: two mono signals of one length are needed"
        )
    check_signal(reference, "reference")
    check_signal(estimate, "estimate", allow_silence=True)

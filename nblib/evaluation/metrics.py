"""Measures of an estimate against its reference, mono [shape=(n,), full scale 1]; NaN and errors: docs/measures.md."""

import math
import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import fast_bss_eval
import numpy as np
import torch
from pystoi import stoi

from nblib.audio.signals import SILENCE, check_signal, measured_snr_db, resample
from nblib.errors import AudioError, ParameterError, check_choice
from nblib.evaluation.peaq import check_pair, peaq_basic
from nblib.provenance import torch_threads

FILTER_TAPS, LIMIT_DB = 512, 100.0


def si_sdr_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019, equation 2), means removed."""
    check_pair(reference, estimate)
    target, found = (each.astype(np.float64) - each.mean(dtype=np.float64) for each in (reference, estimate))
    check_signal(target, "reference without its mean")
    projection = target * (found @ target) / (target @ target)
    return measured_snr_db(projection, found - projection) if projection.any() else -math.inf


def bss_eval(references: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    """Signal-to-distortion, -interference and -artefacts ratios in dB [shape=(3, sources)], in [-100, 100].

    Of signals [shape=(sources, n)], by BSS-eval version 3, ``bss_eval_sources`` (Vincent, Gribonval and Fevotte 2006):
    any filter of 512 taps is allowed, so that a gain, a short delay or an equaliser costs nothing (in museval's
    default, *images*, it does). NaN for a silent estimate, or under 512 samples a source, where filters fit anything.
    """
    check_pair(references, estimates, dimensions=2)
    for index, reference in enumerate(references):
        check_signal(reference, f"references[{index}]")
    if references.shape[1] < FILTER_TAPS * len(references):
        return np.full((3, len(references)), math.nan)
    # As tensors, because with numpy 2 the array version of fast_bss_eval 0.1.4 fails unless it permutes.
    pair = [torch.from_numpy(np.array(samples, dtype=np.float64, order="C")) for samples in (references, estimates)]
    # Over a codec's cut-off the projection on a reference's shifts is ill-conditioned: without a floor of -120 dB
    # (load_diag), float32 samples of such a pair gave a SAR 7 dB off.
    options = {"filter_length": FILTER_TAPS, "clamp_db": LIMIT_DB, "compute_permutation": False, "load_diag": 1e-12}
    # On one thread: where the number of torch's threads was changed before, its MKL fails to solve on several.
    with torch_threads(1):
        ratios = np.stack(fast_bss_eval.bss_eval_sources(*pair, **options))
    return np.where(np.abs(estimates).max(axis=1) < SILENCE, math.nan, ratios)


def frame_snr(original: np.ndarray, estimate: np.ndarray, frame_samples: int = 66_048) -> dict[str, float]:
    """Signal-to-noise ratio of one track, averaged over its frames (MM'19 Section 7, Table 3), in float64.

    Beside ``snr_db`` stand other readings of a paper without a formula (docs/measures.md). A rest behind the last frame
    is dropped; ``frames_left_out`` are digital silence in the original. Infinite with a frame without error.
    """
    check_pair(original, estimate, allow_silence=True)
    size = min(frame_samples, len(original))
    used = len(original) // size * size
    frames, found = (track[:used].reshape(-1, size).astype(np.float64) for track in (original, estimate))
    energy, squared_error = np.square(frames).sum(1), np.square(frames - found).sum(1)
    heard = energy > 0
    with np.errstate(divide="ignore"):
        levels_db = 10 * np.log10(energy[heard] / squared_error[heard]), -10 * np.log10(squared_error[heard] / size)
    snr, psnr = (float(values.mean()) if heard.any() else math.nan for values in levels_db)
    readings = {"snr_db": snr, "snr_20log_db": 2 * snr, "psnr_db": psnr, "snr_10ln": math.log(10) * snr}
    return readings | {"frames": int(heard.sum()), "frames_left_out": int((~heard).sum())}


def estoi(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> float:
    """Extended short-time objective intelligibility (Jensen and Taal 2016) by pystoi, about 0 to 1."""
    check_pair(reference, estimate)
    if len(reference) < 0.384 * sample_rate:
        return math.nan  # as where less than that is speech
    with warnings.catch_warnings(), suppress(RuntimeWarning):
        warnings.filterwarnings("error", message="Not enough STFT frames", category=RuntimeWarning)
        state = np.random.get_state()
        np.random.seed(0)  # pystoi adds noise of 1e-16 from numpy's global generator
        try:
            return float(stoi(reference, estimate, sample_rate, extended=True))
        finally:
            np.random.set_state(state)
    return math.nan


def pesq_wb(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> float:
    """Wide-band PESQ (ITU-T P.862.2) at 16 kHz by the pesq package, 1.0 to 4.64."""
    pair = _resampled((reference, estimate), sample_rate, 16_000, least=0.25)
    with suppress(ImportError):
        import pesq  # set-up adds it where a C compiler is found

        with suppress(pesq.NoUtterancesError):
            return float(pesq.pesq(16_000, *pair, "wb")) if pair else math.nan
    return math.nan


def visqol_audio(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> float:
    """ViSQOL 3 in audio mode (Chinen et al. 2020) at 48 kHz by visqol-python, 1 to 4.73, whatever gain and delay."""
    pair = _resampled((reference, estimate), sample_rate, 48_000, least=0.96)
    with suppress(ImportError):
        return float(_visqol().measure_from_arrays(*pair, 48_000).moslqo) if pair else math.nan
    return math.nan


@cache
def _visqol() -> Any:
    import visqol  # takes a second

    api = visqol.VisqolApi()
    api.create(mode="audio")
    return api


def _resampled(pair: tuple[np.ndarray, np.ndarray], sample_rate: int, to: int, least: float) -> list[np.ndarray] | None:
    check_pair(*pair)
    if len(pair[0]) < least * sample_rate or np.abs(pair[1]).max() < SILENCE:
        return None
    return [resample(samples, sample_rate, to) for samples in pair]


SINGLE = {
    "estoi": estoi,
    "pesq_wb": pesq_wb,
    "si_sdr_db": lambda reference, estimate, _: si_sdr_db(reference, estimate),
    "visqol_audio": visqol_audio,
}
SEPARATION = ("sdr_db", "sir_db", "sar_db")
PEAQ = {"two_f": "two_f", "odg": "odg", "nmr_db": "TotalNMRB"}  # by `peaq_basic`'s names
MEASURES = (*SINGLE, *SEPARATION, *PEAQ)


def score(
    reference: np.ndarray,
    estimate: np.ndarray,
    sample_rate: int,
    measures: Sequence[str] = ("estoi", "pesq_wb", "si_sdr_db"),
    interference: np.ndarray | None = None,
) -> dict[str, float]:
    """The `MEASURES` asked for, by name and in the order asked; ``nmr_db``, PEAQ's TotalNMRB, is better where lower.

    ``sir_db`` and ``sar_db`` need `interference` [shape=(n,) or (others, n)], the mixture's other true sources.
    """
    for name in measures:
        check_choice("measure", name, MEASURES)
        if name in ("sir_db", "sar_db") and interference is None:
            raise ParameterError(f"measure={name!r} needs interference=, the other true sources of the mixture")
    check_pair(reference, estimate)
    pair = reference, estimate, sample_rate
    found = {name: SINGLE[name](*pair) for name in measures if name in SINGLE}
    if not PEAQ.keys().isdisjoint(measures):
        graded = peaq_basic(*pair)
        found |= {name: graded[own] for name, own in PEAQ.items()}
    if not set(SEPARATION).isdisjoint(measures):
        others = np.empty((0, len(reference))) if interference is None else np.atleast_2d(interference)
        if others.shape[1:] != reference.shape:
            raise AudioError(f"interference {others.shape}: (n,) or (others, n) with n = {len(reference)} is needed")
        sources = np.stack([reference, *others])
        # No ratio depends on the other sources' estimates, so that any will do.
        ratios = bss_eval(sources, np.broadcast_to(estimate, sources.shape))[:, 0]
        found |= dict(zip(SEPARATION, ratios.tolist(), strict=True))
    return {name: found[name] for name in measures}

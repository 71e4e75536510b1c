"""Measures of waveforms: SI-SDR, BSS-eval, and the SNR of MM'19 Table 3."""

import math

import fast_bss_eval
import numpy as np
import torch

from nblib.audio import SILENCE, check_signal
from nblib.errors import AudioError
from nblib.provenance import torch_threads

FILTER_TAPS, LIMIT_DB = 512, 100.0
# A reference that ends at a codec's cut-off has almost no energy above it, and the projection on its shifts is then
# ill-conditioned: without a floor of -120 dB, float32 samples of such a pair gave a SAR 7 dB off.
FLOOR = 1e-12


def check_pair(reference: np.ndarray, estimate: np.ndarray, allow_silence: bool = False) -> None:
    """Raise `AudioError` unless these are mono signals of one length, finite, the reference not silent."""
    if reference.ndim != 1 or reference.shape != estimate.shape:
        shapes = f"reference {reference.shape} and estimate {estimate.shape}"
        raise AudioError(f"{shapes}: two mono signals of one length are needed")
    check_signal(reference, "reference", allow_silence=allow_silence)
    check_signal(estimate, "estimate", allow_silence=True)


def si_sdr_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019, equation 2), means removed.

    Of `reference` and `estimate` [shape=(n,)]. Minus infinity for a silent estimate, over 300 dB (rounding) or infinity
    for a perfect one. `AudioError` where the lengths differ, a signal is not finite, or the reference is constant.
    """
    check_pair(reference, estimate)
    target = reference.astype(np.float64) - reference.mean(dtype=np.float64)
    check_signal(target, "reference without its mean")
    found = estimate.astype(np.float64) - estimate.mean(dtype=np.float64)
    projection = target * (found @ target) / (target @ target)
    signal, distortion = float(projection @ projection), float(np.square(found - projection).sum())
    if signal == 0.0:
        return -math.inf
    return math.inf if distortion == 0.0 else 10 * math.log10(signal / distortion)


def bss_eval(references: np.ndarray, estimates: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signal-to-distortion, -interference and -artefacts ratios of BSS-eval version 3 by fast_bss_eval.

    The variant is ``bss_eval_sources`` (Vincent, Gribonval and Fevotte 2006; Scheibler 2022): an estimate is projected
    on its own reference, and on all references, each let through any filter of 512 taps, so that a gain, a short delay
    or an equaliser costs nothing (museval's default, *images*, allows none). No permutation is searched.

    Of `references` and `estimates` [shape=(sources, n)]; `AudioError` for other shapes, where a signal is not finite,
    or a reference silent. All three ratios [shape=(sources,), float64, dB] are limited to -100 and 100; NaN for a
    silent estimate, and where n is under 512 times the number of sources: the filters could then fit anything.
    """
    if references.ndim != 2 or references.shape != estimates.shape:
        shapes = f"references {references.shape} and estimates {estimates.shape}"
        raise AudioError(f"{shapes}: both must have one shape, (sources, n)")
    for index, (reference, estimate) in enumerate(zip(references, estimates, strict=True)):
        check_signal(reference, f"references[{index}]")
        check_signal(estimate, f"estimates[{index}]", allow_silence=True)
    unmeasured = np.abs(estimates).max(axis=1) < SILENCE
    if references.shape[1] < FILTER_TAPS * len(references):
        return (np.full(len(references), math.nan),) * 3
    # As tensors, because with numpy 2 the array version of fast_bss_eval 0.1.4 fails unless it permutes.
    pair = [torch.from_numpy(np.array(samples, dtype=np.float64, order="C")) for samples in (references, estimates)]
    # On one thread: where the number of torch's threads was changed before, its MKL fails to solve on several.
    with torch_threads(1):
        ratios = fast_bss_eval.bss_eval_sources(
            *pair, filter_length=FILTER_TAPS, clamp_db=LIMIT_DB, compute_permutation=False, load_diag=FLOOR
        )
    sdr_db, sir_db, sar_db = np.where(unmeasured, math.nan, np.stack(ratios))
    return sdr_db, sir_db, sar_db


def frame_snr(original: np.ndarray, estimate: np.ndarray, frame_samples: int = 66_048) -> dict[str, float]:
    """Signal-to-noise ratio of one track, averaged over its frames (MM'19 Section 7, Table 3), in float64.

    The paper gives no formula, and 45.6 to 62.7 dB are much for a network whose bottleneck halves the numbers. So
    beside ``snr_db``, 10 log10 of the original's energy over the error's, stand other readings: ``snr_20log_db``, 20
    log10 of that ratio, as if it were one of amplitudes; ``psnr_db``, 10 log10 of 1 over the mean squared error, as if
    the peak were full scale; ``snr_10ln``, 10 times the natural logarithm of the ratio.

    Each is the mean over frames (by default of the patch of Models A to C): infinite with a frame without any error,
    NaN without any frame. What is left over at the end of a track [shape=(n,)] is dropped; one shorter than a frame is
    one frame. ``frames`` are averaged; ``frames_left_out`` are digital silence in the original, which has no ratio.
    """
    check_pair(original, estimate, allow_silence=True)
    size = min(frame_samples, len(original))
    used = len(original) // size * size
    frames, found = (track[:used].reshape(-1, size).astype(np.float64) for track in (original, estimate))
    energy, squared_error = np.square(frames).sum(1), np.square(frames - found).sum(1)
    heard = energy > 0
    with np.errstate(divide="ignore"):
        snr_db = 10 * np.log10(energy[heard] / squared_error[heard])
        psnr_db = -10 * np.log10(squared_error[heard] / size)
    snr, psnr = (float(values.mean()) if heard.any() else math.nan for values in (snr_db, psnr_db))
    readings = {"snr_db": snr, "snr_20log_db": 2 * snr, "psnr_db": psnr, "snr_10ln": math.log(10) * snr}
    return readings | {"frames": int(heard.sum()), "frames_left_out": int((~heard).sum())}

"""What is left of the other sources and what is added in an estimate of one source of a mixture (BSS-eval)."""

from __future__ import annotations

import math

import fast_bss_eval
import numpy as np
import torch

from nblib.audio import SILENCE, check_signal
from nblib.errors import AudioError

FILTER_TAPS = 512
LIMIT_DB = 100.0
# A reference that ends at a codec's cut-off has almost no energy above it, and the projection on its shifts is then
# ill-conditioned: without a floor of -120 dB, float32 samples of such a pair gave a SAR 7 dB off.
FLOOR = 1e-12


def bss_eval(references: np.ndarray, estimates: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signal-to-distortion, -interference and -artefacts ratios of BSS-eval version 3 by fast_bss_eval.

    The variant is ``bss_eval_sources`` (Vincent, Gribonval and Fevotte 2006; Scheibler 2022): an estimate is projected
    on its own reference, and on all references, each let through any filter of 512 taps, so that a gain, a short delay
    or an equaliser costs nothing. One filter holds for the whole signal. museval's default is another variant,
    *images*, whose SDR has no such allowance. Estimate k belongs to reference k: no permutation is searched.

    Parameters
    ----------
    references, estimates : np.ndarray [shape=(sources, n)]
        Full scale 1.

    Returns
    -------
    sdr_db, sir_db, sar_db : np.ndarray [shape=(sources,)]
        float64, in dB, limited to -100 and 100, beyond which rounding decides. NaN in all three of a source whose
        estimate is silent, and of every source where n is less than 512 times the number of sources, since the filters
        could then fit anything.

    Raises
    ------
    AudioError
        The shapes differ or are not (sources, n), a signal is not finite, or a reference is silent.
    """
    _check(references, estimates)
    sources, n = references.shape
    if n < FILTER_TAPS * sources:
        unmeasured = np.full(sources, math.nan)
        return unmeasured, unmeasured.copy(), unmeasured.copy()
    # As tensors, because with numpy 2 the array version of fast_bss_eval 0.1.4 fails unless it permutes.
    ratios = fast_bss_eval.bss_eval_sources(
        *(torch.from_numpy(np.array(samples, dtype=np.float64, order="C")) for samples in (references, estimates)),
        filter_length=FILTER_TAPS,
        clamp_db=LIMIT_DB,
        compute_permutation=False,
        load_diag=FLOOR,
    )
    silent = np.abs(estimates).max(axis=1) < SILENCE
    sdr_db, sir_db, sar_db = (np.where(silent, math.nan, ratio.numpy()) for ratio in ratios)
    return sdr_db, sir_db, sar_db


def _check(references: np.ndarray, estimates: np.ndarray) -> None:
    if references.ndim != 2 or references.shape != estimates.shape or len(references) == 0:
        raise AudioError(
            f"references {references.shape} and estimates {estimates.shape}: both must have one shape, (sources, n)"
        )
    for index, (reference, estimate) in enumerate(zip(references, estimates, strict=True)):
        check_signal(reference, f"references[{index}]")
        check_signal(estimate, f"estimates[{index}]", allow_silence=True)

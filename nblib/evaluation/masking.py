"""Where the error of an estimate lies against what its reference masks, by the ear model of PEAQ's basic version.

The error of a band in a frame is that of PEAQ's noise-to-mask ratio: the squared difference of the magnitudes of
estimate and reference as they are heard, and the threshold is the reference's excitation less the masking offset (ITU-R
BS.1387-1, Annex 2, Sections 2.1 and 4.5). Where the error passes the threshold it can be heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from nblib.audio import check_signal, resample
from nblib.errors import AudioError
from nblib.evaluation import ear_model
from nblib.evaluation.ear_model import tensor
from nblib.evaluation.peaq_variables import patterns

BANDS_PER_BARK = round(1 / ear_model.BAND_WIDTH)


@dataclass(frozen=True)
class Residual:
    """Energies per band of one Bark over the whole signal, each [shape=(bands,)], over the reference's in all bands.

    Attributes
    ----------
    centre_hz : np.ndarray
        Of each band; only bands that begin under half the sample rate.
    target : np.ndarray
        The reference's own; sums to 1.
    added_above, added_below : np.ndarray
        Error where the estimate is the stronger one (what was left of the rest, or put in), over and under the
        masking threshold.
    missing_above, missing_below : np.ndarray
        Error where the estimate is the weaker one.
    """

    centre_hz: np.ndarray
    target: np.ndarray
    added_above: np.ndarray
    added_below: np.ndarray
    missing_above: np.ndarray
    missing_below: np.ndarray


def residual(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> Residual:
    """The error of `estimate` against `reference` [shape=(n,)], split by the masking threshold of `reference`.

    Levels are left as they are: an estimate that is too soft misses something.

    Raises
    ------
    AudioError
        Shapes differ, a signal is not finite, the reference is silent, or there is less than one window of 43 ms.
    """
    if reference.ndim != 1 or reference.shape != estimate.shape:
        raise AudioError(
            f"reference {reference.shape} and estimate {estimate.shape}: two mono signals of one length are needed"
        )
    check_signal(reference, "reference")
    check_signal(estimate, "estimate", allow_silence=True)
    pair = resample(np.stack([reference, estimate]), sample_rate, ear_model.SAMPLE_RATE)
    if pair.shape[-1] < ear_model.WINDOW:
        raise AudioError(
            f"{len(reference)} samples: at least {ear_model.WINDOW} at 48 kHz are needed; take a longer one"
        )
    heard = patterns(torch.as_tensor(pair * ear_model.FULL_SCALE))
    powers = heard.heard.double()
    difference = powers[:, 1].sqrt() - powers[:, 0].sqrt()
    added, missing = (ear_model.grouped(part.square()) for part in (difference.clamp(min=0), difference.clamp(max=0)))
    threshold = heard.excitation[:, 0] * tensor(ear_model.masking_offset(), heard.excitation)
    above = added + missing > threshold
    target = ear_model.grouped(powers[:, 0]).sum(0)
    centre, groups = _groups(sample_rate)
    energies = [target, *((part * chosen).sum(0) for part in (added, missing) for chosen in (above, ~above))]
    return Residual(centre, *(_summed(energy / target.sum(), groups) for energy in energies))


def _groups(sample_rate: int) -> tuple[np.ndarray, list[slice]]:
    """Centre and members of the bands of one Bark."""
    bands = ear_model.bands()
    count = int((bands.lower_hz < sample_rate / 2).sum())
    groups = [slice(start, min(start + BANDS_PER_BARK, count)) for start in range(0, count, BANDS_PER_BARK)]
    return np.array([bands.centre_hz[group].mean() for group in groups]), groups


def _summed(values: torch.Tensor, groups: list[slice]) -> np.ndarray:
    return np.array([float(values[group].sum()) for group in groups])

"""Where the error of an estimate lies against what its reference masks, by the ear model of PEAQ's basic version.

The error of a band in a frame is that of PEAQ's noise-to-mask ratio: the squared difference of the magnitudes of
estimate and reference as they are heard, and the threshold is the reference's excitation less the masking offset (ITU-R
BS.1387-1, Annex 2, Sections 2.1 and 4.5). Where the error passes the threshold it can be heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from nblib.audio import resample
from nblib.errors import AudioError
from nblib.evaluation import ear_model
from nblib.evaluation.waveform import check_pair


@dataclass(frozen=True)
class Residual:
    """Energies per band of one Bark over the whole signal, each [shape=(bands,)], over the reference's in all bands.

    Bands begin under half the sample rate; ``target`` is the reference's own and sums to 1. Error is *added* where the
    estimate is the stronger one (what was left of the rest, or put in) and *missing* where it is the weaker one, above
    the masking threshold or below it.
    """

    centre_hz: np.ndarray
    target: np.ndarray
    added_above: np.ndarray
    added_below: np.ndarray
    missing_above: np.ndarray
    missing_below: np.ndarray


def residual(reference: np.ndarray, estimate: np.ndarray, sample_rate: int) -> Residual:
    """The error of `estimate` against `reference` [shape=(n,)], split by the masking threshold of `reference`.

    Levels are left as they are: an estimate that is too soft misses something. At least 43 ms, one window, are needed.
    """
    check_pair(reference, estimate)
    pair = resample(np.stack([reference, estimate]), sample_rate, ear_model.SAMPLE_RATE)
    if pair.shape[-1] < ear_model.WINDOW:
        raise AudioError(f"{len(reference)} samples: at least {ear_model.WINDOW} at 48 kHz are needed")
    heard = ear_model.patterns(torch.as_tensor(pair * ear_model.FULL_SCALE))
    powers = heard.heard.double()
    difference = powers[:, 1].sqrt() - powers[:, 0].sqrt()
    added, missing = (ear_model.grouped(part.square()) for part in (difference.clamp(min=0), difference.clamp(max=0)))
    above = added + missing > heard.excitation[:, 0] * torch.from_numpy(ear_model.MASKING_OFFSET)
    target = ear_model.grouped(powers[:, 0]).sum(0)
    energies = [target, *((part * chosen).sum(0) for part in (added, missing) for chosen in (above, ~above))]
    count = int((sample_rate / 2 > ear_model.LOWER_HZ).sum())
    starts = np.arange(0, count, round(1 / ear_model.BAND_WIDTH))  # one Bark each
    centre = np.add.reduceat(ear_model.CENTRE_HZ[:count], starts) / np.diff([*starts, count])
    return Residual(centre, *(np.add.reduceat((energy / target.sum()).numpy()[:count], starts) for energy in energies))

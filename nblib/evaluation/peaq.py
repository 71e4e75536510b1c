"""PEAQ, basic version (ITU-R BS.1387-1), and the 2f-model.

PEAQ predicts how people grade an impairment: ODG, objective difference grade, 0 (imperceptible) to -4 (very annoying).
The 2f-model maps two of its variables to a MUSHRA-like scale of 0 to 100 (Kastner and Herre, "An efficient model for
estimating subjective quality of separated audio source signals", WASPAA 2019); Torcoli et al. 2021 found it the best of
the open measures for coded and separated audio. As in both standard programs for PEAQ, signals are at 48 kHz and
rounded to 16 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nblib.audio import check_alignment, check_signal, resample
from nblib.errors import AudioError
from nblib.evaluation.ear_model import FULL_SCALE, HOP, SAMPLE_RATE, WINDOW
from nblib.evaluation.peaq_variables import START_FRAMES, WINDOW_FRAMES, model_output_variables

# The standard's names of the model output variables, in the order of its neural network's inputs.
VARIABLES = (
    *("BandwidthRefB", "BandwidthTestB", "TotalNMRB", "WinModDiff1B", "ADBB", "EHSB"),
    *("AvgModDiff1B", "AvgModDiff2B", "RmsNoiseLoudB", "MFPDB", "RelDistFramesB"),
)
PAIRS_AT_ONCE = 8  # what stays in the processor's cache and in a small GPU's memory
SHORTEST_FRAMES = START_FRAMES + WINDOW_FRAMES  # the modulation filters' settling and one window
ALIGNED_SECONDS = 0.0005
CLEARLY_ALIKE = 0.5  # least correlation at which a gain means anything
CLEARLY_IN_LINE = 0.9  # a correlation from which on no lag need be looked for
LEVEL_TOLERANCE_DB = 1.0  # about the just-noticeable difference of level (Jesteadt, Wier and Green 1977)

# The network of the basic version: BS.1387-1, Annex 2, Tables 18 and 19.
_LEAST = [393.916656, 361.965332, -24.045116, 1.110661, -0.206623, 0.074318, 1.113683, 0.950345, 0.029985, 0.000101, 0]
_MOST = [921, 881.131226, 16.212030, 107.137772, 2.886017, 13.933351, 63.257874, 1145.018555, 14.819740, 1, 1]
_HIDDEN = [
    [-0.502657, 0.436333, 1.219602],
    [4.307481, 3.246017, 1.123743],
    [4.984241, -2.211189, -0.192096],
    [0.051056, -1.762424, 4.331315],
    [2.321580, 1.789971, -0.754560],
    [-5.303901, -3.452257, -10.814982],
    [2.730991, -6.111805, 1.519223],
    [0.624950, -1.331523, -5.955151],
    [3.102889, 0.871260, -5.922878],
    [-1.051468, -0.939882, -0.142913],
    [-1.804679, -0.503610, -0.620456],
]
_HIDDEN_BIAS = [-2.518254, 0.654841, -2.207228]
_OUTPUT, _OUTPUT_BIAS = [-3.817048, 4.107138, 4.629582], -0.307594
_LEAST_GRADE, _MOST_GRADE = -3.98, 0.22


def grades(values: np.ndarray) -> dict[str, np.ndarray]:
    """``di`` and ``odg`` (Annex 2, Section 6) and ``two_f`` (0 to 100) of the variables [shape=(..., 11)]."""
    least, most = np.array(_LEAST), np.array(_MOST)
    hidden = ((values - least) / (most - least)) @ np.array(_HIDDEN) + _HIDDEN_BIAS
    index = (1 / (1 + np.exp(-hidden))) @ np.array(_OUTPUT) + _OUTPUT_BIAS
    # Kastner and Herre 2019; Torcoli et al. 2021, arXiv 2110.11438.
    modulation, steps = values[..., VARIABLES.index("AvgModDiff1B")], values[..., VARIABLES.index("ADBB")]
    score = 56.1345 / (1 + (-0.0282 * modulation - 0.8628) ** 2) - 27.1451 * steps + 86.3515
    odg = _LEAST_GRADE + (_MOST_GRADE - _LEAST_GRADE) / (1 + np.exp(-index))
    return {"di": index, "odg": odg, "two_f": np.clip(score, 0, 100)}


def peaq_basic(
    reference: np.ndarray, estimate: np.ndarray, sample_rate: int, device: str | torch.device = "cpu"
) -> dict[str, Any]:
    """PEAQ's basic version and the 2f-model of one pair or of a batch of pairs.

    An estimate that holds the reference over 1 dB too loud or too soft is first brought to its level. Less is left
    alone, as by the programs whose values are published: LAME turns everything down by 0.45 dB, and to undo that moves
    the 2f-model by up to 10 points.

    Parameters
    ----------
    reference, estimate : np.ndarray [shape=(n,) or (batch, n)]
        Mono, full scale 1, at `sample_rate` (Hz; all but 48 kHz is resampled). `AudioError` where shapes differ, a
        signal is not finite, the reference is silent, or they are out of line by over half a millisecond.
    device : str or torch.device
        Where to compute, in float64.

    Returns
    -------
    dict
        The eleven model output variables by the standard's names (`VARIABLES`; TotalNMRB in dB), ``di``, ``odg`` (-3.98
        to 0.22), ``two_f`` (0 to 100), and ``gain_db``, what was applied to the estimate: each a float, or an array
        [shape=(batch,)]. NaN for a pair that cannot be measured: under 0.65 s between the reference's first and last
        sound, or a silent estimate; ``reason`` says which, and is empty otherwise (a list for a batch).
    """
    check_signal(reference, "reference", allow_silence=True)
    check_signal(estimate, "estimate", allow_silence=True)
    if reference.shape != estimate.shape or reference.ndim > 2:
        shapes = f"reference {reference.shape} and estimate {estimate.shape}"
        raise AudioError(f"{shapes}: mono signals of equal shape are needed")
    pairs = [np.atleast_2d(resample(samples, sample_rate, SAMPLE_RATE)) for samples in (reference, estimate)]
    measured = [
        _measure([torch.as_tensor(samples[first : first + PAIRS_AT_ONCE], device=device) for samples in pairs], first)
        for first in range(0, len(pairs[0]), PAIRS_AT_ONCE)
    ]
    table, reasons = np.concatenate([values for values, _ in measured]), [why for _, each in measured for why in each]
    columns = dict(zip((*VARIABLES, "gain_db"), table.T, strict=True)) | grades(table[:, :-1])
    if reference.ndim == 1:
        return {name: float(column[0]) for name, column in columns.items()} | {"reason": reasons[0]}
    return columns | {"reason": reasons}


def _measure(pairs: list[Tensor], first: int) -> tuple[np.ndarray, list[str]]:
    """Variables and gain in dB [shape=(batch, 12)] of pairs at 48 kHz, numbered from `first`, and why one has none."""
    reference, estimate = pairs
    energy, other = reference.square().sum(-1), estimate.square().sum(-1)
    if (energy == 0).any():
        raise AudioError(f"reference {first + int((energy == 0).int().argmax())}: silent; leave this pair out")
    if reference.shape[-1] < WINDOW + SHORTEST_FRAMES * HOP:
        return np.array([[np.nan] * len(VARIABLES) + [0.0]] * len(reference)), ["too short"] * len(reference)
    product = (reference * estimate).sum(-1)
    correlation = product / (energy * other).sqrt().clamp(min=1e-30)
    for pair in torch.nonzero(correlation < CLEARLY_IN_LINE).flatten().tolist():
        early, late = (samples[pair].cpu().numpy() for samples in pairs)
        check_alignment(f"estimate of pair {first + pair}", late, early, SAMPLE_RATE, ALIGNED_SECONDS)
    gain = torch.where(correlation >= CLEARLY_ALIKE, energy / product, 1.0)
    gain = torch.where(20 * gain.log10().abs() > LEVEL_TOLERANCE_DB, gain, 1.0)
    reference, estimate = (
        (samples * FULL_SCALE).round().clamp(-FULL_SCALE, FULL_SCALE - 1)
        for samples in (reference, estimate * gain[:, None])
    )
    valid = _frames_with_sound(reference)
    reasons = [
        "estimate is silent" if not heard else "too short" if count <= SHORTEST_FRAMES else ""
        for heard, count in zip(estimate.any(-1).tolist(), valid.sum(0).tolist(), strict=True)
    ]
    usable = [not reason for reason in reasons]
    measured = np.full((len(reasons), len(VARIABLES)), np.nan)
    if any(usable):
        measured[usable] = model_output_variables(reference[usable], estimate[usable], valid[:, usable]).cpu().numpy()
    return np.column_stack([measured, 20 * gain.log10().cpu().numpy()]), reasons


def _frames_with_sound(reference: Tensor) -> Tensor:
    """Frames between the first and the last five successive samples that come to 200 steps (Annex 2, 5.2.4.4)."""
    sound = reference.abs().unfold(-1, 5, 1).sum(-1) > 200
    positions = torch.arange(sound.shape[-1], device=reference.device)
    begin = torch.where(sound, positions, len(positions)).amin(-1) // HOP
    end = (torch.where(sound, positions + 4, -1).amax(-1) - HOP) // HOP
    frame = torch.arange((reference.shape[-1] - WINDOW) // HOP + 1, device=reference.device)[:, None]
    return (frame >= begin) & (frame <= end)

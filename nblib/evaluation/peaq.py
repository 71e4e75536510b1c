"""PEAQ, basic version (ITU-R BS.1387-1, Annex 2, Sections 3 to 6), and the 2f-model (Kastner and Herre, WASPAA 2019).

Equations and shapes are as in `ear_model`; what is measured per frame stands as [frames, batch].
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nblib.audio import check_alignment, check_signal, resample
from nblib.errors import AudioError
from nblib.evaluation import ear_model
from nblib.evaluation.ear_model import BANDS, CENTRE_HZ, FRAME_RATE, FULL_SCALE, HOP, WINDOW, Patterns, smoothed

LAGS, LOUDNESS_EXPONENT = 256, 0.23
HIGHEST_BIN = 921  # of 21.6 kHz: above it lies what counts as the estimate's noise floor
# Bin of 8.1 kHz, under which no bandwidth is looked for. The standard leaves open what a reference without any sound
# above it has (all that was sampled at 16 kHz): this, as its estimate, so that bandwidth says nothing either way.
LOWEST_BANDWIDTH = 346
START_FRAMES, WINDOW_FRAMES = int(np.ceil(0.5 * FRAME_RATE)), 4  # modulation filters settle first
SHORTEST_FRAMES = START_FRAMES + WINDOW_FRAMES
SLOW = ear_model.time_constants(0.050, 0.008)
# Averages each band with three below and four above, as far as there are any (equation 46).
NEIGHBOURS = np.tri(BANDS, k=3) - np.tri(BANDS, k=-5)
NEIGHBOURS /= NEIGHBOURS.sum(0)
PAIRS_AT_ONCE = 8  # what stays in the processor's cache and in a small GPU's memory
# The network (Tables 18 and 19): a row per model output variable, by the standard's name and in its order, the biases
# of the three hidden nodes, and what each gives to the output.
_NETWORK = pd.read_csv(Path(__file__).with_name("peaq_network.csv"), index_col=0, dtype=str).astype(float)
VARIABLES = tuple(_NETWORK.index[:-2])
_LEAST, _MOST = (_NETWORK[name].to_numpy()[:-2] for name in ("least", "most"))
_WEIGHTS = np.ascontiguousarray(_NETWORK.filter(like="hidden"))


def check_pair(reference: np.ndarray, estimate: np.ndarray, allow_silence: bool = False, dimensions: int = 1) -> None:
    """Raise `AudioError` unless these are mono signals of one shape, finite, the reference not silent."""
    if reference.ndim != dimensions or reference.shape != estimate.shape:
        shapes = f"reference {reference.shape} and estimate {estimate.shape}"
        raise AudioError(f"{shapes}: mono signals of one shape are needed")
    check_signal(reference, "reference", allow_silence=allow_silence)
    check_signal(estimate, "estimate", allow_silence=True)


def noise_loudness(modulations: list[Tensor], reference: Tensor, estimate: Tensor) -> Tensor:
    """Partial loudness of what the estimate adds, from modulations and excitations (equations 36 to 49, 68 to 74)."""
    smooth, other = smoothed(reference, SLOW), smoothed(estimate, SLOW)
    level = ((smooth * other).sqrt().sum(-1, keepdim=True) / other.sum(-1, keepdim=True)).square()
    reference, estimate = reference / level.clamp(min=1), estimate * level.clamp(max=1)
    ratio = smoothed(reference * estimate, SLOW, 1.0) / smoothed(reference.square(), SLOW, 1.0)
    # The pattern that is stronger is turned down: the reference by its ratio, the estimate by the inverse.
    turned = [smoothed(own.clamp(max=1) @ own.new_tensor(NEIGHBOURS), SLOW) for own in (ratio, 1 / ratio)]
    reference, estimate = reference * turned[0], estimate * turned[1]
    reference_weight, estimate_weight = (0.15 * pattern + 0.5 for pattern in modulations)
    own_noise = reference.new_tensor(ear_model.INTERNAL_NOISE)
    masking = (-1.5 * (estimate - reference) / reference).exp()
    added = (estimate_weight * estimate - reference_weight * reference).clamp(min=0)
    partial = 1 + added / (own_noise + reference_weight * reference * masking)
    specific = (own_noise / estimate_weight) ** LOUDNESS_EXPONENT * (partial**LOUDNESS_EXPONENT - 1)
    return (24 / BANDS * specific.sum(-1)).clamp(min=0)


def modulations(before: Tensor, after: Tensor) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
    """Modulation patterns, both differences in percent, and the weight of frames (equations 52 to 55, 61 to 67)."""
    patterns, averages = [], []
    for unsmeared in (before, after):
        loudness = unsmeared**0.3
        change = loudness.diff(dim=0, prepend=torch.zeros_like(loudness[:1])).abs() * FRAME_RATE
        averages.append(smoothed(loudness, SLOW))
        patterns.append(smoothed(change, SLOW) / (1 + averages[-1] / 0.3))
    reference, estimate = patterns
    difference, lost = (reference - estimate).abs(), torch.where(reference > estimate, 0.1, 1.0)
    first = 100 * (difference / (1.0 + reference)).mean(-1)
    second = 100 * (lost * difference / (0.01 + reference)).mean(-1)
    weight = averages[0] / (averages[0] + 100 * averages[0].new_tensor(ear_model.INTERNAL_NOISE**0.3))
    return patterns, first, second, weight.sum(-1)


def loudness(excitation: Tensor) -> Tensor:
    """Total loudness in sone [shape=(frames, batch)] (equations 56 to 60)."""
    threshold = 10 ** (0.364 * (CENTRE_HZ / 1000) ** -0.8)
    index = 10 ** ((-2 - 2.05 * np.arctan(CENTRE_HZ / 4000) - 0.75 * np.arctan((CENTRE_HZ / 1600) ** 2)) / 10)
    scale = 1.07664 * (threshold / (index * 1e4)) ** LOUDNESS_EXPONENT
    ratio = 1 - excitation.new_tensor(index) + excitation.new_tensor(index / threshold) * excitation
    specific = excitation.new_tensor(scale) * (ratio**LOUDNESS_EXPONENT - 1)
    return 24 / BANDS * specific.clamp(min=0).sum(-1)


def bandwidths(reference: Tensor, estimate: Tensor) -> tuple[Tensor, Tensor]:
    """Highest bins over the estimate's noise floor above 21.6 kHz, and -1 where there are none (equations 75 to 79)."""
    floor = estimate[..., HIGHEST_BIN:].amax(-1, keepdim=True)
    bins = torch.arange(1, HIGHEST_BIN + 1, device=reference.device)
    wide = ((reference[..., :HIGHEST_BIN] >= 10 * floor) & (bins > LOWEST_BANDWIDTH + 1)).mul(bins).amax(-1)
    test = ((estimate[..., :HIGHEST_BIN] >= 10**0.5 * floor) & (bins <= wide[..., None])).mul(bins).amax(-1)
    return torch.where(wide > 0, wide, -1), torch.where(test > 0, test, -1)


def noise_to_mask(reference: Patterns, estimate: Patterns) -> Tensor:
    """Noise over what the reference masks, in each band [shape=(frames, batch, 109)], linear (equations 80 to 83)."""
    noise = (reference.heard.sqrt() - estimate.heard.sqrt()).square()
    return ear_model.grouped(noise) / (reference.excitation.new_tensor(ear_model.MASKING_OFFSET) * reference.excitation)


def detection(reference: Tensor, estimate: Tensor) -> tuple[Tensor, Tensor]:
    """Probability that a difference is detected, and its size in steps over threshold (equations 84 to 92)."""
    level, other = 10 * reference.log10(), 10 * estimate.log10()
    difference = level - other
    louder = difference > 0
    mean = torch.where(louder, 0.3 * level + 0.7 * other, other)
    audible = mean > 0
    mean = mean.clamp(min=1e-6)
    polynomial = -0.198719 + mean * (0.0550197 + mean * (-0.00102438 + mean * (5.05622e-6 + mean * 9.01033e-11)))
    step = 5.95072 * (6.39468 / mean) ** 1.71332 + polynomial
    size = (difference.abs() / step).where(audible, 0.0)
    missed = -np.log(2) * size ** torch.where(louder, 4.0, 6.0)
    steps = (difference.trunc().abs() / step).where(audible, 0.0)
    return -torch.expm1(missed.sum(-1)), steps.sum(-1)


def harmonic_structure(reference: Patterns, estimate: Patterns) -> Tensor:
    """Highest peak of the error's cepstrum-like spectrum, and -1 for frames that are too weak (equations 93 to 103)."""
    pair = (reference, estimate)
    strong = torch.stack([signal.frames[..., HOP:].square().sum(-1) >= 8000.0 for signal in pair]).any(0)
    powers = [signal.bin_power[..., : 2 * LAGS - 1].clamp(min=ear_model.LEAST_POWER) for signal in pair]
    difference = (powers[1] / powers[0]).log().double()
    start = torch.fft.rfft(difference[..., :LAGS], n=2 * LAGS)
    correlation = torch.fft.irfft(start.conj() * torch.fft.rfft(difference, n=2 * LAGS), n=2 * LAGS)[..., :LAGS]
    total = torch.nn.functional.pad(difference.square().cumsum(-1), (1, 0))
    energy = total[..., LAGS:] - total[..., :LAGS]
    product = energy[..., :1] * energy
    normal = torch.where(product > 0, correlation / product.clamp(min=1e-300).sqrt(), 1.0)
    window = normal.new_tensor(np.hanning(LAGS) * np.sqrt(8 / 3) / LAGS)
    power = torch.fft.rfft(window * (normal - normal.mean(-1, keepdim=True))).abs().square()
    rising = power[..., 1:] > power[..., :-1]
    return (power[..., 1:] * rising).amax(-1).where(strong, -1.0)


def model_output_variables(reference: Tensor, estimate: Tensor, valid: Tensor) -> Tensor:
    """The `VARIABLES` [shape=(batch, 11)] of pairs in 16-bit steps, of the frames `valid` [shape=(frames, batch)]."""
    before, after = ear_model.patterns(reference), ear_model.patterns(estimate)
    patterns, first, second, weight = modulations(before.unsmeared, after.unsmeared)
    loud = (loudness(before.excitation) > 0.1) & (loudness(after.excitation) > 0.1)  # sone
    masked = noise_to_mask(before, after)
    probability, steps = detection(before.excitation, after.excitation)
    wide, test = bandwidths(before.bin_power, after.bin_power)
    structure = harmonic_structure(before, after)
    settled = valid & (valid.cumsum(0) > START_FRAMES)
    after_loud = settled & ((valid & loud).cumsum(0).clamp(max=1).cumsum(0) > np.ceil(0.05 * FRAME_RATE))
    found = valid & (probability > 0.5)
    rooted = first.sqrt().unfold(0, WINDOW_FRAMES, 1).mean(-1)  # equation 105
    detected = _mean(steps, found)  # equation 109: 0 where nothing was detected, -0.5 where it is under one step
    columns = [
        _mean(wide.double(), valid & (wide > 0)).nan_to_num(LOWEST_BANDWIDTH),
        _mean(test.double(), valid & (wide > 0)).nan_to_num(LOWEST_BANDWIDTH),
        10 * _mean(masked.mean(-1), valid).log10(),
        _mean(rooted**4, settled.unfold(0, WINDOW_FRAMES, 1).all(-1)).sqrt(),
        torch.where(found.any(0), torch.where(detected > 0, detected.log10(), -0.5), 0.0),
        1000 * _mean(structure, valid & (structure >= 0)).nan_to_num(0.0),
        _mean(first * weight, settled) / _mean(weight, settled),
        _mean(second * weight, settled) / _mean(weight, settled),
        _mean(noise_loudness(patterns, before.excitation, after.excitation).square(), after_loud).sqrt(),
        smoothed((probability * valid)[..., None], np.array([0.9]))[..., 0].amax(0),
        _mean((masked.amax(-1) > 10 ** (1.5 / 10)).double(), valid),
    ]
    return torch.stack(columns, dim=-1)


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    return values.where(chosen, 0.0).sum(0) / chosen.sum(0)


def grades(values: np.ndarray) -> dict[str, np.ndarray]:
    """``di``, ``odg`` (Annex 2, Section 6), ``two_f`` (Kastner and Herre 2019) of the variables [shape=(..., 11)]."""
    hidden = ((values - _LEAST) / (_MOST - _LEAST)) @ _WEIGHTS[:-2] + _WEIGHTS[-2]
    index = (1 / (1 + np.exp(-hidden))) @ _WEIGHTS[-1] - 0.307594
    modulation, steps = (values[..., VARIABLES.index(name)] for name in ("AvgModDiff1B", "ADBB"))
    score = 56.1345 / (1 + (-0.0282 * modulation - 0.8628) ** 2) - 27.1451 * steps + 86.3515
    return {"di": index, "odg": -3.98 + (0.22 + 3.98) / (1 + np.exp(-index)), "two_f": np.clip(score, 0, 100)}


def peaq_basic(reference: np.ndarray, estimate: np.ndarray, sample_rate: int, device: str = "cpu") -> dict[str, Any]:
    """PEAQ's basic version and the 2f-model of one pair or of a batch of pairs.

    Of mono signals [shape=(n,) or (batch, n), full scale 1] at `sample_rate` (Hz; all but 48 kHz is resampled): the
    `VARIABLES` (TotalNMRB in dB), ``di``, ``odg`` (0.22, imperceptible, to -3.98, very annoying) and ``two_f`` (0 to
    100), each a float, or an array [shape=(batch,)]. NaN with under 0.65 s between the reference's first and last
    sound, or a silent estimate. A gain of over 1 dB is undone first. `AudioError` where half a millisecond out of line.
    """
    check_pair(reference, estimate, allow_silence=True, dimensions=2 if reference.ndim == 2 else 1)
    pairs = [np.atleast_2d(resample(samples, sample_rate, ear_model.SAMPLE_RATE)) for samples in (reference, estimate)]
    batches = zip(*(torch.as_tensor(samples, device=device).split(PAIRS_AT_ONCE) for samples in pairs), strict=True)
    table = np.concatenate([_measure(PAIRS_AT_ONCE * n, *batch) for n, batch in enumerate(batches)])
    columns = dict(zip(VARIABLES, table.T, strict=True)) | grades(table)
    return {name: float(column[0]) for name, column in columns.items()} if reference.ndim == 1 else columns


def _measure(first: int, reference: Tensor, estimate: Tensor) -> np.ndarray:
    """The variables [shape=(batch, 11)] of pairs at 48 kHz, numbered from `first`."""
    energy, other = reference.square().sum(-1), estimate.square().sum(-1)
    if (energy == 0).any():
        raise AudioError(f"reference {first + int((energy == 0).int().argmax())}: silent; leave this pair out")
    if reference.shape[-1] < WINDOW + SHORTEST_FRAMES * HOP:
        return np.full((len(reference), len(VARIABLES)), np.nan)
    product = (reference * estimate).sum(-1)
    correlation = product / (energy * other).sqrt().clamp(min=1e-30)
    # From 0.9 on no lag need be looked for; under 0.5 a gain means nothing; 1 dB can just be noticed.
    for pair in torch.nonzero(correlation < 0.9).flatten().tolist():
        early, late = (samples[pair].cpu().numpy() for samples in (reference, estimate))
        check_alignment(f"estimate of pair {first + pair}", late, early, ear_model.SAMPLE_RATE, 0.0005)
    gain = torch.where(correlation >= 0.5, energy / product, 1.0)
    gain = torch.where(20 * gain.log10().abs() > 1.0, gain, 1.0)
    pairs = torch.stack([reference, estimate * gain[:, None]]) * FULL_SCALE
    reference, estimate = pairs.round().clamp(-FULL_SCALE, FULL_SCALE - 1)
    # Between the first and the last five successive samples that come to 200 steps (Annex 2, 5.2.4.4).
    sound = reference.abs().unfold(-1, 5, 1).sum(-1) > 200
    positions = torch.arange(sound.shape[-1], device=reference.device)
    begin = torch.where(sound, positions, len(positions)).amin(-1) // HOP
    end = (torch.where(sound, positions + 4, -1).amax(-1) - HOP) // HOP
    frame = torch.arange((reference.shape[-1] - WINDOW) // HOP + 1, device=reference.device)[:, None]
    valid = (frame >= begin) & (frame <= end)
    usable = estimate.any(-1) & (valid.sum(0) > SHORTEST_FRAMES)
    return model_output_variables(reference, estimate, valid).where(usable[:, None], torch.nan).cpu().numpy()

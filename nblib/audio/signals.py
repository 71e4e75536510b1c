"""Signals: what passes as one, resampling, limits of the band, whether two are in line, noise, levels, mixtures."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr
import torch
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import lfilter, welch
from torchaudio.functional import resample as resample_by_sinc

from nblib.errors import AudioError, ParameterError, check_whole
from nblib.provenance import random_generator

SILENCE = 2.0**-16  # peak under which a signal is silent: half a step of 16-bit samples
PEAK = 0.99  # of mixtures


def check_signal(samples: np.ndarray, name: str | Path, minimum_samples: int = 1, allow_silence: bool = False) -> None:
    """Raise `AudioError`, by the `name` of a file or parameter, unless `samples` [shape=(..., n)] are a signal."""
    if samples.ndim == 0 or samples.size == 0:
        raise AudioError(f"{name}: empty, 0 samples; leave it out")
    if samples.dtype.kind != "f":
        raise AudioError(f"{name}: samples of type {samples.dtype}; convert to float32 with full scale 1 first")
    if samples.shape[-1] < minimum_samples:
        raise AudioError(f"{name}: {samples.shape[-1]} samples are too short, {minimum_samples} needed; leave it out")
    finite = np.isfinite(samples)
    if not finite.all():
        index = int(np.flatnonzero(~finite.reshape(-1, samples.shape[-1]).all(0))[0])
        raise AudioError(f"{name}: sample {index} is not finite (NaN or infinite); repair it or leave it out")
    if not allow_silence and (peak := float(np.abs(samples).max())) < SILENCE:
        raise AudioError(f"{name}: silent (peak {peak:.2g}); leave it out")


def resample(samples: np.ndarray, sample_rate: int, to: int) -> np.ndarray:
    """`samples` [shape=(n,) or (channels, n)] at another rate (Hz): float32, length ``ceil(n * to / sample_rate)``.

    Band-limited, zero phase (soxr HQ: pass band to 0.91 of half the lower rate); overshoot over full scale is kept.
    """
    for name, rate in (("sample_rate", sample_rate), ("to", to)):
        check_whole(name, rate, 1)
    check_signal(samples, "samples", allow_silence=True)
    if sample_rate == to:
        return samples.astype(np.float32)
    # soxr rounds its length down or up, and it is wanted up: some more zeros behind.
    behind = [(0, 0)] * (samples.ndim - 1) + [(0, -(-sample_rate // to) + 1)]
    longer = soxr.resample(np.pad(samples.astype(np.float32, copy=False), behind).T, sample_rate, to, quality="HQ")
    return np.ascontiguousarray(longer.T[..., : -(-samples.shape[-1] * to // sample_rate)])


def band_limit(samples: np.ndarray, sample_rate: int, cutoff_hz: int) -> np.ndarray:
    """`samples` [shape=(n,)] without what lies above `cutoff_hz`, same length, zero phase, float32.

    By a sinc low-pass of 64 zero crossings on each side: tones up to 93 % of the cut-off pass within 0.2 %.
    """
    if not 0 < cutoff_hz < sample_rate / 2:
        raise ParameterError(f"cutoff_hz={cutoff_hz!r}: between 0 and {sample_rate / 2:g} Hz is needed")
    limited = torch.from_numpy(np.array(samples, np.float32))
    for rates in ((sample_rate, 2 * cutoff_hz), (2 * cutoff_hz, sample_rate)):
        limited = resample_by_sinc(limited, *rates, lowpass_filter_width=64)
    # Both steps round the length up, so there are always enough samples to cut the original length from.
    return limited[: len(samples)].numpy()


def check_alignment(name: str, samples: np.ndarray, reference: np.ndarray, sample_rate: int, tolerance: float) -> None:
    """Raise `AudioError` where `samples`, called `name`, clearly lag `reference` by over `tolerance` (s), or lead it.

    Shapes are equal, (n,) or (n, 2). The lag is the highest value within +-1 s of the phase transform (Knapp and Carter
    1976), as sharp a peak for a low-passed sound as for an equal one. It is clear if no value 2 ms away is over half as
    high, as of a periodic sound, and if the samples correlate there by 0.05 (as in noise 26 dB stronger).
    """
    late, early = (signal.mean(-1) if signal.ndim == 2 else signal for signal in (samples, reference))
    size = next_fast_len(2 * len(late), real=True)
    cross = rfft(late, size) * np.conj(rfft(early, size))
    power = np.abs(cross)
    if power.max() == 0:
        return
    correlation = irfft(cross / (power + 1e-8 * power.max()), size)  # phases of less power are rounding
    reach, flank = min(len(late) - 1, sample_rate), round(0.002 * sample_rate)
    heights = np.abs(np.concatenate([correlation[-reach:], correlation[: reach + 1]]))
    peak = int(heights.argmax())
    elsewhere, lag = np.delete(heights, slice(max(0, peak - flank), peak + flank + 1)), peak - reach
    if abs(lag) <= tolerance * sample_rate or heights[peak] < 2 * elsewhere.max():
        return
    parts = (late[lag:], early[:-lag]) if lag > 0 else (late[:lag], early[-lag:])
    if abs(np.corrcoef(*parts)[0, 1]) > 0.05:
        side, remedy = ("later", "cut them from its start") if lag > 0 else ("earlier", "put so much silence before it")
        by = f"{abs(lag)} samples ({1000 * abs(lag) / sample_rate:.1f} ms)"
        raise AudioError(f"{name}: {by} {side} than the reference; {remedy}")


def loudest(samples: np.ndarray, length: int) -> slice:
    """The `length` samples of `samples` [shape=(n,)] with the most energy, all where there are fewer: no pause."""
    length = min(length, len(samples))
    energy = np.concatenate([[0.0], np.square(samples, dtype=np.float64).cumsum()])
    start = int(np.argmax(energy[length:] - energy[: len(energy) - length]))
    return slice(start, start + length)


def noise_like(samples: np.ndarray, *seed: str | int) -> np.ndarray:
    """Stationary noise [shape=(n,), float64] of the long-term spectrum and energy of `samples`: with random phases."""
    spectrum = np.fft.rfft(samples)
    phases = random_generator("noise like", *seed).random(len(spectrum))
    noise = np.fft.irfft(spectrum * np.exp(2j * np.pi * phases), len(samples))
    wanted, found = (float(np.square(each, dtype=np.float64).sum()) for each in (samples, noise))
    return noise * np.sqrt(wanted / max(found, np.finfo(float).tiny))


def filter_edge(samples: np.ndarray, sample_rate: int) -> float:
    """Where a filter makes the spectrum of samples [shape=(n,)] fall by 20 dB within 1 kHz, Hz; or half the rate."""
    power = welch(samples, nperseg=4096, noverlap=0, detrend=False)[1]
    width = max(1, round(250 * 4096 / sample_rate))  # medians over 250 Hz, so that no tone counts
    level = 10 * np.log10(np.median(power[: len(power) // width * width].reshape(-1, width), axis=1) + 1e-20)
    for band in range(8, round(0.9 * len(level))):  # what lies above is the file's own anti-aliasing filter's
        if level[band - 3 : band - 1].mean() - level[band + 1 :].max() > 20:
            return band * width * sample_rate / 4096
    return sample_rate / 2


class Mixture(NamedTuple):
    """Target plus noise, equal lengths [shape=(n,)], float32, full scale 1; mixture = target + noise."""

    target: np.ndarray
    noise: np.ndarray
    mixture: np.ndarray


def measured_snr_db(target: np.ndarray, noise: np.ndarray) -> float:
    """Energy of `target` over energy of `noise`, both [shape=(n,)], in dB: the one definition of SNR in the project."""
    signal, rest = (float(np.sum(np.square(part, dtype=np.float64))) for part in (target, noise))
    return 10 * float(np.log10(signal / rest)) if signal > 0 and rest > 0 else float("inf" if rest == 0 else "-inf")


def mix(target: np.ndarray, noise: np.ndarray, snr_db: float) -> Mixture:
    """`target` plus `noise` [shape=(n,)] scaled to `snr_db`, `limited`; `ParameterError` where one is silent."""
    if not np.isfinite(measured := measured_snr_db(target, noise)):
        raise ParameterError(f"snr_db={snr_db}, now {measured}: target and noise must be finite and not silent")
    return limited(target.astype(np.float64), noise.astype(np.float64) * 10 ** ((measured - snr_db) / 20))


def limited(target: np.ndarray, noise: np.ndarray) -> Mixture:
    """`target` and `noise` [shape=(n,)] with their float32 sum, all quieter alike where one would pass 0.99."""
    loudest = max(float(np.max(np.abs(part))) for part in (target, noise, target + noise))
    gain = min(1.0, PEAK / loudest)
    clean, added = (target * gain).astype(np.float32), (noise * gain).astype(np.float32)
    return Mixture(clean, added, clean + added)


def noise_segment(samples: np.ndarray, length: int, random: np.random.Generator) -> np.ndarray:
    """`length` samples of a recording [shape=(n,)], from a place at most 10 dB below it all; tiled if it is shorter."""
    if len(samples) <= length:
        return np.resize(samples, length)
    starts = np.append(np.arange(0, len(samples) - length, max(1, length // 8)), len(samples) - length)
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    heard = energy[starts + length] - energy[starts]
    loud = starts[heard >= min(0.1 * energy[-1] * length / len(samples), heard.max())]
    return samples[(start := int(loud[random.integers(len(loud))])) : start + length]


def labelled_snr_db(clean: np.ndarray, noise: np.ndarray, sample_rate: int) -> float:
    """SNR as VoiceBank-DEMAND labels it: active level of `clean` over mean power of `noise`, both [shape=(n,)], in dB.

    ITU-T P.56, method B: mean power while the smoothed envelope lies at most 15.9 dB below that very mean power, pauses
    up to 0.2 s included. 20 published pairs came within 0.15 dB of their labels (`measured_snr_db`: 0.4 to 2.3 below).
    """
    decay, envelope = np.exp(-1 / (0.03 * sample_rate)), np.abs(clean, dtype=np.float64)
    for _ in range(2):
        envelope = lfilter([1 - decay], [1, -decay], envelope)
    energy, place = np.sum(np.square(clean, dtype=np.float64)), np.arange(len(clean))
    thresholds = 2.0 ** np.arange(-15, 1)
    last = (np.maximum.accumulate(np.where(envelope >= each, place, -sample_rate)) for each in thresholds)
    active = [np.count_nonzero(place - each <= 0.2 * sample_rate) for each in last]
    with np.errstate(divide="ignore"):
        levels, noise_db = 10 * np.log10(energy / active), 10 * np.log10(np.mean(np.square(noise, dtype=np.float64)))
    margins = levels - 20 * np.log10(thresholds)
    reached = int(np.argmax(margins <= 15.9))
    around = slice(max(0, reached - 1), reached + 1)
    return float(np.interp(15.9, margins[around][::-1], levels[around][::-1]) - noise_db)

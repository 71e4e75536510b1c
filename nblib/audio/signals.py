"""What passes as a signal; are two signals in line; the loudest stretch; noise of a spectrum."""

from pathlib import Path

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from nblib.errors import AudioError
from nblib.provenance import random_generator

SILENCE = 2.0**-16  # peak under which a signal is silent: half a step of 16-bit samples


def check_signal(samples: np.ndarray, name: str | Path, minimum_samples: int = 1, allow_silence: bool = False) -> None:
    """Raise `AudioError`, by the `name` of a file or parameter, unless `samples` [shape=(..., n)] are a signal.

    Floating point, finite, n at least `minimum_samples`, the peak at least `SILENCE` unless `allow_silence`.
    """
    if samples.ndim == 0 or samples.size == 0:
        raise AudioError(f"{name}: empty, 0 samples; leave it out")
    if samples.dtype.kind != "f":
        raise AudioError(f"{name}: samples of type {samples.dtype}; convert to float32 with full scale 1 first")
    if samples.shape[-1] < minimum_samples:
        raise AudioError(f"{name}: {samples.shape[-1]} samples are too short, {minimum_samples} needed; leave it out")
    check_finite(samples, name)
    if not allow_silence and (peak := float(np.abs(samples).max())) < SILENCE:
        raise AudioError(f"{name}: silent (peak {peak:.2g}); leave it out")


def check_finite(samples: np.ndarray, name: str | Path, first: int = 0) -> None:
    """Raise `AudioError`, by the first faulty index plus `first`, unless samples [shape=(..., n)] are finite."""
    finite = np.isfinite(samples)
    if not finite.all():
        index = first + int(np.flatnonzero(~finite.reshape(-1, samples.shape[-1]).all(0))[0])
        raise AudioError(f"{name}: sample {index} is not finite (NaN or infinite); repair it or leave it out")


def lag(samples: np.ndarray, reference: np.ndarray, sample_rate: int) -> int | None:
    """How many samples later than `reference` the same sound comes in `samples`; None where that is not clear.

    The highest value, of either sign, of the cross-correlation weighted to a flat cross-spectrum (the phase transform:
    Knapp and Carter 1976, "The generalized correlation method for estimation of time delay"), within +-1 s. It hangs on
    phases alone, so that a low-passed or separated sound has as sharp a peak as an equal one. It is clear where it is
    twice as high as any value farther than 2 ms from it, which neither a periodic sound nor unrelated ones attain, and
    the samples are correlated there by at least 0.05 (as in noise 26 dB stronger), which a click and a hum are not.

    `samples` and `reference` have equal shapes, (n,) or (n, 2).
    """
    late, early = (signal.mean(-1) if signal.ndim == 2 else signal for signal in (samples, reference))
    size = next_fast_len(2 * len(late), real=True)
    cross = rfft(late, size) * np.conj(rfft(early, size))
    power = np.abs(cross)
    if power.max() == 0:
        return None
    correlation = irfft(cross / (power + 1e-8 * power.max()), size)  # phases of less power are rounding
    reach, flank = min(len(late) - 1, sample_rate), round(0.002 * sample_rate)
    heights = np.abs(np.concatenate([correlation[-reach:], correlation[: reach + 1]]))
    peak = int(heights.argmax())
    elsewhere = np.concatenate([heights[: max(0, peak - flank)], heights[peak + flank + 1 :]])
    found = peak - reach
    one, other = (late[found:], early[: len(early) - found]) if found >= 0 else (late[:found], early[-found:])
    one, other = (signal.astype(np.float64) - signal.mean() for signal in (one, other))
    energy = float(one @ one) * float(other @ other)
    clear = heights[peak] >= 2 * elsewhere.max() and energy > 0 and abs(float(one @ other)) >= 0.05 * energy**0.5
    return found if clear else None


def check_alignment(name: str, samples: np.ndarray, reference: np.ndarray, sample_rate: int, tolerance: float) -> None:
    """Raise `AudioError` where `lag` is clear and over `tolerance` (s); messages call the samples by `name`."""
    found = lag(samples, reference, sample_rate)
    if found is not None and abs(found) > tolerance * sample_rate:
        late, early = ("later", "cut them from its start"), ("earlier", "put so much silence before it")
        side, remedy = late if found > 0 else early
        by = f"{abs(found)} samples ({1000 * abs(found) / sample_rate:.1f} ms)"
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

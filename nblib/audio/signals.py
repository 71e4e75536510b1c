"""Are two signals in line? The loudest stretch, a zero-phase band limit (MM'19 Section 6.1), noise of a spectrum."""

from __future__ import annotations

import numpy as np
import torch
from scipy.fft import irfft, next_fast_len, rfft
from torchaudio.functional import resample

from nblib.errors import AudioError, ParameterError
from nblib.provenance import random_generator

SEARCH_SECONDS = 1.0
CLEAR = 2.0
CORRELATED = 0.05  # what the same sound keeps of its correlation in noise 26 dB stronger
_PEAK_SECONDS = 0.002  # how far around a peak its own flanks reach
_FLOOR = 1e-8  # cross-power under which phases are rounding, relative to the strongest bin
ZERO_CROSSINGS = 64  # of the band limit's sinc on each side; tones up to 93 % of the cut-off pass within 0.2 %


def lag(samples: np.ndarray, reference: np.ndarray, sample_rate: int) -> int | None:
    """How many samples later than `reference` the same sound comes in `samples`; None where that is not clear.

    The highest value, of either sign, of the cross-correlation weighted to a flat cross-spectrum (the phase transform:
    Knapp and Carter 1976, "The generalized correlation method for estimation of time delay"), within +-1 s. It hangs on
    phases alone, so that a system that is low-passed, denoised or separated has as sharp a peak as an equal one. It is
    clear where it is `CLEAR` times as high as any value farther than 2 ms from it, which neither a periodic sound nor
    unrelated ones attain, and the samples themselves are correlated there by at least `CORRELATED`. (A network that
    learnt nothing and puts out a click and a hum has such a peak, at any lag, and no such correlation.)

    `samples` and `reference` have equal shapes, (n,) or (n, 2); stereo is down-mixed by the mean.
    """
    late, early = (signal.mean(-1) if signal.ndim == 2 else signal for signal in (samples, reference))
    size = next_fast_len(2 * len(late), real=True)
    cross = rfft(late, size) * np.conj(rfft(early, size))
    power = np.abs(cross)
    if power.max() == 0:
        return None
    correlation = irfft(cross / (power + _FLOOR * power.max()), size)
    reach = min(len(late) - 1, round(SEARCH_SECONDS * sample_rate))
    heights = np.abs(np.concatenate([correlation[-reach:], correlation[: reach + 1]]))
    peak = int(heights.argmax())
    flank = round(_PEAK_SECONDS * sample_rate)
    elsewhere = np.concatenate([heights[: max(0, peak - flank)], heights[peak + flank + 1 :]])
    found = peak - reach
    clear = heights[peak] >= CLEAR * elsewhere.max() and _correlation(late, early, found) >= CORRELATED
    return found if clear else None


def _correlation(late: np.ndarray, early: np.ndarray, shift: int) -> float:
    """How alike the two are, 0 to 1, once `late` is taken `shift` samples earlier."""
    one, other = (late[shift:], early[: len(early) - shift]) if shift >= 0 else (late[:shift], early[-shift:])
    one, other = (signal.astype(np.float64) - signal.mean() for signal in (one, other))
    energy = float(one @ one) * float(other @ other)
    return abs(float(one @ other)) / energy**0.5 if energy > 0 else 0.0


def check_alignment(
    name: str, samples: np.ndarray, reference: np.ndarray, sample_rate: int, tolerance_seconds: float
) -> None:
    """Raise `AudioError` where `lag` is clear and over the tolerance; `name` is what the message calls the samples."""
    found = lag(samples, reference, sample_rate)
    if found is None or abs(found) <= tolerance_seconds * sample_rate:
        return
    side, remedy = ("later", "cut them from its start") if found > 0 else ("earlier", "put so much silence before it")
    raise AudioError(
        f"{name}: {abs(found)} samples ({1000 * abs(found) / sample_rate:.1f} ms) {side} than the reference; {remedy}"
    )


def loudest(samples: np.ndarray, length: int) -> slice:
    """The `length` samples of `samples` [shape=(n,)] with the most energy, all where there are fewer: no pause."""
    length = min(length, len(samples))
    energy = np.concatenate([[0.0], np.square(samples, dtype=np.float64).cumsum()])
    start = int(np.argmax(energy[length:] - energy[: len(energy) - length]))
    return slice(start, start + length)


def band_limit(samples: np.ndarray, sample_rate: int, cutoff_hz: int) -> np.ndarray:
    """`samples` [shape=(n,)] without what lies above `cutoff_hz`, same length, zero phase, float32.

    Resampled to ``2 * cutoff_hz`` and back, a sinc low-pass; `ParameterError` unless 0 < cutoff_hz < sample_rate / 2.
    """
    if not 0 < cutoff_hz < sample_rate / 2:
        raise ParameterError(f"cutoff_hz={cutoff_hz!r}: between 0 and {sample_rate / 2:g} Hz is needed")
    limited = torch.from_numpy(np.array(samples, np.float32))
    for rates in ((sample_rate, 2 * cutoff_hz), (2 * cutoff_hz, sample_rate)):
        limited = resample(limited, *rates, lowpass_filter_width=ZERO_CROSSINGS)
    # Both steps round the length up, so there are always enough samples to cut the original length from.
    return limited[: len(samples)].numpy()


def noise_like(samples: np.ndarray, *seed: str | int) -> np.ndarray:
    """Stationary noise [shape=(n,), float64] of the long-term spectrum and energy of `samples`: with random phases."""
    spectrum = np.fft.rfft(samples)
    phases = random_generator("noise like", *seed).random(len(spectrum))
    noise = np.fft.irfft(spectrum * np.exp(2j * np.pi * phases), len(samples))
    wanted, found = (float(np.square(each, dtype=np.float64).sum()) for each in (samples, noise))
    return noise * np.sqrt(wanted / max(found, np.finfo(float).tiny))

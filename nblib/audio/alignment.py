"""Are two signals in line?"""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from nblib.errors import AudioError

SEARCH_SECONDS = 1.0
CLEAR = 2.0
CORRELATED = 0.05  # what the same sound keeps of its correlation in noise 26 dB stronger
_PEAK_SECONDS = 0.002  # how far around a peak its own flanks reach
_FLOOR = 1e-8  # cross-power under which phases are rounding, relative to the strongest bin


def lag(samples: np.ndarray, reference: np.ndarray, sample_rate: int) -> int | None:
    """How many samples later than `reference` the same sound comes in `samples`; None where that is not clear.

    The highest value, of either sign, of the cross-correlation weighted to a flat cross-spectrum (the phase transform:
    Knapp and Carter 1976, "The generalized correlation method for estimation of time delay"), within +-1 s. It hangs on
    phases alone, so that a system that is low-passed, denoised or separated has as sharp a peak as an equal one. It is
    clear where it is `CLEAR` times as high as any value farther than 2 ms from it, which neither a periodic sound nor
    unrelated ones attain, and the samples themselves are correlated there by at least `CORRELATED`. (A network that
    learnt nothing and puts out a click and a hum has such a peak, at any lag, and no such correlation.)

    Parameters
    ----------
    samples, reference : np.ndarray [shape=(n,) or (n, 2)]
        Equal shapes; stereo is down-mixed by the mean.
    sample_rate : int
        Hz.
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

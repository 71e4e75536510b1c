"""Clicks, counted without a reference (MM'19 Section 8.1, Figure 5).

Models B and C fill the spectrum "by generating a series of broadband pulses that manifest in the reconstructed signal
as noisy 'clicks'": here, what stands out at three of four frequencies at once from what lies a few milliseconds before
and after. A note's attack is as wide but not as short.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import find_peaks
from scipy.signal.windows import hann

from nblib.audio import check_signal
from nblib.errors import ParameterError

# All numbers were set on originals and on pulses added to them (60 pieces of the embedded corpus, 22 recordings), on no
# network's output.
WINDOW_SECONDS = 0.002  # longer ones bury pulses in music; its main lobe, 2 kHz wide, is the band of a frequency
HOP_SECONDS = 0.0005
LEAST_HZ = 1500.0  # under it tones drown pulses; with bands from 300 Hz most pulses between 2 and 5 kHz went uncounted
FREQUENCIES, BURIED = 4, 1  # so many frequencies are looked at, and at so many a pulse may drown
NEAR_SECONDS, FAR_SECONDS = 0.0025, 0.006  # what a pulse stands out from: past its own window, short of the next pulse
RISE_DB = 12.0  # over the louder side: finds 84 % of pulses of 8 times the local rms; 10 would count far more attacks
FLOOR_DB = -50.0  # of a tone as strong as the whole signal: added to every power, so that nothing rises out of silence
APART_SECONDS = 0.005  # of two closer pulses the stronger counts
NARROWEST_HZ = 3000  # Section 6.1; a band from 1.5 kHz to less is too narrow to tell wide from narrow


def click_times(samples: np.ndarray, sample_rate: int, limit_hz: float) -> np.ndarray:
    """When there are clicks (MM'19 Section 8.1): their middles in seconds from the start, ascending, within about 1 ms.

    In `samples` [shape=(n,)] of at least 14 ms, whose gain does not matter. `limit_hz` is the limit of the signal's
    band, 3000 Hz to half the sample rate: a pulse is looked for from 1.5 kHz to it.
    """
    if not NARROWEST_HZ <= limit_hz <= sample_rate / 2:
        raise ParameterError(f"limit_hz={limit_hz!r}: {NARROWEST_HZ} Hz to half the sample rate is needed")
    hop, window = round(HOP_SECONDS * sample_rate), hann(round(WINDOW_SECONDS * sample_rate), sym=False)
    near, far = round(NEAR_SECONDS / HOP_SECONDS), round(FAR_SECONDS / HOP_SECONDS)
    check_signal(samples, "samples", minimum_samples=len(window) + 2 * far * hop, allow_silence=True)
    power = _powers(samples.astype(np.float64), sample_rate, limit_hz, window, hop)
    if not power.any():
        return np.empty(0)
    level_db = 10 * np.log10(power)
    aside_db = 10 * np.log10(sliding_window_view(power, far - near + 1, axis=0).mean(-1))
    count = len(power) - 2 * far
    louder_side_db = np.maximum(aside_db[:count], aside_db[-count:])
    rise_db = np.partition(level_db[far : far + count] - louder_side_db, BURIED, axis=1)[:, BURIED]
    found, _ = find_peaks(rise_db, height=RISE_DB, distance=round(APART_SECONDS / HOP_SECONDS))
    return ((found + far) * hop + len(window) / 2) / sample_rate


def clicks_per_second(samples: np.ndarray, sample_rate: int, limit_hz: float) -> float:
    """How many clicks a second there are (MM'19 Section 8.1), at most 200; parameters as for `click_times`.

    Ordinary music in a band of 5 kHz has a median of 0, one piece in ten over 0.2, noise none; percussion has a few, so
    has music in a band of 3 kHz. A tone under some 150 Hz with harmonics in phase is a train of pulses and counts so.
    """
    return len(click_times(samples, sample_rate, limit_hz)) * sample_rate / len(samples)


def _powers(samples: np.ndarray, rate: int, limit_hz: float, window: np.ndarray, hop: int) -> np.ndarray:
    """Power over time at each frequency, with the floor [shape=(times, FREQUENCIES)]; zeros of silence."""
    step = (limit_hz - LEAST_HZ) / FREQUENCIES
    frequencies = LEAST_HZ + step * (np.arange(FREQUENCIES) + 0.5)
    angles = 2 * np.pi * frequencies * np.arange(len(window))[:, np.newaxis] / rate
    frames = sliding_window_view(samples, len(window))[::hop]
    power = sum(np.square(frames @ (window[:, np.newaxis] * wave(angles))) for wave in (np.cos, np.sin))
    floor = 10 ** (FLOOR_DB / 10) * np.square(samples).mean() * window.sum() ** 2 / 2
    return np.asarray(power + floor)

"""Aliasing of a network, heard with stepped sines (MM'19 Section 8.2: "aliasing behavior in the output spectrum").

A network that decimates and interpolates by P in all, and is otherwise convolutions and pointwise functions, gives
the same output P samples later for the same input P samples later; it is time-invariant only so far. Play it the
tone cos(2 pi j t / N + phase). Shifting the tone by P only turns its phase by 2 pi j P / N, so that the output is a sum
over whole n of exp(2 pi i n j t / N) times something of period P in t: it has components at the bins

    n j + m N / P    (of N, modulo N),

n the harmonic and m the image, 0 <= m < P, and nowhere else. A time-invariant system has m = 0 alone, however
non-linear it is; what has m > 0 is aliasing, or images that no filter took away, which is the same fault.

Which n a bin belongs to is known only modulo D = N / P, since D j more is an image again. With D even and j odd (so
that j has an inverse modulo D), the harmonics -D / 2 < n < D / 2 fall into different residues modulo D, and each
residue holds P bins of which one is the harmonic itself. Harmonics from D / 2 on would pass as images of lower ones;
they count as aliasing. With D = 64 those of a rectified sine are together 56 dB under the sine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from nblib.errors import ParameterError, check_whole

SETTLING_SAMPLES = 4096  # twice the reach, to either side, of eight levels of kernel 9: 4 * 2 * (1 + 2 + ... + 128)
LEAST_RESIDUES = 8  # D: room for harmonics up to the third


def aliasing(
    process: Callable[[np.ndarray], np.ndarray],
    frequencies_hz: Sequence[float],
    sample_rate: int,
    period: int,
    level_dbfs: float = -20.0,
    length: int = 16_384,
) -> list[dict[str, float]]:
    """What becomes of sines: gain, distortion and aliasing, a row per tone (MM'19 Section 8.2).

    Parameters
    ----------
    process : callable
        From samples [shape=(n,), float32, full scale 1] to samples of that shape. A shift of what goes in by `period`
        samples must shift what comes out, and a sample must depend on none that is over 4096 samples away.
    frequencies_hz : sequence of float
        Between 0 and half the sample rate; each is moved to the middle between two even bins, by at most one bin.
    sample_rate : int > 0
        In Hz.
    period : int > 0
        Samples: ``2 ** num_layers`` for a network that decimates by 2 so often, 1 for a time-invariant one.
    level_dbfs : float <= 0
        Level of the tones over that of a full-scale sine.
    length : int
        Samples of the spectrum, N: `period` times a power of two from 8.

    Returns
    -------
    list of dict
        ``frequency_hz``, as played. ``gain_db``: the tone going out over that going in. ``distortion_db``: power of
        harmonics and of the mean, which a time-invariant network could make (harmonics over half the sample rate fold
        back there, too). ``aliasing_db``: that of everything else, images of a mean included, which are tones without
        any input. Both are over the power of the tone going in, since that going out may be 0.
        ``aliasing_over_output_db``: the aliasing's share of all that comes out, at most 0; NaN of silence.

    Raises
    ------
    ParameterError
        A number is out of range, or `process` gives another shape.
    """
    check_whole("sample_rate", sample_rate, least=1)
    check_whole("period", period, least=1)
    check_whole("length", length, least=1)
    residues = length // period
    if length % period or residues < LEAST_RESIDUES or residues & (residues - 1):
        raise ParameterError(f"length={length}: period={period} times a power of two from {LEAST_RESIDUES} is needed")
    if not level_dbfs <= 0:
        raise ParameterError(f"level_dbfs={level_dbfs!r}: at most 0, a full-scale sine")
    for frequency in frequencies_hz:
        if not 0 < frequency < sample_rate / 2:
            raise ParameterError(f"frequency {frequency!r} Hz: between 0 and {sample_rate / 2:g} is needed")
    amplitude = 10 ** (level_dbfs / 20)
    bins = [2 * math.floor(frequency * length / sample_rate / 2) + 1 for frequency in frequencies_hz]
    return [
        {"frequency_hz": tone * sample_rate / length}
        | _row(_steady_powers(process, tone, amplitude, period, length), tone, residues, amplitude)
        for tone in bins
    ]


def _steady_powers(
    process: Callable[[np.ndarray], np.ndarray], tone: int, amplitude: float, period: int, length: int
) -> np.ndarray:
    """Power per bin [shape=(length,)] of the response to the tone of bin `tone`, once it is periodic."""
    pad = period * math.ceil(SETTLING_SAMPLES / period)
    # From a table, so that the rounding to float32 repeats, too, and falls on the tone's own harmonics.
    table = (amplitude * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    samples = table[tone * np.arange(-pad, length + pad) % length]
    response = np.asarray(process(samples))
    if response.shape != samples.shape:
        raise ParameterError(f"process gave shape {response.shape} for {samples.shape}: the same shape is needed")
    spectrum = np.fft.fft(response[pad : pad + length].astype(np.float64)) / length
    return np.square(np.abs(spectrum))


def _row(powers: np.ndarray, tone: int, residues: int, amplitude: float) -> dict[str, float]:
    """The row of one tone, but for its frequency, from the power per bin."""
    highest = residues // 2 - 1
    harmonics = np.arange(-highest, highest + 1) * tone % len(powers)
    played, whole = amplitude**2 / 2, float(powers.sum())
    fundamental = float(powers[tone] + powers[-tone])
    aliased = float(np.delete(powers, harmonics).sum())
    distorted = float(powers[harmonics].sum()) - fundamental
    return {
        "gain_db": _db(fundamental / played),
        "distortion_db": _db(distorted / played),
        "aliasing_db": _db(aliased / played),
        "aliasing_over_output_db": _db(aliased / whole) if whole else math.nan,
    }


def _db(ratio: float) -> float:
    return 10 * math.log10(ratio) if ratio > 0 else -math.inf

"""Aliasing of a network, heard with stepped sines (MM'19 Section 8.2: "aliasing behavior in the output spectrum").

A network that decimates and interpolates by P in all, and is otherwise convolutions and pointwise functions, gives
the same output P samples later for the same input P samples later; it is time-invariant only so far. Play it the
tone cos(2 pi j t / N + phase). Shifting the tone by P only turns its phase by 2 pi j P / N, so that the output is a sum
over whole n of exp(2 pi i n j t / N) times something of period P in t: it has components at the bins

    n j + m N / P    (of N, modulo N),

n the harmonic and m the image, 0 <= m < P, and nowhere else. A time-invariant system has m = 0 alone, however
non-linear it is; what has m > 0 is aliasing, or images that no filter took away, which is the same fault.

Which n a bin belongs to is known only modulo D = N / P, since D j more is an image again. With D even and j odd, the
harmonics -D / 2 < n < D / 2 fall into different residues modulo D, each of P bins of which one is the harmonic itself.
Harmonics from D / 2 on count as aliasing: with D = 64 those of a rectified sine are together 56 dB under the sine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from nblib.errors import ParameterError

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
    period, length : int > 0
        ``2 ** num_layers`` for a network that decimates by 2 so often, 1 for a time-invariant one; samples of the
        spectrum, N, `period` times a power of two from 8.

    Returns
    -------
    list of dict
        ``frequency_hz``, as played. ``gain_db``: the tone going out over that going in. ``distortion_db``: power of
        harmonics and of the mean, which a time-invariant network could make (harmonics over half the sample rate fold
        back there, too). ``aliasing_db``: that of everything else, images of a mean included, which are tones without
        any input. Both are over the power of the tone going in, since that going out may be 0.
        ``aliasing_over_output_db``: the aliasing's share of all that comes out, at most 0; NaN of silence.
    """
    residues = length // period
    if length % period or residues < LEAST_RESIDUES or residues & (residues - 1):
        raise ParameterError(f"length={length}: period={period} times a power of two from {LEAST_RESIDUES} is needed")
    for frequency in frequencies_hz:
        if not 0 < frequency < sample_rate / 2:
            raise ParameterError(f"frequency {frequency!r} Hz: between 0 and {sample_rate / 2:g} is needed")
    amplitude = 10 ** (level_dbfs / 20)
    # From a table, so that the rounding to float32 repeats, too, and falls on the tone's own harmonics.
    table = (amplitude * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    pad = period * math.ceil(SETTLING_SAMPLES / period)
    rows = []
    for frequency in frequencies_hz:
        tone = 2 * math.floor(frequency * length / sample_rate / 2) + 1
        response = np.asarray(process(table[tone * np.arange(-pad, length + pad) % length]))
        powers = np.square(np.abs(np.fft.fft(response[pad : pad + length].astype(np.float64)) / length))
        harmonics = np.arange(1 - residues // 2, residues // 2) * tone % length
        fundamental, output = float(powers[tone] + powers[-tone]), float(powers.sum())
        aliased, played = float(np.delete(powers, harmonics).sum()), amplitude**2 / 2
        row = {
            "frequency_hz": tone * sample_rate / length,
            "gain_db": _db(fundamental / played),
            "distortion_db": _db((float(powers[harmonics].sum()) - fundamental) / played),
            "aliasing_db": _db(aliased / played),
            "aliasing_over_output_db": _db(aliased / output) if output else math.nan,
        }
        rows.append(row)
    return rows


def _db(ratio: float) -> float:
    return 10 * math.log10(ratio) if ratio > 0 else -math.inf

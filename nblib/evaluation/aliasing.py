"""Aliasing of a network, heard with stepped sines (MM'19 Section 8.2: "aliasing behavior in the output spectrum").

A network that decimates and interpolates by P in all is time-invariant only for shifts by P. The tone of bin j of N,
shifted so, only turns its phase: what comes out is a sum over whole n of exp(2 pi i n j t / N) times something of
period P in t. It lies at the bins n j + m N / P (modulo N), n the harmonic and m the image, 0 <= m < P, and nowhere
else. A time-invariant system has m = 0 alone, however non-linear it is; m > 0 is aliasing, or images left by a filter.

Which n a bin belongs to is known only modulo D = N / P. With D even and j odd, the harmonics -D / 2 < n < D / 2 fall
into different residues modulo D. Those from D / 2 on count as aliasing: of a rectified sine 56 dB under it at D = 64.
"""

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

    `process` maps samples [shape=(n,), float32, full scale 1] to samples. A shift of what goes in by `period` must
    shift what comes out (``2 ** num_layers`` for a network that decimates by 2 so often, 1 for a time-invariant one),
    and a sample must depend on none that is over 4096 away. `frequencies_hz` lie between 0 and half the sample rate;
    each is moved to the middle between two even bins. `length` of the spectrum, N: `period` times a power of 2 from 8.

    ``frequency_hz`` is as played, ``gain_db`` of the tone going out over that going in. ``distortion_db`` is the power
    of harmonics and of the mean, which a time-invariant network could make, ``aliasing_db`` that of everything else,
    images of a mean included; both over the tone going in, since that going out may be 0.
    ``aliasing_over_output_db`` is the aliasing's share of all that comes out, at most 0; NaN of silence.
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

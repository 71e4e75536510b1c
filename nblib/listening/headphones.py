"""The headphone check: which of three tones is the quietest?

K. J. P. Woods, M. H. Siegel, J. Traer and J. H. McDermott 2017, "Headphone screening to facilitate web-based auditory
experiments", Attention, Perception, & Psychophysics 79, 2064-2072, doi 10.3758/s13414-017-1361-2. One tone is 6 dB
softer; another is in antiphase, so that over loudspeakers it cancels in the air and seems the quietest.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

from nblib.provenance import random_generator

FREQUENCY_HZ = 200.0
TONE_SECONDS, RAMP_SECONDS, GAP_SECONDS = 1.0, 0.1, 0.5
AMPLITUDE = 0.25  # -12 dBFS, about as loud as programme at -23 LUFS seems
SOFTER_DB = 6.0
KINDS = ("plain", "softer", "antiphase")


def tone_trials(sample_rate: int, seed: int) -> list[tuple[np.ndarray, int]]:
    """Six trials: each order of a plain, a softer and an antiphase tone once, in a sequence drawn from `seed`.

    Returns
    -------
    list of tuple
        Samples [shape=(n, 2)], full scale 1, of three tones of 200 Hz and 1 s with ramps of 100 ms, 500 ms apart; and
        which of them (1, 2 or 3) is the softer one.
    """
    orders = list(permutations(KINDS))
    drawn = random_generator("headphones", seed).permutation(len(orders))
    return [(_three(orders[index], sample_rate), orders[index].index("softer") + 1) for index in drawn]


def _three(order: tuple[str, ...], sample_rate: int) -> np.ndarray:
    time = np.arange(round(TONE_SECONDS * sample_rate)) / sample_rate
    edges = np.minimum(time, TONE_SECONDS - time) / RAMP_SECONDS
    envelope = 0.5 - 0.5 * np.cos(np.pi * np.clip(edges, 0, 1))
    plain = AMPLITUDE * envelope * np.sin(2 * np.pi * FREQUENCY_HZ * time)
    tones = {
        "plain": np.stack([plain, plain], 1),
        "softer": np.stack([plain, plain], 1) * 10 ** (-SOFTER_DB / 20),
        "antiphase": np.stack([plain, -plain], 1),
    }
    gap = np.zeros((round(GAP_SECONDS * sample_rate), 2))
    first, second, third = (tones[kind] for kind in order)
    return np.concatenate([first, gap, second, gap, third])

"""The headphone check: which of three tones is the quietest?

Woods, Siegel, Traer and McDermott 2017, "Headphone screening to facilitate web-based auditory experiments", Attention,
Perception, & Psychophysics 79, doi 10.3758/s13414-017-1361-2. One tone is 6 dB softer; another is in antiphase, so that
over loudspeakers it cancels in the air and seems the quietest.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

from nblib.provenance import random_generator

FREQUENCY_HZ = 200.0
TONE_SECONDS, RAMP_SECONDS, GAP_SECONDS = 1.0, 0.1, 0.5
AMPLITUDE = 0.25  # -12 dBFS, about as loud as programme at -23 LUFS seems
SOFTER_DB = 6.0


def tone_trials(sample_rate: int, seed: int) -> list[tuple[np.ndarray, int]]:
    """Six trials: each order of a plain, a softer and an antiphase tone once, in a sequence drawn from `seed`.

    Each is samples [shape=(n, 2)], full scale 1, of three tones 500 ms apart, and which (1, 2 or 3) is the softer one.
    """
    time = np.arange(round(TONE_SECONDS * sample_rate)) / sample_rate
    edges = np.minimum(time, TONE_SECONDS - time) / RAMP_SECONDS
    envelope = 0.5 - 0.5 * np.cos(np.pi * np.clip(edges, 0, 1))
    tone = AMPLITUDE * envelope * np.sin(2 * np.pi * FREQUENCY_HZ * time)
    plain, antiphase = np.stack([tone, tone], 1), np.stack([tone, -tone], 1)
    tones = {"plain": plain, "softer": plain * 10 ** (-SOFTER_DB / 20), "antiphase": antiphase}
    gap = np.zeros((round(GAP_SECONDS * sample_rate), 2))
    orders = list(permutations(tones))
    drawn = [orders[index] for index in random_generator("headphones", seed).permutation(len(orders))]
    return [
        (np.concatenate([tones[one], gap, tones[two], gap, tones[three]]), (one, two, three).index("softer") + 1)
        for one, two, three in drawn
    ]

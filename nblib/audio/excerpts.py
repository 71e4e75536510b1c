"""Which part of a recording to take, where not all of it is wanted."""

from __future__ import annotations

import numpy as np


def loudest(samples: np.ndarray, length: int) -> slice:
    """The `length` samples of `samples` [shape=(n,)] with the most energy, all where there are fewer: no pause."""
    length = min(length, len(samples))
    energy = np.concatenate([[0.0], np.square(samples, dtype=np.float64).cumsum()])
    start = int(np.argmax(energy[length:] - energy[: len(energy) - length]))
    return slice(start, start + length)

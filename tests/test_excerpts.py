"""The loudest stretch of a recording."""

from __future__ import annotations

import numpy as np
import pytest

from nblib.audio import loudest

SAMPLES = np.array([1, 0, 2, 2, 0, 3, 0], np.float32)


@pytest.mark.parametrize(("length", "start"), [(1, 5), (2, 4), (3, 3), (7, 0)])
def test_it_has_the_most_energy(length, start):
    part = loudest(SAMPLES, length)
    assert (part.start, part.stop) == (start, start + length)
    energies = [np.square(SAMPLES[first : first + length]).sum() for first in range(len(SAMPLES) - length + 1)]
    assert np.square(SAMPLES[part]).sum() == max(energies)


def test_all_is_taken_where_there_is_less():
    assert loudest(SAMPLES, 99) == slice(0, 7)

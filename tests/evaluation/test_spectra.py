"""Holes: where a codec left nothing of what was audible."""

from __future__ import annotations

import math

import numpy as np

from nblib.evaluation.spectra import hole_scores, holes

LOSSLESS = np.full((4, 5), 0.1)
LOSSLESS[:, 4] = 1e-5  # -100 dB: nothing to lose


def coded(*emptied: tuple[int, int]) -> np.ndarray:
    magnitude = LOSSLESS.copy()
    for place in emptied:
        magnitude[place] = 0.0
    return magnitude


def test_a_hole_is_a_drop_of_over_20_db_of_something_audible() -> None:
    after = LOSSLESS * 0.11
    after[0, 0], after[1, 4] = 0.09 * LOSSLESS[0, 0], 0.0
    assert np.argwhere(holes(LOSSLESS, after)).tolist() == [[0, 0]]


def test_scores_by_hand() -> None:
    truth, found = coded((0, 0), (0, 1), (1, 2), (3, 3)), coded((0, 0), (2, 2), (3, 3))
    scores = hole_scores(LOSSLESS, truth, found, below_bin=3)  # the last bin does not count
    assert scores == {"hole_share": 3 / 12, "hole_precision": 1 / 2, "hole_recall": 1 / 3}


def test_without_holes_there_is_no_precision_or_recall() -> None:
    scores = hole_scores(LOSSLESS, LOSSLESS, LOSSLESS, below_bin=4)
    assert scores["hole_share"] == 0
    assert math.isnan(scores["hole_precision"]) and math.isnan(scores["hole_recall"])

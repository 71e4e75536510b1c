"""Intervals of paired differences."""

from __future__ import annotations

import numpy as np

from nblib.errors import ParameterError
from nblib.provenance import random_generator

DRAWS = 4000


def paired_interval(differences: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Mean of paired differences with a 95 % bootstrap interval over both ways they vary.

    Seeds and items are drawn again independently (a crossed bootstrap), since a lucky seed moves all its items alike.

    Parameters
    ----------
    differences : np.ndarray [shape=(seeds, items)]
        One value per training seed and test item; NaN where a pair could not be measured.

    Returns
    -------
    dict
        ``mean``, ``low``, ``high`` in the unit of `differences`; `low` and `high` are NaN where a single value was
        measured, of which nothing can be said.

    Raises
    ------
    ParameterError
        Nothing was measured.
    """
    if differences.ndim != 2 or not np.isfinite(differences).any():
        raise ParameterError(f"differences of shape {differences.shape}: no finite value to take an interval of")
    generator = random_generator(seed, "paired interval")
    seeds, items = differences.shape
    rows = generator.integers(seeds, size=(DRAWS, seeds, 1))
    columns = generator.integers(items, size=(DRAWS, 1, items))
    drawn = differences[rows, columns]
    measured = (~np.isnan(drawn)).sum(axis=(1, 2))
    means = np.nansum(drawn, axis=(1, 2))[measured > 0] / measured[measured > 0]
    low, high = np.quantile(means, [0.025, 0.975]) if np.isfinite(differences).sum() > 1 else (np.nan, np.nan)
    return {"mean": float(np.nanmean(differences)), "low": float(low), "high": float(high)}

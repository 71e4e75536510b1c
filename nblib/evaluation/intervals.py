"""Intervals of means that vary in two ways: over training seeds, and over items or participants."""

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
    return _bootstrap(differences, 1, random_generator(seed, "paired interval"))


def nested_interval(values: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Mean of what participants came to, each of whom met the networks of one training seed, with a 95 % interval.

    Seeds are drawn again, and within each drawn one its participants (a nested bootstrap).

    Parameters
    ----------
    values : np.ndarray [shape=(seeds, participants)]

    Returns, Raises
        As for `paired_interval`.
    """
    if values.ndim != 2 or not np.isfinite(values).any():
        raise ParameterError(f"values of shape {values.shape}: no finite value to take an interval of")
    return _bootstrap(values, len(values), random_generator(seed, "nested interval"))


def _bootstrap(values: np.ndarray, apart: int, generator: np.random.Generator) -> dict[str, float]:
    """Rows and columns drawn again; the columns for all rows alike (`apart` 1) or for each row apart."""
    seeds, columns = values.shape
    rows = generator.integers(seeds, size=(DRAWS, seeds, 1))
    drawn = values[rows, generator.integers(columns, size=(DRAWS, apart, columns))]
    measured = (~np.isnan(drawn)).sum(axis=(1, 2))
    means = np.nansum(drawn, axis=(1, 2))[measured > 0] / measured[measured > 0]
    low, high = np.quantile(means, [0.025, 0.975]) if np.isfinite(values).sum() > 1 else (np.nan, np.nan)
    return {"mean": float(np.nanmean(values)), "low": float(low), "high": float(high)}

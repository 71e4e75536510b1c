"""The papers' statistics of A/B choices with "I don't know" (MM'19 Tables 4 and 5, IJCNN'20 Figure 5)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nblib.errors import ParameterError
from nblib.provenance import random_generator

BOOTSTRAP_DRAWS = 2000
CHOICES = ("a", "b", "dont_know")


def preference_rates(votes: pd.DataFrame, by: list[str], seed: int = 0) -> pd.DataFrame:
    """How often side A was preferred and how often nobody could tell, per group, over participants.

    As the papers count: a tie counts against both sides; the rate is taken per participant and then averaged, its
    spread is the standard deviation over participants. The interval is a bootstrap over participants.

    Parameters
    ----------
    votes : DataFrame
        Columns ``participant``, ``choice`` ("a", "b", "dont_know") and those in `by`.
    by : list of str
        Columns that make a group.

    Returns
    -------
    DataFrame
        One row per group: `by`, ``preferred_rate``, ``preferred_std``, ``preferred_low``, ``preferred_high`` (95 %),
        ``dont_know_rate``, ``dont_know_std``, ``participants``, ``comparisons``; rates in [0, 1].

    Raises
    ------
    ParameterError
        There are no votes, or a choice is unknown.
    """
    if votes.empty:
        raise ParameterError("votes: there are none")
    unknown = sorted(set(votes["choice"]) - set(CHOICES))
    if unknown:
        raise ParameterError(f"votes: unknown choice {unknown[0]!r}; known are {', '.join(CHOICES)}")
    rows = []
    for group, own in votes.groupby(by, sort=True):
        preferred = own["choice"].eq("a").groupby(own["participant"]).mean().to_numpy()
        dont_know = own["choice"].eq("dont_know").groupby(own["participant"]).mean().to_numpy()
        low, high = _bootstrap_interval(preferred, seed)
        rows.append(
            dict(zip(by, group, strict=True))
            | {
                "preferred_rate": preferred.mean(),
                "preferred_std": preferred.std(),
                "preferred_low": low,
                "preferred_high": high,
                "dont_know_rate": dont_know.mean(),
                "dont_know_std": dont_know.std(),
                "participants": len(preferred),
                "comparisons": len(own) // len(preferred),
            }
        )
    return pd.DataFrame(rows)


def _bootstrap_interval(values: np.ndarray, seed: int) -> tuple[float, float]:
    draws = random_generator(seed, "bootstrap").integers(len(values), size=(BOOTSTRAP_DRAWS, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)

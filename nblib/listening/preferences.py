"""The papers' statistics of A/B choices with "I don't know" (MM'19 Tables 4 and 5, IJCNN'20 Figures 3 and 5).

As the papers count, a rate is taken per participant and then averaged. Its spread is the population standard deviation
over participants: the means and spreads that MM'19 Table 5 prints ("0.12, 0.24") come out so and not by the sample's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from nblib.errors import ParameterError, check_choice
from nblib.listening.chance import wilson_interval
from nblib.listening.tallies import outcomes
from nblib.provenance import random_generator

BOOTSTRAP_DRAWS = 2000
COUNTS = ("participants", "comparisons", "votes")


def preference_rates(votes: pd.DataFrame, by: Sequence[str] = (), seed: int = 0) -> pd.DataFrame:
    """How often each system was preferred, and how often nobody could tell, per group (MM'19 Table 4).

    A participant's rate is the share of a system's presentations in which it was chosen; a tie counts against both
    sides. MM'19 presents each of five systems 20 times in 50 pairs.

    Parameters
    ----------
    votes : DataFrame
        As in `nblib.listening.votes`; only kind "test" counts.
    by : sequence of str
        Columns that make a group.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        One row per group and system, sorted: `by`, ``system``;
        ``preferred_rate``, ``preferred_std``: mean and spread over participants;
        ``preferred_low``, ``preferred_high``: 95 % percentile bootstrap over participants (Efron 1979), missing where
        there is only one;
        ``pooled_rate``, ``wilson_low``, ``wilson_high``: share of all presentations and its 95 % interval by Wilson
        (1927), which takes votes as independent and so is too narrow where participants differ;
        ``dont_know_rate``, ``dont_know_std``, ``dont_know_low``, ``dont_know_high``: as for preferred;
        ``participants``, ``comparisons`` (presentations per participant, on average), ``votes`` (presentations).
        Rates in [0, 1].

    Raises
    ------
    ParameterError
        As `nblib.listening.tallies.outcomes`.
    """
    table = outcomes(votes, by)
    sides = [
        table.assign(system=table[f"system_{number}"], preferred=table["outcome"] == sign)
        for number, sign in ((1, 1), (2, -1))
    ]
    rows = pd.concat(sides, ignore_index=True)
    rows = rows.assign(dont_know=rows["outcome"] == 0)
    keys = [*by, "system"]
    result = _over_participants(rows, keys, ["preferred", "dont_know"], seed)
    chosen = rows.groupby(keys, dropna=False)["preferred"].sum().to_numpy()
    total = result["votes"].to_numpy()
    low, high = wilson_interval(chosen, total)
    result = result.assign(pooled_rate=chosen / total, wilson_low=low, wilson_high=high)
    pooled = ["pooled_rate", "wilson_low", "wilson_high"]
    return result[[*keys, *_columns("preferred"), *pooled, *_columns("dont_know"), *COUNTS]]


def dont_know_matrix(votes: pd.DataFrame, by: Sequence[str] = (), seed: int = 0) -> pd.DataFrame:
    """How often nobody could tell two systems apart, per group and pair (MM'19 Table 5).

    Parameters as for `preference_rates`.

    Returns
    -------
    DataFrame
        One row per group and pair that met, sorted: `by`, ``system_1``, ``system_2`` (in the order of the alphabet);
        ``dont_know_rate``, ``dont_know_std``: mean and spread over participants of the share of don't knows;
        ``dont_know_low``, ``dont_know_high``: 95 % bootstrap over participants, missing where there is only one;
        ``participants``, ``comparisons`` (per participant, on average), ``votes``. Rates in [0, 1].

    Raises
    ------
    ParameterError
        As `nblib.listening.tallies.outcomes`.
    """
    table = outcomes(votes, by)
    keys = [*by, "system_1", "system_2"]
    result = _over_participants(table.assign(dont_know=table["outcome"] == 0), keys, ["dont_know"], seed)
    return result[[*keys, *_columns("dont_know"), *COUNTS]]


def dont_know_triangle(matrix: pd.DataFrame, systems: Sequence[str]) -> pd.DataFrame:
    """One group's rows of `dont_know_matrix` as MM'19 prints its Table 5, each pair once.

    Parameters
    ----------
    matrix : DataFrame
        Columns ``system_1``, ``system_2``, ``dont_know_rate``, ``dont_know_std``.
    systems : sequence of str
        The order of rows and columns.

    Returns
    -------
    DataFrame
        Rows are all `systems` but the last, columns all but the first. Text such as "0.12 ± 0.24" where the column's
        system comes after the row's, "not compared" for a pair that never met, "" elsewhere.

    Raises
    ------
    ParameterError
        `matrix` has a pair twice, so that it holds several groups, or a system that is not in `systems`.
    """
    twice = matrix[matrix.duplicated(["system_1", "system_2"])]
    if len(twice):
        pair = tuple(twice.iloc[0][["system_1", "system_2"]])
        raise ParameterError(f"matrix: {pair} stands there twice; pick the rows of one group")
    for name in sorted({*matrix["system_1"], *matrix["system_2"]}):
        check_choice("system", name, systems)
    means, spreads = matrix["dont_know_rate"], matrix["dont_know_std"]
    pairs = zip(matrix["system_1"], matrix["system_2"], means, spreads, strict=True)
    cells = {frozenset((one, other)): f"{mean:.2f} ± {spread:.2f}" for one, other, mean, spread in pairs}
    order = list(systems)
    table = pd.DataFrame("", index=order[:-1], columns=order[1:])
    for one, other in combinations(order, 2):
        table.loc[one, other] = cells.get(frozenset((one, other)), "not compared")
    return table


def _columns(name: str) -> list[str]:
    return [f"{name}_{part}" for part in ("rate", "std", "low", "high")]


def _over_participants(rows: pd.DataFrame, keys: list[str], names: list[str], seed: int) -> pd.DataFrame:
    """`_columns` of each participant's shares of `names`, and the counts, one row per group of `keys`."""
    # Sorted by participant, so that the bootstrap does not depend on the order of the rows.
    shares = rows.groupby([*keys, "participant"], dropna=False)[names].mean().reset_index()
    groups = shares.groupby(keys, dropna=False)
    participants = groups.size()
    result = participants.index.to_frame(index=False)
    for name in names:
        summaries = [_summary(values.to_numpy(), seed) for _, values in groups[name]]
        result[_columns(name)] = summaries
    votes = rows.groupby(keys, dropna=False).size().to_numpy()
    counts = {"participants": participants.to_numpy(), "comparisons": votes / participants.to_numpy(), "votes": votes}
    return result.assign(**counts)


def _summary(shares: np.ndarray, seed: int) -> tuple[float, float, float, float]:
    """Mean, spread and the bootstrap's limits."""
    if len(shares) == 1:
        return float(shares[0]), 0.0, np.nan, np.nan
    draws = random_generator(seed, "bootstrap").integers(len(shares), size=(BOOTSTRAP_DRAWS, len(shares)))
    low, high = np.quantile(shares[draws].mean(axis=1), [0.025, 0.975])
    return float(shares.mean()), float(shares.std()), float(low), float(high)

"""Votes as outcomes of unordered pairs: what every statistic of paired comparisons counts from."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from nblib.errors import ParameterError
from nblib.listening.votes import check_votes


def outcomes(votes: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """The votes that count (``kind`` "test"), told apart from the side that each system stood on.

    Parameters
    ----------
    votes : DataFrame
        As in `nblib.listening.votes`.
    by : sequence of str
        Columns that make a group; kept.

    Returns
    -------
    DataFrame
        One row per vote: `by`, ``participant``, ``system_1`` and ``system_2`` (in the order of the alphabet),
        ``outcome`` (1: the first was chosen, -1: the second, 0: don't know), ``side`` (likewise, of A and B).

    Raises
    ------
    ParameterError
        As `check_votes`; no vote has kind "test"; a column of `by` is missing or names the participant.
    """
    votes = check_votes(votes)
    for name in by:
        if name not in votes.columns or name == "participant":
            known = ", ".join(column for column in votes.columns if column != "participant")
            raise ParameterError(f"by={name!r}: votes cannot be grouped by this; choose from {known}")
    votes = votes[votes["kind"] == "test"]
    if votes.empty:
        raise ParameterError("votes: none has kind='test'; catch and training pairs are not counted")
    a, b = votes["system_a"], votes["system_b"]
    sides = votes["choice"].map({"a": 1, "b": -1, "dont_know": 0})
    pairs = {
        "participant": votes["participant"],
        "system_1": a.where(a < b, b),
        "system_2": b.where(a < b, a),
        "outcome": sides.where(a < b, -sides),
        "side": sides,
    }
    return votes[list(by)].assign(**pairs).reset_index(drop=True)


def win_matrix(votes: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How often every system was chosen over every other, and how often nobody could tell.

    Returns
    -------
    wins, ties : DataFrame [shape=(systems, systems)]
        ``wins.loc[i, j]``: votes for i against j; ``ties`` is symmetric. Counts, 0 where a pair never met. Systems in
        the order of the alphabet. Errors as `outcomes`.
    """
    table = outcomes(votes)
    systems = sorted({*table["system_1"], *table["system_2"]})
    counts = table.groupby(["system_1", "system_2"])["outcome"].value_counts().unstack(fill_value=0)
    matrices = []
    for outcome in (1, -1, 0):
        column = counts[outcome] if outcome in counts else pd.Series(0, counts.index)
        matrices.append(column.unstack().reindex(index=systems, columns=systems).fillna(0).astype(int))
    first, second, ties = matrices
    wins, ties = first + second.T, ties + ties.T
    return wins.rename_axis(index=None, columns=None), ties.rename_axis(index=None, columns=None)

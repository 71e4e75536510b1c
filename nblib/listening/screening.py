"""Whose votes count: participants who noticed a spoilt original, and heard it on headphones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import binom

from nblib.errors import ParameterError, check_choice
from nblib.listening.votes import SPOILT, check_votes

LEAST_SHARE = 0.75
HEADPHONES = ("passed", "failed", "skipped", "")


def passed_catch(votes: pd.DataFrame, least_share: float = LEAST_SHARE) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The votes of participants who told the spoilt sound in at least `least_share` of their catch pairs.

    Don't know at a catch pair is a miss: the fault is meant to be heard. Somebody who always picks a side at random
    passes with the chance P(Bin(catch, 1/2) >= needed): 0.31 at 4 catch pairs, 0.19 at 5, 0.14 at 8, 0.07 at 12; one
    who spreads the guesses over three answers with 0.11, 0.05, 0.02, 0.004. An attentive listener who slips once in
    twenty passes with 0.99 at 4, where asking for all of them would lose 19 in 100: hence 0.75, and more catch pairs
    where guessers are to be feared. ``guesser_passes`` says what the threshold is worth.

    Parameters
    ----------
    votes : DataFrame
        As in `nblib.listening.votes`.
    least_share : float in (0, 1]
        Least share of catch pairs in which the side without `SPOILT` was chosen.

    Returns
    -------
    votes : DataFrame
        All votes, of every kind, of the participants who are kept.
    participants : DataFrame
        One row each, sorted: ``participant``, ``catch`` (pairs), ``caught``, ``guesser_passes`` (the chance of a
        random chooser of sides to be kept), ``kept``, ``reason`` ("passed", "missed catch pairs", "no catch pairs").
        Without catch pairs a participant is kept.

    Raises
    ------
    ParameterError
        As `check_votes`; a catch pair has no spoilt side; `least_share` is out of range.
    """
    if not 0 < least_share <= 1:
        raise ParameterError(f"least_share={least_share!r}: a share over 0 and up to 1 is needed")
    votes = check_votes(votes)
    own = votes[votes["kind"] == "catch"]
    a, b = own["system_a"] == SPOILT, own["system_b"] == SPOILT
    wrong = own[~(a | b)]
    if len(wrong):
        raise ParameterError(f"votes: row {wrong.index[0] + 1}: kind='catch' without a {SPOILT!r} side")
    caught = own["choice"].eq("b").where(a, own["choice"].eq("a")).groupby(own["participant"])
    names = pd.Index(sorted(votes["participant"].unique()), name="participant")
    total = caught.size().reindex(names, fill_value=0)
    right = caught.sum().reindex(names, fill_value=0).astype(int)
    needed = np.ceil(least_share * total - 1e-9)  # 0.7 * 10 is more than 7 to a computer
    kept = right >= needed
    reason = np.select([total == 0, kept], ["no catch pairs", "passed"], "missed catch pairs")
    columns = {"catch": total, "caught": right, "guesser_passes": binom.sf(needed - 1, total, 0.5)}
    table = pd.DataFrame(columns | {"kept": kept, "reason": reason}, index=names).reset_index()
    return _of(votes, table), table


def passed_headphones(votes: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The votes of participants whose headphone check did not fail (Woods et al. 2017).

    Parameters
    ----------
    votes : DataFrame
        As in `nblib.listening.votes`, with ``headphones``: "passed", "failed", "skipped", or missing where there was no
        check; one value per participant.

    Returns
    -------
    votes : DataFrame
        All votes, of every kind, of the participants who are kept: all but those with "failed".
    participants : DataFrame
        One row each, sorted: ``participant``, ``headphones`` ("" where it is missing), ``kept``.

    Raises
    ------
    ParameterError
        As `check_votes`; there is no such column, an unknown value in it, or two values for one participant.
    """
    votes = check_votes(votes)
    if "headphones" not in votes.columns:
        raise ParameterError("votes: column 'headphones' is missing, so that nobody can be judged by it")
    values = votes["headphones"].astype(object).fillna("")
    for value in values.unique():
        check_choice("headphones", value, HEADPHONES)
    checks = values.groupby(votes["participant"])
    mixed = checks.nunique()
    if (mixed > 1).any():
        raise ParameterError(f"votes: participant={mixed.idxmax()!r} has several values of headphones; give one")
    found = checks.first().rename("headphones").reset_index()
    table = found.assign(kept=found["headphones"] != "failed")
    return _of(votes, table), table


def _of(votes: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    kept = table.loc[table["kept"], "participant"]
    return votes[votes["participant"].isin(kept)].reset_index(drop=True)

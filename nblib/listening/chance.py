"""Could it be chance? Exact tests of paired comparisons, and Wilson's interval of a share.

Don't knows say nothing for either side and are left out of every test here, as in the classical sign test.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm

from nblib.errors import ParameterError
from nblib.listening.tallies import outcomes


def wilson_interval(successes: np.ndarray | int, trials: np.ndarray | int) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of a share by Wilson (1927, JASA 22), without continuity correction.

    It takes the trials as independent. Votes of one participant are not, so that it is too narrow where participants
    differ.

    Parameters
    ----------
    successes, trials : int or np.ndarray, 0 <= successes <= trials, trials >= 1
        Counts.

    Returns
    -------
    low, high : np.ndarray
        In [0, 1], of the shape of `successes`.

    Raises
    ------
    ParameterError
        A count is out of range.
    """
    successes, trials = np.asarray(successes), np.asarray(trials)
    if not ((trials >= 1) & (successes >= 0) & (successes <= trials)).all():
        raise ParameterError(f"successes={successes}, trials={trials}: 0 <= successes <= trials and 1 <= trials needed")
    square = norm.ppf(0.975) ** 2
    centre = (successes + square / 2) / (trials + square)
    half = np.sqrt(square * (successes * (trials - successes) / trials + square / 4)) / (trials + square)
    # Exact where the formula only nearly cancels.
    return np.where(successes == 0, 0.0, centre - half), np.where(successes == trials, 1.0, centre + half)


def sign_flip_test(nets: Sequence[int] | np.ndarray) -> float:
    """The exact p-value of "every participant is as likely to lean one way as the other", two-sided.

    Fisher's permutation test of paired differences (1935, The Design of Experiments, Section 21) with participants as
    units: were it chance, each net preference might as well have had the other sign. All 2**n equally likely sums are
    counted by convolution, none is drawn.

    Parameters
    ----------
    nets : sequence of int [shape=(n,)]
        Each participant's votes for one system less those for the other.

    Returns
    -------
    float
        Share of sign patterns whose sum is at least as far from 0 as the one seen, in (0, 1]. With n participants it
        cannot be less than 2**(1 - n).
    """
    nets = np.asarray(nets, int)
    reach = int(np.abs(nets).sum())
    chances = np.zeros(2 * reach + 1)  # of the sums -reach to reach
    chances[reach] = 1.0
    for net in nets:
        chances = (np.roll(chances, net) + np.roll(chances, -net)) / 2  # sums stay within reach: nothing wraps round
    far = np.abs(np.arange(-reach, reach + 1)) >= abs(int(nets.sum()))
    return min(1.0, float(chances[far].sum()))


def holm(p_values: Sequence[float] | np.ndarray | pd.Series) -> np.ndarray:
    """p-values adjusted for their number by Holm (1979, Scandinavian Journal of Statistics 6), in [0, 1]."""
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    return np.minimum(adjusted, 1.0)


def exact_tests(votes: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Each pair of systems against chance.

    Parameters
    ----------
    votes : DataFrame
        As in `nblib.listening.votes`; only kind "test" counts.
    by : sequence of str
        Columns that make a group.

    Returns
    -------
    DataFrame
        One row per group and pair that met, sorted: `by`, ``system_1``, ``system_2`` (in the order of the alphabet);
        ``wins_1``, ``wins_2``, ``ties``: votes;
        ``sign_p``: exact sign test on the decided votes, two-sided. It takes votes as independent and so finds too
        much where participants differ;
        ``participants``, ``flip_p``: `sign_flip_test` of their net preferences: believe this one;
        ``sign_p_holm``, ``flip_p_holm``: adjusted for all rows of the table.
        Where nothing was decided, p is 1.

    Raises
    ------
    ParameterError
        As `nblib.listening.tallies.outcomes`.
    """
    keys = [*by, "system_1", "system_2"]
    groups = outcomes(votes, by).groupby(keys, dropna=False)
    names = groups.size().index.to_frame(index=False)
    result = names.join(pd.DataFrame([_against_chance(own) for _, own in groups]))
    result = result.rename(columns={"wins": "wins_1", "losses": "wins_2"})
    return result.assign(sign_p_holm=holm(result["sign_p"]), flip_p_holm=holm(result["flip_p"]))


def side_bias(votes: pd.DataFrame) -> dict[str, float]:
    """Whether A was chosen more often than B, whatever stood behind them.

    Over sides drawn at random (`nblib.listening.pairs.presented`) it should not be.

    Returns
    -------
    dict
        ``wins`` and ``losses`` of side A, ``ties``, ``sign_p``, ``participants``, ``flip_p`` as in `exact_tests`;
        ``share``, ``wilson_low``, ``wilson_high``: of A among the decided votes, NaN where there are none.

    Raises
    ------
    ParameterError
        As `nblib.listening.tallies.outcomes`.
    """
    table = outcomes(votes)
    result = _against_chance(table.assign(outcome=table["side"]))
    decided = int(result["wins"] + result["losses"])
    if not decided:
        return result | dict.fromkeys(("share", "wilson_low", "wilson_high"), np.nan)
    low, high = wilson_interval(int(result["wins"]), decided)
    return result | {"share": result["wins"] / decided, "wilson_low": float(low), "wilson_high": float(high)}


def _against_chance(table: pd.DataFrame) -> dict[str, float]:
    outcome = table["outcome"]
    wins, losses = int((outcome == 1).sum()), int((outcome == -1).sum())
    nets = outcome.groupby(table["participant"]).sum().to_numpy()
    return {
        "wins": wins,
        "losses": losses,
        "ties": len(table) - wins - losses,
        "sign_p": float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0,
        "participants": len(nets),
        "flip_p": sign_flip_test(nets),
    }

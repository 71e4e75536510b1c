"""The papers' statistics of A/B choices with "I don't know", exact tests of people's, and strengths of systems.

`by` are columns that make groups. As the papers count, a rate is taken per participant and then averaged. Its spread is
the population standard deviation over participants: what MM'19 Table 5 prints ("0.12, 0.24") comes out so.
"""

import warnings
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from nblib.errors import ParameterError
from nblib.listening import LABEL
from nblib.provenance import random_generator


def outcomes(votes: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """The "test" votes with ``system_1`` < ``system_2``; ``outcome``: 1, the first was chosen, -1, or 0, don't know."""
    votes = votes[votes["kind"] == "test"].reset_index(drop=True)
    if votes.empty:
        raise ParameterError("votes: none has kind='test'; catch and training pairs are not counted")
    a, b = votes["system_a"], votes["system_b"]
    side = votes["choice"].map({"a": 1, "b": -1, "dont_know": 0})
    systems = {"system_1": a.where(a < b, b), "system_2": b.where(a < b, a)}
    return votes[[*by, "participant"]].assign(**systems, outcome=side.where(a < b, -side))


def wilson_interval(successes: np.ndarray | float, trials: np.ndarray | float) -> np.ndarray:
    """Ends of the 95 % interval of a share by Wilson (1927), too narrow for votes where participants differ."""
    return np.clip(proportion_confint(successes, trials, alpha=0.05, method="wilson"), 0, 1)


def preference_rates(votes: pd.DataFrame, by: Sequence[str] = (), seed: int = 0) -> pd.DataFrame:
    """How often each system was preferred, and how often nobody could tell, per group (MM'19 Table 4).

    A participant's rate is the share of a system's presentations in which it was chosen; a tie counts against both
    sides. ``_low`` and ``_high`` are the 95 % bootstrap over participants, NaN for one; ``comparisons`` are of one
    participant; ``pooled_rate`` and ``wilson_`` are of all presentations.
    """
    table, keys = outcomes(votes, by), [*by, "system"]
    sides = (("system_1", 1), ("system_2", -1))
    rows = pd.concat(table.assign(system=table[name], preferred=table["outcome"] == own) for name, own in sides)
    result = _over_participants(rows, keys, ["preferred", "dont_know"], seed)
    chosen = rows.groupby(keys, dropna=False)["preferred"].sum().to_numpy()
    low, high = wilson_interval(chosen, result["votes"].to_numpy())
    return result.assign(pooled_rate=chosen / result["votes"], wilson_low=low, wilson_high=high)


def dont_know_matrix(votes: pd.DataFrame, by: Sequence[str] = (), seed: int = 0) -> pd.DataFrame:
    """As `preference_rates`, of don't knows, a row per pair ``system_1``, ``system_2`` that met (MM'19 Table 5)."""
    return _over_participants(outcomes(votes, by), [*by, "system_1", "system_2"], ["dont_know"], seed)


def _over_participants(rows: pd.DataFrame, keys: list[str], names: list[str], seed: int) -> pd.DataFrame:
    """Statistics over participants of their shares of `names`, and counts, one row per group of `keys`."""
    rows = rows.assign(dont_know=rows["outcome"] == 0)
    # Sorted by participant, so that the bootstrap does not depend on the order of the rows.
    shares = rows.groupby([*keys, "participant"], dropna=False)[names].mean().reset_index().groupby(keys, dropna=False)
    votes, participants = rows.groupby(keys, dropna=False).size().to_numpy(), shares.size().to_numpy()
    result = shares.size().index.to_frame(index=False)
    for name in names:
        table = []
        for own in (group.to_numpy() for _, group in shares[name]):
            draws = random_generator(seed, "bootstrap").integers(len(own), size=(2000, len(own)))
            means = own[draws].mean(axis=1) if len(own) > 1 else np.array([np.nan])
            table.append((own.mean(), own.std(), *np.quantile(means, [0.025, 0.975])))
        result[[f"{name}_{part}" for part in ("rate", "std", "low", "high")]] = table
    return result.assign(participants=participants, comparisons=votes / participants, votes=votes)


def sign_flip_test(nets: Sequence[int] | np.ndarray) -> float:
    """Exact two-sided p-value of "all lean either way as likely" (Fisher 1935), of votes for less votes against."""
    # All 2**n sums are counted: scipy's permutation_test can only draw some where n is large.
    chances = np.ones(1)  # of the sums from -reach to reach
    for net in np.abs(nets):
        chances = (np.pad(chances, (0, 2 * net)) + np.pad(chances, (2 * net, 0))) / 2
    far = np.abs(np.arange(len(chances)) - len(chances) // 2) >= abs(np.sum(nets))
    return min(1.0, float(chances[far].sum()))


def exact_tests(votes: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Each pair of systems against chance, by people's votes alone (`ParameterError` where one is a model listener's).

    ``sign_p`` is two-sided, of the decided votes, and finds too much where participants differ; ``flip_p`` is
    `sign_flip_test` of their net preferences: believe this one. ``_holm`` is adjusted for all rows by Holm (1979).
    """
    if _simulated(votes):
        shown = "keep judge 'people'; of a model listener show preference_rates or davidson"
        raise ParameterError(f"votes: some are {LABEL!r}, of which more make any p-value small: {shown}")
    groups = outcomes(votes, by).groupby([*by, "system_1", "system_2"], dropna=False)
    result = groups.size().index.to_frame(index=False).join(pd.DataFrame([_against_chance(own) for _, own in groups]))
    adjusted = {f"{name}_holm": multipletests(result[name], method="holm")[1] for name in ("sign_p", "flip_p")}
    return result.assign(**adjusted)


def side_bias(votes: pd.DataFrame) -> dict[str, float]:
    """``share`` of A in the decided votes, its `wilson_interval`, and as `exact_tests`, of people's votes, p-values."""
    found = _against_chance(outcomes(votes.assign(system_a="A", system_b="B")))
    decided = found["wins_1"] + found["wins_2"] or np.nan
    low, high = wilson_interval(found["wins_1"], decided).tolist()
    if _simulated(votes):
        del found["sign_p"], found["flip_p"]
    return {"share": found["wins_1"] / decided, "wilson_low": low, "wilson_high": high} | found


def _simulated(votes: pd.DataFrame) -> bool:
    return "judge" in votes and bool(votes["judge"].astype(str).str.contains(LABEL, regex=False).any())


def _against_chance(table: pd.DataFrame) -> dict[str, float]:
    first, second, ties = (int((table["outcome"] == outcome).sum()) for outcome in (1, -1, 0))
    nets = table.groupby("participant")["outcome"].sum().to_numpy()
    sign_p = float(stats.binomtest(first, first + second).pvalue) if first + second else 1.0
    counts = {"wins_1": first, "wins_2": second, "ties": ties, "participants": len(nets)}
    return counts | {"sign_p": sign_p, "flip_p": sign_flip_test(nets)}


def davidson(votes: pd.DataFrame, prior: float = 0.0) -> pd.DataFrame:
    """Strengths by Davidson's extension of the Bradley-Terry model (1970, JASA 65), of participants as a pool.

    i is chosen : j is chosen : don't know = pi_i : pi_j : nu sqrt(pi_i pi_j); the logarithms of strengths pi sum to 0.
    Errors let a person's votes depend on one another (docs/listening-tests.md). Every pair gets `prior` pseudo-votes, a
    third to each outcome: 1 keeps strengths finite where systems never met, one always won, or all are ties.
    """
    if not 0 <= prior < np.inf:
        raise ParameterError(f"prior={prior!r}: a number of pseudo-votes per pair is needed, 0 or more")
    table = outcomes(votes)
    people = table["participant"].nunique()
    if people < 2:
        raise ParameterError("votes: all are of one participant, so that people's spread is unknown; ask more people")
    systems = sorted({*table["system_1"], *table["system_2"]})
    pairs = sorted(combinations(systems, 2) if prior else {*zip(table["system_1"], table["system_2"], strict=True)})
    # Votes per participant, pair and outcome [participants, pairs, outcomes], the prior's last.
    cells = pd.MultiIndex.from_tuples([(*pair, outcome) for pair in pairs for outcome in (1, -1, 0)])
    counted = pd.crosstab(table["participant"], [table["system_1"], table["system_2"], table["outcome"]])
    counts = counted.reindex(columns=cells, fill_value=0).to_numpy(float).reshape(people, len(pairs), 3)
    if prior:
        counts = np.concatenate([counts, np.full((1, len(pairs), 3), prior / 3)])
    # Parameters are log-strengths and log nu.
    signs = np.array([[(name == one) - (name == other) for name in systems] for one, other in pairs])
    design = np.zeros((len(pairs), 3, len(systems) + 1))
    design[:, 0, :-1], design[:, 1, :-1], design[:, 2, -1] = signs / 2, -signs / 2, 1
    if not counts[..., 2].any():  # nu is 0 and the model is Bradley and Terry's
        design, counts = design[:, :2, :-1], counts[..., :2]
    value, error = (found[: len(systems)] for found in _fit(design, counts))
    half = stats.t.ppf(0.975, people - 1) * error
    columns = {"log_strength": value, "standard_error": error, "low": value - half, "high": value + half}
    return pd.DataFrame({"system": systems} | columns)


def _fit(design: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest parameters and their standard errors; `design` is [pairs, outcomes, parameters]."""
    total, free = counts.sum(axis=0), design.shape[-1]
    intercepts = np.repeat(np.eye(len(total)), total.shape[1], axis=0)
    # The same to all strengths changes nothing: statsmodels' pseudo-inverse takes those that sum to 0.
    model = GLM(total.ravel(), np.hstack([design.reshape(-1, free), intercepts]), family=Poisson())
    with warnings.catch_warnings(action="ignore"):  # a model of two systems fits perfectly, which is no separation
        fit = model.fit(tol=1e-14, maxiter=200)
        inverse = fit.cov_params()[:free, :free]
    shares = fit.fittedvalues.reshape(total.shape) / total.sum(axis=1, keepdims=True)
    scores = np.einsum("cpo,pok->ck", counts - counts.sum(axis=2, keepdims=True) * shares, design)
    settled = np.abs(scores.sum(axis=0)).max() < 1e-6 * total.sum()
    # Where votes keep a system infinitely far from others, its shares fall until the fit stops.
    if not settled or shares.min() < 1e-9 or np.linalg.matrix_rank(model.exog) < model.exog.shape[1] - 1:
        reason = "some systems never met the others, never won or never lost, or all votes are ties"
        remedy = "ask for more votes, or give prior=1 (pseudo-votes, to be stated)"
        raise ParameterError(f"votes: no finite strengths are the likeliest ({reason}); {remedy}")
    return fit.params[:free], np.sqrt(np.square(scores @ inverse).sum(axis=0) * len(counts) / (len(counts) - 1))

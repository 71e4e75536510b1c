"""The papers' statistics of A/B choices with "I don't know", exact tests of people's, and strengths of systems.

As the papers count, a rate is taken per participant and then averaged. Its spread is the population standard deviation
over participants: the means and spreads that MM'19 Table 5 prints ("0.12, 0.24") come out so and not by the sample's.
"""

import warnings
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.linalg import null_space
from scipy.optimize import linprog
from scipy.stats import binomtest
from scipy.stats import t as student
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from nblib.errors import ParameterError, check_choice
from nblib.listening import LABEL
from nblib.provenance import random_generator

REMEDY = "ask for more votes, or give prior=1 (pseudo-votes, stated in the result)"


def outcomes(votes: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """The votes of kind "test", told apart from the side that each system stood on.

    One row per vote: `by` (columns that make a group), ``participant``, ``system_1``, ``system_2`` (in the order of the
    alphabet), ``outcome`` (1: the first was chosen, -1: the second, 0: don't know). `ParameterError` where no vote has
    that kind, or a column of `by` is missing or names the participant.
    """
    for name in by:
        check_choice("by", name, votes.columns.drop("participant"))
    votes = votes[votes["kind"] == "test"].reset_index(drop=True)
    if votes.empty:
        raise ParameterError("votes: none has kind='test'; catch and training pairs are not counted")
    a, b = votes["system_a"], votes["system_b"]
    side = votes["choice"].map({"a": 1, "b": -1, "dont_know": 0})
    systems = {"system_1": a.where(a < b, b), "system_2": b.where(a < b, a)}
    return votes[[*by, "participant"]].assign(**systems, outcome=side.where(a < b, -side))


def wilson_interval(successes: np.ndarray | float, trials: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of a share by Wilson (1927, JASA 22), too narrow for votes where participants differ."""
    low, high = proportion_confint(np.asarray(successes), np.asarray(trials), alpha=0.05, method="wilson")
    return np.clip(low, 0, 1), np.clip(high, 0, 1)


def preference_rates(votes: pd.DataFrame, by: Sequence[str] = (), seed: int = 0) -> pd.DataFrame:
    """How often each system was preferred, and how often nobody could tell, per group (MM'19 Table 4).

    A participant's rate is the share of a system's presentations in which it was chosen; a tie counts against both
    sides. `votes`, `by` and errors as for `outcomes`; `seed` is of the bootstrap. A row per group and system, sorted:
    `by`, ``system``; ``preferred_rate``, ``preferred_std`` (over participants), ``preferred_low``, ``preferred_high``
    (95 % bootstrap over them, missing for one); ``dont_know_`` likewise; ``participants``, ``comparisons`` (per
    participant), ``votes``; ``pooled_rate``, ``wilson_low``, ``wilson_high`` (of all presentations).
    """
    table = outcomes(votes, by)
    sides = {"system_1": 1, "system_2": -1}
    of_sides = [table.assign(system=table[name], preferred=table["outcome"] == own) for name, own in sides.items()]
    rows, keys = pd.concat(of_sides), [*by, "system"]
    result = _over_participants(rows, keys, ["preferred", "dont_know"], seed)
    chosen = rows.groupby(keys, dropna=False)["preferred"].sum().to_numpy()
    low, high = wilson_interval(chosen, result["votes"].to_numpy())
    return result.assign(pooled_rate=chosen / result["votes"], wilson_low=low, wilson_high=high)


def dont_know_matrix(votes: pd.DataFrame, by: Sequence[str] = (), seed: int = 0) -> pd.DataFrame:
    """As `preference_rates`, of don't knows, a row per pair ``system_1``, ``system_2`` that met (MM'19 Table 5)."""
    return _over_participants(outcomes(votes, by), [*by, "system_1", "system_2"], ["dont_know"], seed)


def dont_know_triangle(matrix: pd.DataFrame, systems: Sequence[str]) -> pd.DataFrame:
    """One group's rows of `dont_know_matrix` as MM'19 prints its Table 5, each pair once: texts, "0.12 ± 0.24"."""
    rows = matrix[["system_1", "system_2", "dont_know_rate", "dont_know_std"]].itertuples(index=False)
    printed = {frozenset((one, other)): f"{mean:.2f} ± {spread:.2f}" for one, other, mean, spread in rows}
    if len(printed) < len(matrix):
        raise ParameterError("matrix: a pair stands there twice; pick the rows of one group")
    for name in sorted(frozenset().union(*printed)):
        check_choice("system", name, systems)
    table = pd.DataFrame("", index=list(systems)[:-1], columns=list(systems)[1:])
    for one, other in combinations(systems, 2):
        table.loc[one, other] = printed.get(frozenset((one, other)), "not compared")
    return table


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
    """The exact p-value of "every participant is as likely to lean one way as the other", two-sided.

    Fisher's permutation test (1935) of net preferences, votes for one system less those for the other. All 2**n sums
    are counted by convolution: scipy's permutation_test lists them one by one, and can only draw some where n is large.
    """
    chances = np.ones(1)  # of the sums from -reach to reach
    for net in np.abs(nets):
        flip = np.zeros(2 * net + 1)
        flip[[0, -1]] = 0.5 if net else 1.0
        chances = np.convolve(chances, flip)
    reach = len(chances) // 2
    far = np.abs(np.arange(-reach, reach + 1)) >= abs(int(np.sum(nets)))
    return min(1.0, float(chances[far].sum()))


def exact_tests(votes: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Each pair of systems against chance, by people's votes alone; `by` and errors as for `outcomes`.

    One row per group and pair that met, sorted: `by`, ``system_1``, ``system_2``; ``wins_1``, ``wins_2``, ``ties``
    (votes); ``participants``; ``sign_p`` (two-sided, of the decided votes; finds too much where participants differ);
    ``flip_p`` (`sign_flip_test` of their net preferences: believe this one); both with ``_holm`` adjusted for all rows
    by Holm (1979). `ParameterError` where a vote is the model listener's.
    """
    if _simulated(votes):
        raise ParameterError(
            f"votes: some are {LABEL!r}, and more simulated people make any p-value small: keep judge 'people'; of a "
            "model listener show preference_rates or davidson, and how they move with the listener's constants"
        )
    groups = outcomes(votes, by).groupby([*by, "system_1", "system_2"], dropna=False)
    result = groups.size().index.to_frame(index=False).join(pd.DataFrame([_against_chance(own) for _, own in groups]))
    adjusted = {f"{name}_holm": multipletests(result[name], method="holm")[1] for name in ("sign_p", "flip_p")}
    return result.assign(**adjusted)


def side_bias(votes: pd.DataFrame) -> dict[str, float]:
    """Whether A was chosen more often than B, which it should not be over sides drawn at random.

    ``share`` of A in the decided votes, its `wilson_interval`, and as `exact_tests`, p-values for people's votes only.
    """
    found = _against_chance(outcomes(votes.assign(system_a="A", system_b="B")))
    decided = found["wins_1"] + found["wins_2"] or np.nan
    low, high = map(float, wilson_interval(found["wins_1"], decided))
    if _simulated(votes):
        found = {name: value for name, value in found.items() if not name.endswith("_p")}
    return {"share": found["wins_1"] / decided, "wilson_low": low, "wilson_high": high} | found


def _simulated(votes: pd.DataFrame) -> bool:
    return "judge" in votes and bool(votes["judge"].astype(str).str.contains(LABEL, regex=False).any())


def _against_chance(table: pd.DataFrame) -> dict:
    first, second, ties = (int((table["outcome"] == outcome).sum()) for outcome in (1, -1, 0))
    nets = table.groupby("participant")["outcome"].sum().to_numpy()
    sign_p = float(binomtest(first, first + second).pvalue) if first + second else 1.0
    counts = {"wins_1": first, "wins_2": second, "ties": ties, "participants": len(nets)}
    return counts | {"sign_p": sign_p, "flip_p": sign_flip_test(nets)}


class Davidson(NamedTuple):
    """A fitted model of the participants as a pool: where tastes differ, strengths lie closer than one person's would.

    By system ``log_strength`` (they sum to 0), ``standard_error``, ``low``, ``high`` (95 %); by pair ``system_1``,
    ``system_2``, met or not, their ``difference`` (log odds among decided votes) and as before. ``log_nu`` is -inf
    where nobody ever said don't know; of two equal systems a share of nu / (2 + nu) is told don't know.
    """

    strengths: pd.DataFrame
    differences: pd.DataFrame
    log_nu: float
    log_nu_error: float
    prior: float


def davidson(votes: pd.DataFrame, prior: float = 0.0) -> Davidson:
    """Fit Davidson's extension of the Bradley-Terry model (1970, JASA 65) to the `votes` of kind "test".

    i is chosen : j is chosen : don't know = pi_i : pi_j : nu sqrt(pi_i pi_j), with strengths pi and readiness nu for
    ties, is fitted in its log-linear form (Fienberg 1979). The votes of a person depend on one another: errors are the
    sandwich of Huber (1967) with participants as clusters, times n / (n - 1), intervals Student's, n - 1 degrees of
    freedom. `prior` >= 0 is a number of pseudo-votes that every pair gets, a third to each outcome, to the sandwich one
    participant more: 1 keeps strengths finite where systems never met, one always won, or all are ties;
    `ParameterError` where they are not, or one participant alone voted.
    """
    if not 0 <= prior < np.inf:
        raise ParameterError(f"prior={prior!r}: a number of pseudo-votes per pair is needed, 0 or more")
    table = outcomes(votes)
    systems = sorted({*table["system_1"], *table["system_2"]})
    pairs = pd.MultiIndex.from_tuples(combinations(systems, 2), names=["system_1", "system_2"])
    counts, people = _counts(table, pairs, prior)
    # Parameters are log-strengths over the last system's, and in the last one's place log nu.
    signs = np.array([[(name == one) - (name == other) for name in systems[:-1]] for one, other in pairs])
    design = np.zeros((len(pairs), 3, len(systems)))
    design[:, 0, :-1], design[:, 1, :-1], design[:, 2, -1] = signs / 2, -signs / 2, 1
    tied = counts[..., 2].any()
    if not tied:  # nu is 0 and the model is Bradley and Terry's
        design, counts = design[:, :2, :-1], counts[..., :2]
    found, covariance = _fit(design, counts, systems)
    free = len(systems) - 1
    tables = []
    for name, contrasts in (("log_strength", np.eye(free + 1, free) - 1 / (free + 1)), ("difference", signs)):
        value = contrasts @ found[:free]
        error = np.sqrt(np.diag(contrasts @ covariance[:free, :free] @ contrasts.T).clip(0))
        half = student.ppf(0.975, people - 1) * error
        tables.append(pd.DataFrame({name: value, "standard_error": error, "low": value - half, "high": value + half}))
    log_nu = (float(found[-1]), float(np.sqrt(covariance[-1, -1]))) if tied else (-np.inf, np.nan)
    strengths = pd.DataFrame({"system": systems}).join(tables[0])
    return Davidson(strengths, pairs.to_frame(index=False).join(tables[1]), *log_nu, prior)


def _counts(table: pd.DataFrame, pairs: pd.MultiIndex, prior: float) -> tuple[np.ndarray, int]:
    """Votes per participant, pair and outcome [participants, pairs, outcomes], the prior's last; how many people."""
    met = pairs.get_indexer(pd.MultiIndex.from_frame(table[list(pairs.names)]))
    cells = pd.MultiIndex.from_product([range(len(pairs)), (1, -1, 0)])
    counted = pd.crosstab(table["participant"], [met, table["outcome"]]).reindex(columns=cells, fill_value=0)
    if len(counted) < 2:
        raise ParameterError("votes: all are of one participant, so that people's spread is unknown; ask more people")
    counts = counted.to_numpy(float).reshape(-1, len(pairs), 3)
    return np.concatenate([counts, np.full((1, len(pairs), 3), prior / 3)] if prior else [counts]), len(counted)


def _fit(design: np.ndarray, counts: np.ndarray, systems: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest parameters and their covariance; `design` is [pairs, outcomes, parameters]."""
    met = counts.any(axis=(0, 2))
    design, counts, total = design[met], counts[:, met], counts.sum(axis=0)[met]
    _check_finite(design, total, systems)
    free = design.shape[-1]
    intercepts = np.repeat(np.eye(len(total)), total.shape[1], axis=0)
    model = GLM(total.ravel(), np.hstack([design.reshape(-1, free), intercepts]), family=Poisson())
    with warnings.catch_warnings(action="ignore"):  # a model of two systems fits perfectly, which is no separation
        fit = model.fit(tol=1e-14, maxiter=200)
        inverse = fit.cov_params()[:free, :free]
    shares = fit.fittedvalues.reshape(total.shape) / total.sum(axis=1, keepdims=True)
    scores = np.einsum("cpo,pok->ck", counts - counts.sum(axis=2, keepdims=True) * shares, design)
    if not np.abs(scores.sum(axis=0)).max() < 1e-6 * total.sum():
        raise ParameterError(f"votes: the fit did not settle; {REMEDY}")
    return fit.params[:free], inverse @ scores.T @ scores @ inverse * len(counts) / (len(counts) - 1)


def _check_finite(design: np.ndarray, total: np.ndarray, systems: list[str]) -> None:
    """Raise unless exactly one finite maximum exists (Albert and Anderson 1984, Biometrika 71)."""
    # By how much each outcome that was seen gets likelier than another of its pair, per parameter.
    gains = [design[pair, seen] - np.delete(design[pair], seen, axis=0) for pair, seen in np.argwhere(total > 0)]
    seen = np.concatenate(gains)
    apart = null_space(seen)
    # In a direction where no vote that was given ever gets less likely, and some get likelier, no maximum is finite.
    away = linprog(-seen.sum(axis=0), A_ub=-seen, b_ub=np.zeros(len(seen)), bounds=(-1, 1))
    if not apart.size and -away.fun < 1e-3:  # less is what the solver's tolerance sums up to
        return
    rising = np.append((apart[:, 0] if apart.size else away.x)[: len(systems) - 1], 0).round(6)
    top = rising == rising.max()
    if not total[:, :2].any():
        raise ParameterError(f"votes: every one is a tie, so that nothing tells the systems apart; {REMEDY}")
    one, other = (" or ".join(map(repr, np.array(systems)[part].tolist())) for part in (top, ~top))
    reason = f"met {other}, directly or through others" if apart.size else f"lost to {other}"
    raise ParameterError(f"votes: {one} never {reason}, so that no finite strengths are the likeliest; {REMEDY}")

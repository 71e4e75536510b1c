"""Strengths of systems from paired comparisons with ties: Davidson's extension of the Bradley-Terry model.

Davidson, "On extending the Bradley-Terry model to accommodate ties in paired comparison experiments", JASA 65 (1970),
317-328. With strengths pi and a readiness nu for ties, i against j comes out as

    i is chosen : j is chosen : don't know  =  pi_i : pi_j : nu sqrt(pi_i pi_j).

It is a log-linear model in log pi and log nu (Fienberg, Biometrics 35, 1979), so that its likelihood has one maximum.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.linalg import helmert
from scipy.optimize import linprog, minimize
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import log_softmax, softmax
from scipy.stats import norm, t

from nblib.errors import ParameterError, check_choice
from nblib.listening.tallies import outcomes

OUTCOMES = (1, -1, 0)  # as `tallies.outcomes` has them
SPREADS = ("participants", "votes")


@dataclass(frozen=True)
class Davidson:
    """A fitted model.

    Strengths are those of the participants as a pool: where people differ in taste, they lie closer together than one
    person's would.

    Attributes
    ----------
    strengths : DataFrame
        One row per system: ``system``, ``log_strength`` (they sum to 0), ``standard_error``, ``low``, ``high`` (95 %).
    differences : DataFrame
        One row per pair of systems, met or not: ``system_1``, ``system_2``, ``difference`` of their log-strengths,
        ``standard_error``, ``low``, ``high``. exp(difference) is the odds of the first among decided votes.
    log_nu, log_nu_error : float
        Logarithm of nu and its standard error; -inf and NaN where nobody ever said don't know.
    spread : str
        What the standard errors rest on, "participants" or "votes".
    prior : float
        Pseudo-votes per pair; 0 is maximum likelihood.
    participants, votes : int
        How many.
    """

    strengths: pd.DataFrame
    differences: pd.DataFrame
    log_nu: float
    log_nu_error: float
    spread: str
    prior: float
    participants: int
    votes: int

    @property
    def nu(self) -> float:
        """Readiness for ties: 0 none; of two equal systems a share of nu / (2 + nu) is told don't know."""
        return float(np.exp(self.log_nu))


def davidson(votes: pd.DataFrame, spread: str = "participants", prior: float = 0.0) -> Davidson:
    """Fit the model by maximum likelihood.

    Parameters
    ----------
    votes : DataFrame
        As in `nblib.listening.votes`; only kind "test" counts.
    spread : {"participants", "votes"}
        What intervals rest on. "participants": the sandwich of Huber (1967) with participants as clusters, times
        n / (n - 1), and Student's t with n - 1 degrees of freedom. It is the default, since the votes of one person
        depend on one another. "votes": the observed information, as if every vote came from somebody else.
    prior : float >= 0
        Pseudo-votes that every pair of systems gets beside its own, a third of one to each outcome. 1 keeps strengths
        finite where a system always won, at the price of a pull towards equality. To the sandwich they are one
        participant more.

    Returns
    -------
    Davidson

    Raises
    ------
    ParameterError
        As `nblib.listening.tallies.outcomes`; without a prior, no finite strengths are the likeliest: systems that
        never met, directly or through others, one that always won, nothing but ties (Albert and Anderson, Biometrika
        71, 1984, exactly by linear programming); fewer than two participants for their spread.
    """
    check_choice("spread", spread, SPREADS)
    if not 0 <= prior < np.inf:
        raise ParameterError(f"prior={prior!r}: a number of pseudo-votes per pair is needed, 0 or more")
    table = outcomes(votes)
    systems = sorted({*table["system_1"], *table["system_2"]})
    design = _design(len(systems))
    counts = _counts(table, systems)
    if spread == "participants" and len(counts) < 2:
        raise ParameterError("spread='participants': one participant has none; choose spread='votes'")
    clusters = np.concatenate([counts, np.full((1, *counts.shape[1:]), prior / 3)]) if prior else counts
    total = clusters.sum(axis=0)
    if not total[:, 2].any():  # nobody ever tied: nu is 0 and the model is Bradley and Terry's
        design, clusters, total = design[:, :2, :-1], clusters[..., :2], total[:, :2]
    _check_finite(design, total, systems)
    found = _maximise(design, total)
    covariance = _covariance(design, clusters, found, spread)
    quantile = norm.ppf(0.975) if spread == "votes" else t.ppf(0.975, len(counts) - 1)
    tied = total.shape[1] == 3
    return Davidson(
        *_tables(systems, found, covariance, float(quantile)),
        log_nu=float(found[-1]) if tied else -np.inf,
        log_nu_error=float(np.sqrt(covariance[-1, -1])) if tied else np.nan,
        spread=spread,
        prior=prior,
        participants=len(counts),
        votes=len(table),
    )


def _design(systems: int) -> np.ndarray:
    """What the logits of every pair's outcomes are linear in: [pairs, outcomes, parameters].

    Parameters are coordinates of the log-strengths among those that sum to 0, and log nu.
    """
    basis = helmert(systems).T
    pairs = list(combinations(range(systems), 2))
    design = np.zeros((len(pairs), len(OUTCOMES), systems))
    for row, (one, other) in enumerate(pairs):
        design[row, 0, :-1] = (basis[one] - basis[other]) / 2
        design[row, 1, :-1] = (basis[other] - basis[one]) / 2
    design[:, 2, -1] = 1
    return design


def _counts(table: pd.DataFrame, systems: list[str]) -> np.ndarray:
    """Votes per participant, pair and outcome: [participants, pairs, outcomes]."""
    pairs = {pair: index for index, pair in enumerate(combinations(systems, 2))}
    participants, names = pd.factorize(table["participant"], sort=True)
    met = np.array([pairs[pair] for pair in zip(table["system_1"], table["system_2"], strict=True)])
    counts = np.zeros((len(names), len(pairs), len(OUTCOMES)))
    np.add.at(counts, (participants, met, table["outcome"].map(OUTCOMES.index).to_numpy()), 1)
    return counts


def _check_finite(design: np.ndarray, total: np.ndarray, systems: list[str]) -> None:
    """Raise unless exactly one finite maximum exists."""
    pairs = np.array(list(combinations(range(len(systems)), 2)))
    met = pairs[total.sum(axis=1) > 0]
    graph = coo_array((np.ones(len(met)), (met[:, 0], met[:, 1])), shape=(len(systems),) * 2)
    parts, labels = connected_components(graph, directed=False)
    remedy = "ask for more votes, or give prior=1 (pseudo-votes, stated in the result)"
    if not total[:, :2].any():
        raise ParameterError(f"votes: every one is a tie, so that nothing tells the systems apart; {remedy}")
    if parts > 1:
        apart = _named(systems, labels == 0), _named(systems, labels != 0)
        raise ParameterError(f"votes: {apart[0]} never met {apart[1]}, directly or through others; {remedy}")
    # A direction in which no vote that was given ever gets less likely, and some get likelier, leads to infinity.
    seen = np.argwhere(total > 0)
    gains = np.concatenate([design[pair, outcome] - np.delete(design[pair], outcome, axis=0) for pair, outcome in seen])
    away = linprog(-gains.sum(axis=0), A_ub=-gains, b_ub=np.zeros(len(gains)), bounds=(-1, 1))
    if -away.fun > 1e-3:  # above what the solver's tolerance sums up to
        rising = (helmert(len(systems)).T @ away.x[: len(systems) - 1]).round(6)
        top = rising == rising.max()
        never = f"{_named(systems, top)} never lost to {_named(systems, ~top)}"
        raise ParameterError(f"votes: {never}, so that no finite strengths are the likeliest; {remedy}")


def _named(systems: list[str], chosen: np.ndarray) -> str:
    return " or ".join(repr(name) for name, own in zip(systems, chosen, strict=True) if own)


def _maximise(design: np.ndarray, total: np.ndarray) -> np.ndarray:
    """The likeliest parameters [shape=(parameters,)]."""
    votes = total.sum()

    def loss(parameters: np.ndarray) -> float:
        return float(-(total * log_softmax(design @ parameters, axis=1)).sum() / votes)

    def gradient(parameters: np.ndarray) -> np.ndarray:
        return -_scores(design, total[None], parameters)[0] / votes

    def curvature(parameters: np.ndarray) -> np.ndarray:
        return _information(design, total, parameters) / votes

    start = np.zeros(design.shape[-1])
    found = minimize(loss, start, method="trust-exact", jac=gradient, hess=curvature, options={"gtol": 1e-6}).x
    # Where differences of the loss drown in rounding, the gradient still leads on.
    found = found - np.linalg.solve(curvature(found), gradient(found))
    if not np.abs(gradient(found)).max() < 1e-9:
        raise ParameterError(f"votes: the fit stopped at a gradient of {np.abs(gradient(found)).max():.1g} per vote")
    return found


def _scores(design: np.ndarray, clusters: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Each cluster's gradient of the log-likelihood: [clusters, parameters]."""
    expected = clusters.sum(axis=2, keepdims=True) * softmax(design @ parameters, axis=1)
    return np.einsum("cpo,pok->ck", clusters - expected, design)


def _information(design: np.ndarray, total: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Minus the Hessian of the log-likelihood: every pair's votes times the covariance of its design."""
    chances = softmax(design @ parameters, axis=1)
    centred = design - np.einsum("po,pok->pk", chances, design)[:, None]
    return np.einsum("p,po,pok,pol->kl", total.sum(axis=1), chances, centred, centred)


def _covariance(design: np.ndarray, clusters: np.ndarray, parameters: np.ndarray, spread: str) -> np.ndarray:
    inverse = np.linalg.inv(_information(design, clusters.sum(axis=0), parameters))
    if spread == "votes":
        return inverse
    scores = _scores(design, clusters, parameters)
    return inverse @ scores.T @ scores @ inverse * len(clusters) / (len(clusters) - 1)


def _tables(
    systems: list[str], parameters: np.ndarray, covariance: np.ndarray, quantile: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    free = len(systems) - 1
    basis = helmert(len(systems)).T
    pairs = np.array(list(combinations(range(len(systems)), 2)))
    tables = []
    for contrasts in (basis, basis[pairs[:, 0]] - basis[pairs[:, 1]]):
        value = contrasts @ parameters[:free]
        error = np.sqrt(np.einsum("ck,kl,cl->c", contrasts, covariance[:free, :free], contrasts))
        tables.append((value, error, value - quantile * error, value + quantile * error))
    ends = ("standard_error", "low", "high")
    strengths = dict(zip(("log_strength", *ends), tables[0], strict=True))
    differences = dict(zip(("difference", *ends), tables[1], strict=True))
    one, other = (np.array(systems)[pairs[:, side]] for side in (0, 1))
    return (
        pd.DataFrame({"system": systems} | strengths),
        pd.DataFrame({"system_1": one, "system_2": other} | differences),
    )

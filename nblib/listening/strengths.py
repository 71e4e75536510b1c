"""Strengths of systems from paired comparisons with ties: Davidson's extension of the Bradley-Terry model.

Davidson (1970, JASA 65): i is chosen : j is chosen : don't know = pi_i : pi_j : nu sqrt(pi_i pi_j), with strengths pi
and readiness nu for ties. Its log-linear form is fitted (Fienberg 1979): Poisson counts with an intercept per pair.
"""

import warnings
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.linalg import null_space
from scipy.optimize import linprog
from scipy.stats import t
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM

from nblib.errors import ParameterError
from nblib.listening.tallies import outcomes

REMEDY = "ask for more votes, or give prior=1 (pseudo-votes, stated in the result)"


@dataclass(frozen=True)
class Davidson:
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
    """Fit the model by maximum likelihood to the `votes` of kind "test" of two participants or more.

    Standard errors are the sandwich of Huber (1967) with participants as clusters, times n / (n - 1), and intervals
    Student's with n - 1 degrees of freedom. `prior` >= 0 is a number of pseudo-votes that every pair gets beside its
    own, a third to each outcome, as of one participant more: 1 keeps strengths finite where systems never met, one
    always won, or all are ties; `ParameterError` where they are not.
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
    free, tables = len(systems) - 1, []
    for name, contrasts in (("log_strength", np.eye(free + 1, free) - 1 / (free + 1)), ("difference", signs)):
        value = contrasts @ found[:free]
        error = np.sqrt(np.diag(contrasts @ covariance[:free, :free] @ contrasts.T).clip(0))
        half = t.ppf(0.975, people - 1) * error
        tables.append(pd.DataFrame({name: value, "standard_error": error, "low": value - half, "high": value + half}))
    log_nu = (float(found[-1]), float(np.sqrt(covariance[-1, -1]))) if tied else (-np.inf, np.nan)
    strengths = pd.DataFrame({"system": systems}).join(tables[0])
    return Davidson(strengths, pairs.to_frame(index=False).join(tables[1]), *log_nu, prior)


def _counts(table: pd.DataFrame, pairs: pd.MultiIndex, prior: float) -> tuple[np.ndarray, int]:
    # [participants, pairs, outcomes], the prior's last
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

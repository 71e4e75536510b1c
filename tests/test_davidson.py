"""Davidson's model beside other programs' log-linear models, closed forms, and its recovery of known strengths."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from made_votes import drawn_votes, simulated, swapped, votes

from nblib.errors import ParameterError
from nblib.listening.davidson import Davidson, davidson
from nblib.listening.tallies import outcomes, win_matrix

STRENGTHS = [1.0, 0.3, 0.0, -0.5, -0.8]
FIVE = simulated(np.random.default_rng(5), STRENGTHS, 0.5, 14, 5)


def without_ties() -> pd.DataFrame:
    return FIVE[FIVE["choice"] != "dont_know"]


def log_linear(table: pd.DataFrame) -> tuple[pd.Series, np.ndarray, np.ndarray]:
    """Counts per participant, pair and outcome, what they depend on, and who they are of.

    The first column is 1 for a tie; then half of each system's log-strength relative to the last one's (Fienberg 1979);
    then an intercept per participant and pair, which fixes how often they met.
    """
    counted = outcomes(table)
    systems = sorted({*counted["system_1"], *counted["system_2"]})
    rows, counts, people = [], [], []
    cells = counted.groupby(["participant", "system_1", "system_2"])["outcome"]
    for cell, ((person, one, other), own) in enumerate(cells):
        for outcome in (1, -1, 0):
            row = np.zeros(1 + len(systems) + cells.ngroups)
            row[0] = outcome == 0
            row[1 + systems.index(one)], row[1 + systems.index(other)] = outcome / 2, -outcome / 2
            row[1 + len(systems) + cell] = 1
            rows.append(row)
            counts.append((own == outcome).sum())
            people.append(person)
    return pd.Series(counts), np.delete(np.array(rows), len(systems), axis=1), pd.factorize(np.array(people))[0]


def compare(model: Davidson, coefficients: np.ndarray, covariance: np.ndarray, tolerance: float) -> None:
    """Log nu first, then log-strengths relative to the last system's."""
    against_last = model.differences[model.differences["system_2"] == model.strengths["system"].iloc[-1]]
    free = len(against_last)
    errors = np.sqrt(np.diag(covariance))
    assert model.log_nu == pytest.approx(coefficients[0], abs=tolerance)
    assert model.log_nu_error == pytest.approx(errors[0], abs=tolerance)
    assert against_last["difference"].to_numpy() == pytest.approx(coefficients[1 : free + 1], abs=tolerance)
    assert against_last["standard_error"].to_numpy() == pytest.approx(errors[1 : free + 1], abs=tolerance)
    centring = np.eye(free + 1)[:, :free] - 1 / (free + 1)
    expected = centring @ covariance[1 : free + 1, 1 : free + 1] @ centring.T
    assert model.strengths["standard_error"].to_numpy() == pytest.approx(np.sqrt(np.diag(expected)), abs=tolerance)


def test_it_agrees_with_the_log_linear_model_of_another_program():
    counts, design, _ = log_linear(FIVE)
    fit = sm.GLM(counts, design, family=sm.families.Poisson()).fit(tol=1e-14, maxiter=200)
    compare(davidson(FIVE, spread="votes"), fit.params.to_numpy(), fit.cov_params().to_numpy(), 1e-9)


def test_its_sandwich_agrees_with_that_of_another_program():
    counts, design, people = log_linear(FIVE)
    clusters = {"groups": people, "use_correction": False}
    model = sm.GLM(counts, design, family=sm.families.Poisson())
    fit = model.fit(tol=1e-14, maxiter=200, cov_type="cluster", cov_kwds=clusters)
    compare(davidson(FIVE), fit.params.to_numpy(), fit.cov_params().to_numpy() * 14 / 13, 1e-9)


def test_without_ties_it_is_the_bradley_terry_model_of_another_program():
    table = without_ties()
    counted = outcomes(table)
    systems = sorted({*counted["system_1"], *counted["system_2"]})
    sides = [np.array([counted[f"system_{n}"] == name for name in systems], float).T for n in (1, 2)]
    design = (sides[0] - sides[1])[:, :-1]
    model = sm.GLM((counted["outcome"] == 1).astype(int), design, family=sm.families.Binomial())
    people = {"groups": pd.factorize(counted["participant"])[0], "use_correction": False}
    for spread, options, factor in (
        ("votes", {}, 1.0),
        ("participants", {"cov_type": "cluster", "cov_kwds": people}, 14 / 13),
    ):
        fit = model.fit(tol=1e-14, maxiter=200, **options)
        found = davidson(table, spread=spread)
        against_last = found.differences[found.differences["system_2"] == systems[-1]]
        assert against_last["difference"].to_numpy() == pytest.approx(fit.params.to_numpy(), abs=1e-9)
        errors = fit.bse.to_numpy() * np.sqrt(factor)
        assert against_last["standard_error"].to_numpy() == pytest.approx(errors, abs=1e-9)
        assert found.nu == 0 and found.log_nu == -np.inf and np.isnan(found.log_nu_error)


def test_two_systems_have_a_closed_form():
    found = davidson(votes({"ann": "a" * 12 + "b" * 3 + "-" * 6}), spread="votes")
    (row,) = found.differences.to_dict("records")
    assert (row["system_1"], row["system_2"]) == ("codec", "l1")
    assert row["difference"] == pytest.approx(np.log(12 / 3), abs=1e-10)
    assert row["standard_error"] == pytest.approx(np.sqrt(1 / 12 + 1 / 3), abs=1e-10)
    assert row["high"] - row["low"] == pytest.approx(2 * 1.959964 * row["standard_error"], rel=1e-6)
    assert found.nu == pytest.approx(6 / np.sqrt(12 * 3), abs=1e-10)
    assert found.strengths["log_strength"].to_numpy() == pytest.approx([np.log(2), -np.log(2)], abs=1e-10)
    assert (found.participants, found.votes, found.prior, found.spread) == (1, 21, 0.0, "votes")


def test_it_expects_as_many_wins_and_ties_as_were_seen():
    found = davidson(FIVE)
    strength = np.exp(found.strengths["log_strength"].to_numpy())
    tied = found.nu * np.sqrt(np.outer(strength, strength))
    chances = 1 / (strength[:, None] + strength + tied)
    wins, ties = win_matrix(FIVE)
    met = (wins + wins.T + ties).to_numpy()
    expected = (met * chances * (strength[:, None] + tied / 2)).sum(axis=1)
    assert expected == pytest.approx((wins + ties / 2).sum(axis=1).to_numpy(), abs=1e-8)
    assert (met * chances * tied).sum() == pytest.approx(ties.to_numpy().sum(), abs=1e-8)


# No finite maximum


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([votes({"ann": "aaa", "bob": "aa"})], "'codec' never lost to 'l1', so that no finite strengths"),
        ([votes({"ann": "aa-", "bob": "a-"})], "'codec' never lost to 'l1'"),
        ([votes({"ann": "--", "bob": "-"})], "every one is a tie"),
        ([votes({"ann": "ab"}), votes({"bob": "ab"}, "x", "y")], "'codec' or 'l1' never met 'x' or 'y', directly or"),
        ([votes({"ann": "ab-"}), votes({"bob": "aa"}, "original", "l1")], "'original' never lost to 'codec' or 'l1'"),
        # Everyone is joined to everyone by ties, and still the strengths drift apart together with nu.
        (
            [votes({"ann": "aa"}, "x", "z"), votes({"bob": "--"}, "x", "y"), votes({"bob": "--"}, "y", "z")],
            "'x' never lost to",
        ),
    ],
)
def test_where_no_finite_strengths_are_the_likeliest_it_says_why(parts: list[pd.DataFrame], message: str):
    table = pd.concat([*parts, votes({"cid": "aa"}, "codec", "spoilt", kind="catch")])
    with pytest.raises(ParameterError, match=f"votes: .*{message}.*or give prior=1"):
        davidson(table, spread="votes")
    found = davidson(table, spread="votes", prior=1.0)
    assert found.prior == 1.0 and np.isfinite(found.strengths.drop(columns="system")).all(axis=None)
    assert found.votes == (table["kind"] == "test").sum()


def test_pseudo_votes_are_a_third_to_each_outcome_of_every_pair():
    real = votes({"ann": "aaa"}, "codec", "l1")
    found = davidson(real, spread="votes", prior=3.0)
    expected = davidson(pd.concat([real, votes({"prior": "ab-"})]), spread="votes")
    assert found.nu == pytest.approx(expected.nu)
    pd.testing.assert_frame_equal(found.differences, expected.differences)


def test_a_prior_fades_as_it_shrinks():
    bare, faint = davidson(FIVE), davidson(FIVE, prior=1e-6)
    assert faint.strengths["log_strength"].to_numpy() == pytest.approx(bare.strengths["log_strength"], abs=1e-6)
    strong = davidson(FIVE, prior=1e6)
    assert np.abs(strong.strengths["log_strength"]).max() < 1e-3 and strong.nu == pytest.approx(1.0, abs=1e-3)


def test_parameters_out_of_range_are_refused():
    for prior in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ParameterError, match="prior=.*: a number of pseudo-votes per pair"):
            davidson(FIVE, prior=prior)
    with pytest.raises(ParameterError, match="spread='vote' is not known: .*did you mean 'votes'"):
        davidson(FIVE, spread="vote")
    with pytest.raises(ParameterError, match="one participant has none; choose spread='votes'"):
        davidson(votes({"ann": "ab-"}))


# Recovery


def covered(draws: int, strengths: list[float], spread: str, **design: float) -> np.ndarray:
    """In how many draws each true log-strength, then each true difference, lies within its 95 % interval."""
    hits = []
    centred = np.array(strengths) - np.mean(strengths)
    true = np.concatenate([centred, [one - other for one, other in combinations(centred, 2)]])
    for draw in range(draws):
        model = davidson(simulated(np.random.default_rng([7, draw]), strengths, 0.5, **design), spread=spread)
        low, high = (np.concatenate([model.strengths[end], model.differences[end]]) for end in ("low", "high"))
        hits.append((low <= true) & (true <= high))
    return np.array(hits)


@pytest.mark.parametrize("spread", ["votes", "participants"])
def test_known_strengths_lie_within_the_intervals(spread: str):
    """MM'19's design: 14 participants, five systems, five items; independent votes.

    Each of the fifteen intervals must hold its true value in at least 93 of 100 draws, counted over 200: in 100 draws a
    true 95 % comes to fewer than 93 once in eight times (of the first 100 here, over votes, 92 hold the difference of
    first and last system). Over 2000 draws each holds it in 94.6 % to 96.4 %.
    """
    hits = covered(200, STRENGTHS, spread, participants=14, items=5)
    assert hits.shape == (200, 15)
    assert hits.mean(axis=0).min() >= 0.93
    assert 0.93 <= hits.mean() <= 0.97


def test_where_participants_differ_only_intervals_over_participants_cover():
    """Equal systems, and people who each favour some of them: the truth of the pool is no difference."""
    narrow, wide = (
        covered(100, [0.0, 0.0, 0.0], spread, participants=14, items=5, differ=1.0)
        for spread in ("votes", "participants")
    )
    assert wide[:, 3:].mean() >= 0.93
    assert narrow[:, 3:].mean() < 0.85


# Properties


@given(st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_sides_names_and_the_order_of_rows_change_nothing(seed: int):
    generator = np.random.default_rng(seed)
    other = swapped(FIVE, generator.random(len(FIVE)) < 0.5).iloc[generator.permutation(len(FIVE))]
    names = {f"p{n}": str(label) for n, label in enumerate(generator.permutation(14))}
    other = other.assign(participant=other["participant"].map(names))
    one, again = davidson(FIVE), davidson(other)
    pd.testing.assert_frame_equal(one.strengths, again.strengths, rtol=1e-9)
    pd.testing.assert_frame_equal(one.differences, again.differences, rtol=1e-9)
    assert one.log_nu == pytest.approx(again.log_nu)


@given(drawn_votes())
@settings(max_examples=40, deadline=None)
def test_any_votes_give_finite_strengths_or_a_reason(table: pd.DataFrame):
    try:
        found = davidson(table, spread="votes")
    except ParameterError as error:
        assert "or give prior=1" in str(error)
        found = davidson(table, spread="votes", prior=1.0)
    assert np.isfinite(found.strengths.drop(columns="system")).all(axis=None)
    assert found.strengths["log_strength"].sum() == pytest.approx(0.0, abs=1e-9)
    assert (found.strengths["standard_error"] < 1e3).all()


def test_asking_twice_as_many_leaves_the_strengths_and_halves_the_variance():
    twice = pd.concat([FIVE, FIVE.assign(participant=FIVE["participant"] + "'")])
    one, two = (davidson(table, spread="votes") for table in (FIVE, twice))
    assert two.strengths["log_strength"].to_numpy() == pytest.approx(one.strengths["log_strength"], abs=1e-9)
    ratio = one.strengths["standard_error"] / two.strengths["standard_error"]
    assert ratio.to_numpy() == pytest.approx(np.sqrt(2))

"""Davidson's model: values of record, another log-linear fit, closed forms, and recovery of known strengths."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from helpers.listening import drawn_votes, simulated, votes
from hypothesis import given, settings
from test_statistics import GOLDEN, recorded

from nblib.errors import ParameterError
from nblib.listening import davidson

STRENGTHS = [1.0, 0.3, 0.0, -0.5, -0.8]
FIVE = simulated([5], STRENGTHS)


@pytest.mark.parametrize("name", GOLDEN["davidson"])
def test_values_of_record(name):
    """As an own maximisation of the likelihood gave them before statsmodels did."""
    which, prior = name.split(", ")
    table, expected = recorded(), GOLDEN["davidson"][name]
    table = table if which == "ties" else table[table["choice"] != "dont_know"]
    found = davidson(table, prior=float(prior))
    for part in ("strengths", "differences"):
        wanted = pd.DataFrame(expected[part]["data"], columns=expected[part]["columns"])
        pd.testing.assert_frame_equal(getattr(found, part), wanted, rtol=0, atol=1e-10)
    wanted_nu = [-np.inf, np.nan] if expected["log_nu"] is None else [expected["log_nu"], expected["log_nu_error"]]
    assert [found.log_nu, found.log_nu_error] == pytest.approx(wanted_nu, abs=1e-10, nan_ok=True)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([votes({"ann": "aaa", "bob": "aa"})], "'codec' never lost to 'l1', so that no finite strengths"),
        ([votes({"ann": "--", "bob": "-"})], "every one is a tie"),
        ([votes({"ann": "ab"}), votes({"bob": "ab"}, "x", "y")], "never met .*, directly or"),
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
        davidson(table)
    found = davidson(table, prior=1.0)
    assert found.prior == 1.0 and np.isfinite(found.strengths.drop(columns="system")).all(axis=None)


def test_a_prior_fades_as_it_shrinks_and_is_refused_out_of_range():
    bare, faint, strong = davidson(FIVE), davidson(FIVE, prior=1e-6), davidson(FIVE, prior=1e6)
    assert faint.strengths["log_strength"].to_numpy() == pytest.approx(bare.strengths["log_strength"], abs=1e-6)
    assert np.abs(strong.strengths["log_strength"]).max() < 1e-3 and strong.log_nu == pytest.approx(0, abs=1e-3)
    with pytest.raises(ParameterError, match="prior=nan: a number of pseudo-votes per pair"):
        davidson(FIVE, prior=float("nan"))
    with pytest.raises(ParameterError, match="all are of one participant.*ask more people"):
        davidson(votes({"ann": "ab-"}))


def covered(draws: int, strengths: list[float], differ: float) -> np.ndarray:
    """In how many draws each true log-strength, then each true difference, lies within its 95 % interval."""
    hits = []
    centred = np.array(strengths) - np.mean(strengths)
    true = np.concatenate([centred, [one - other for one, other in combinations(centred, 2)]])
    for draw in range(draws):
        model = davidson(simulated([7, draw], strengths, differ))
        low, high = (np.concatenate([model.strengths[end], model.differences[end]]) for end in ("low", "high"))
        hits.append((low <= true) & (true <= high))
    return np.array(hits)


def test_known_strengths_lie_within_the_intervals():
    """MM'19's design, independent votes; and equal systems, where people differ: the pool's truth is no difference."""
    hits = covered(200, STRENGTHS, 0.0)
    assert hits.shape == (200, 15) and hits.mean(axis=0).min() >= 0.93 and 0.93 <= hits.mean() <= 0.97
    assert covered(100, [0.0, 0.0, 0.0], 1.0)[:, 3:].mean() >= 0.93


@given(drawn_votes())
@settings(max_examples=40, deadline=None)
def test_any_votes_give_finite_strengths_or_a_reason(table: pd.DataFrame):
    table = pd.concat([table, votes({"eve": "ab-"})])
    try:
        found = davidson(table)
    except ParameterError as error:
        if "one participant" in str(error):
            return
        assert "or give prior=1" in str(error)
        found = davidson(table, prior=1.0)
    assert np.isfinite(found.strengths.drop(columns="system")).all(axis=None)
    assert found.strengths["log_strength"].sum() == pytest.approx(0.0, abs=1e-9)
    assert (found.strengths["standard_error"] < 1e3).all()

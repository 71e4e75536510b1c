"""Exact tests and Wilson's interval: beside other programs, beside counting everything, and properties."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_votes import drawn_votes, swapped, votes
from scipy.stats import binomtest, permutation_test
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from nblib.errors import ParameterError
from nblib.listening.chance import exact_tests, holm, side_bias, sign_flip_test, wilson_interval


def test_wilson_agrees_with_scipy_and_statsmodels():
    cases = np.array([(k, n) for n in (1, 2, 5, 14, 100, 2500) for k in {0, 1, n // 3, n // 2, n - 1, n}])
    low, high = wilson_interval(*cases.T)
    for (k, n), ends in zip(cases, zip(low, high, strict=True), strict=True):
        scipy = binomtest(int(k), int(n)).proportion_ci(method="wilson")
        assert ends == pytest.approx((scipy.low, scipy.high), abs=1e-10)
        assert ends == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-10)
        assert 0 <= ends[0] <= k / n <= ends[1] <= 1


@pytest.mark.parametrize("wrong", [(3, 2), (-1, 2), (0, 0)])
def test_wilson_refuses_what_is_no_share(wrong: tuple[int, int]):
    with pytest.raises(ParameterError, match=r"successes=.*, trials=.*: 0 <= successes <= trials"):
        wilson_interval(*wrong)


def test_holm_agrees_with_statsmodels():
    generator = np.random.default_rng(3)
    for n in (1, 2, 10, 45):
        p = generator.random(n) ** 4
        p[: n // 3] = p[0]
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-10)


@pytest.mark.parametrize(("wins", "losses"), [(0, 1), (1, 1), (5, 0), (7, 3), (3, 7), (31, 12), (250, 201)])
def test_the_sign_test_is_the_exact_count(wins: int, losses: int):
    n = wins + losses
    tail = Fraction(sum(comb(n, k) for k in range(max(wins, losses), n + 1)), 2**n)
    (row,) = exact_tests(votes({"ann": "a" * wins + "b" * losses + "---"})).to_dict("records")
    assert row["sign_p"] == pytest.approx(float(min(Fraction(1), 2 * tail)), abs=1e-10, rel=1e-10)
    assert row["sign_p"] == pytest.approx(binomtest(wins, n).pvalue, abs=1e-10)
    assert (row["wins_1"], row["wins_2"], row["ties"]) == (wins, losses, 3)


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=10))
@settings(max_examples=60, deadline=None)
def test_the_sign_flip_test_is_the_count_of_all_patterns(nets: list[int]):
    sums = [
        abs(sum(sign * net for sign, net in zip(signs, nets, strict=True)))
        for signs in product((1, -1), repeat=len(nets))
    ]
    assert sign_flip_test(nets) == sum(total >= abs(sum(nets)) for total in sums) / len(sums)
    assert sign_flip_test(nets) == sign_flip_test([-net for net in nets]) == sign_flip_test([*nets, 0])


def test_the_sign_flip_test_agrees_with_scipys_enumeration():
    nets = np.array([5, 3, 4, -1, 2, 2, -2, 5, 1, 3, 0, 4])
    both = permutation_test(
        (nets.astype(float),),
        lambda x, axis: np.abs(x.sum(axis=axis)),
        permutation_type="samples",
        n_resamples=np.inf,
        alternative="greater",
        vectorized=True,
    )
    assert sign_flip_test(nets) == pytest.approx(both.pvalue, abs=1e-12)


@pytest.mark.parametrize("participants", [14, 25, 400])
def test_with_one_vote_each_the_sign_flip_test_is_the_sign_test(participants: int):
    wins = participants * 3 // 5
    nets = [1] * wins + [-1] * (participants - wins)
    assert sign_flip_test(nets) == pytest.approx(binomtest(wins, participants).pvalue, rel=1e-10)


def test_agreeing_votes_of_few_people_are_little_evidence():
    (row,) = exact_tests(votes({"ann": "aaaaaaaaaa", "bob": "aaaaaaaaaa", "cid": "aaaaaaaaaa"})).to_dict("records")
    assert row["sign_p"] == pytest.approx(2**-29)
    assert row["flip_p"] == 2**-2


def test_pairs_of_a_table_by_hand():
    table = pd.concat(
        [
            votes({"ann": "aaaa", "bob": "aa--", "cid": "aaab"}, "codec", "l1"),
            votes({"ann": "----", "bob": "----"}, "original", "codec"),
        ]
    )
    tests = exact_tests(table)
    assert tests[["system_1", "system_2"]].to_numpy().tolist() == [["codec", "l1"], ["codec", "original"]]
    assert tests[["wins_1", "wins_2", "ties", "participants"]].to_numpy().tolist() == [[9, 1, 2, 3], [0, 0, 8, 2]]
    assert tests["sign_p"].tolist() == pytest.approx([22 / 1024, 1.0])
    assert tests["flip_p"].tolist() == [0.25, 1.0]  # nets of 4, 2 and 2
    assert tests["sign_p_holm"].tolist() == pytest.approx([44 / 1024, 1.0])
    assert tests["flip_p_holm"].tolist() == [0.5, 1.0]


def test_groups_are_tested_apart_and_adjusted_together():
    table = pd.concat([votes({"ann": "aaaaaa"}, capacity=name) for name in ("P1", "P2", "P3")])
    tests = exact_tests(table, ["capacity"])
    assert tests["capacity"].tolist() == ["P1", "P2", "P3"]
    assert tests["sign_p"].tolist() == pytest.approx([1 / 32] * 3)
    assert tests["sign_p_holm"].tolist() == pytest.approx([3 / 32] * 3)


def test_side_bias_sees_sides_and_no_systems():
    table = pd.concat([votes({"ann": "aaab-", "bob": "aaaa-"}), votes({"ann": "aaaa", "bob": "aaaa"}, "l1", "codec")])
    found = side_bias(pd.concat([table, votes({"ann": "b"}, "spoilt", kind="catch")]))
    assert (found["wins"], found["losses"], found["ties"], found["participants"]) == (15, 1, 2, 2)
    assert found["share"] == 15 / 16
    assert found["sign_p"] == pytest.approx(binomtest(15, 16).pvalue) and found["flip_p"] == 0.5
    expected = binomtest(15, 16).proportion_ci(method="wilson")
    assert (found["wilson_low"], found["wilson_high"]) == pytest.approx((expected.low, expected.high))
    undecided = side_bias(votes({"ann": "--"}))
    assert undecided["sign_p"] == undecided["flip_p"] == 1 and np.isnan(undecided["share"])


@given(drawn_votes(), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_sides_names_and_the_order_of_rows_change_nothing(table: pd.DataFrame, seed: int):
    generator = np.random.default_rng(seed)
    other = swapped(table, generator.random(len(table)) < 0.5).iloc[generator.permutation(len(table))]
    other = other.assign(participant=other["participant"].map({"ann": "4", "bob": "2", "cid": "3", "dora": "1"}))
    tests = exact_tests(table)
    pd.testing.assert_frame_equal(tests, exact_tests(other))
    p = tests[["sign_p", "flip_p", "sign_p_holm", "flip_p_holm"]].to_numpy()
    assert ((p > 0) & (p <= 1)).all() and (p[:, 2:] >= p[:, :2]).all()


@given(drawn_votes())
@settings(max_examples=20, deadline=None)
def test_all_sides_changed_turn_the_side_bias_round(table: pd.DataFrame):
    one, other = side_bias(table), side_bias(swapped(table, np.ones(len(table), bool)))
    assert (one["wins"], one["losses"], one["ties"]) == (other["losses"], other["wins"], other["ties"])
    assert one["flip_p"] == other["flip_p"] and one["sign_p"] == pytest.approx(other["sign_p"])

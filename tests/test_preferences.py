"""The papers' statistics of choices, on votes counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_votes import drawn_votes, swapped, votes
from scipy.stats import binomtest

from nblib import tables
from nblib.errors import ParameterError
from nblib.listening.preferences import dont_know_matrix, dont_know_triangle, preference_rates
from nblib.listening.tallies import outcomes, win_matrix

BY_HAND = votes({"ann": "aab-", "bob": "a---", "cid": "aaaa"}, capacity="P1")
BOOTSTRAP = ["preferred_low", "preferred_high", "dont_know_low", "dont_know_high"]


def codec_rates(table: pd.DataFrame, by: list[str], seed: int = 0) -> pd.DataFrame:
    rates = preference_rates(table, by, seed)
    return rates[rates["system"] == "codec"].reset_index(drop=True)


def test_rates_and_spreads_over_participants_by_hand():
    (row,) = codec_rates(BY_HAND, ["capacity"]).to_dict("records")
    preferred, dont_know = [0.5, 0.25, 1.0], [0.25, 0.75, 0.0]
    assert row["capacity"] == "P1"
    assert row["preferred_rate"] == pytest.approx(np.mean(preferred))
    assert row["preferred_std"] == pytest.approx(np.std(preferred))
    assert row["dont_know_rate"] == pytest.approx(np.mean(dont_know))
    assert row["dont_know_std"] == pytest.approx(np.std(dont_know))
    assert (row["participants"], row["comparisons"], row["votes"]) == (3, 4, 12)
    assert 0.25 <= row["preferred_low"] < row["preferred_rate"] < row["preferred_high"] <= 1.0
    assert 0.0 <= row["dont_know_low"] < row["dont_know_rate"] < row["dont_know_high"] <= 0.75


def test_both_systems_and_the_ties_make_up_all_votes():
    rates = preference_rates(BY_HAND)
    assert rates["system"].tolist() == ["codec", "l1"]
    assert rates["preferred_rate"].sum() + rates.at[0, "dont_know_rate"] == pytest.approx(1.0)
    assert rates.at[0, "dont_know_rate"] == rates.at[1, "dont_know_rate"]


def test_nothing_but_ties():
    only_ties = preference_rates(votes({"ann": "--", "bob": "--"}))
    assert (only_ties[["preferred_rate", "preferred_std", "preferred_high", "pooled_rate"]] == 0).all(axis=None)
    assert (only_ties[["dont_know_rate", "dont_know_low"]] == 1).all(axis=None)


def test_table_4_by_hand():
    """Three systems, each pair twice: four presentations each, as MM'19 has 20 of each of five."""
    table = pd.concat(
        [
            votes({"ann": "aa", "bob": "a-"}, "original", "model_a"),
            votes({"ann": "bb", "bob": "bb"}, "model_a", "model_c"),
            votes({"ann": "--", "bob": "ab"}, "model_c", "original"),
        ]
    )
    rates = preference_rates(table).set_index("system")
    shares = {"model_a": [0.0, 0.0], "model_c": [0.5, 0.75], "original": [0.5, 0.5]}
    ties = {"model_a": [0.0, 0.25], "model_c": [0.5, 0.0], "original": [0.5, 0.25]}
    for system, own in shares.items():
        assert rates.at[system, "preferred_rate"] == np.mean(own)
        assert rates.at[system, "preferred_std"] == np.std(own)
        assert rates.at[system, "dont_know_rate"] == np.mean(ties[system])
        assert rates.at[system, "dont_know_std"] == np.std(ties[system])
    assert rates["comparisons"].tolist() == [4, 4, 4] and rates["votes"].tolist() == [8, 8, 8]
    wins, tied = win_matrix(table)
    assert list(wins) == list(tied.index) == ["model_a", "model_c", "original"]
    assert wins.to_numpy().tolist() == [[0, 0, 0], [4, 0, 1], [3, 1, 0]]
    assert tied.to_numpy().tolist() == [[0, 0, 1], [0, 0, 2], [1, 2, 0]]


# How often each of five people would have to say don't know, of five times each: one such set for every pair.
TABLE_5 = {
    "original|model_a": [3, 0, 0, 0, 0],
    "original|model_b": [1, 0, 0, 0, 0],
    "original|model_c": [5, 5, 5, 5, 3],
    "original|model_d": [2, 0, 0, 0, 0],
    "model_a|model_b": [2, 2, 0, 0, 0],
    "model_a|model_c": [2, 0, 0, 0, 0],
    "model_a|model_d": [3, 2, 0, 0, 0],
    "model_b|model_c": [1, 1, 0, 0, 0],
    "model_b|model_d": [1, 0, 0, 0, 0],
    "model_c|model_d": [0, 0, 0, 0, 0],
}
MODELS = ["original", "model_a", "model_b", "model_c", "model_d"]


def test_the_spreads_that_mm19_table_5_prints_are_population_standard_deviations():
    parts = []
    for pair, ties in TABLE_5.items():
        letters = {f"p{n}": "-" * tied + "a" * (5 - tied) for n, tied in enumerate(ties)}
        parts.append(votes(letters, *pair.split("|")))
    matrix = dont_know_matrix(pd.concat(parts))
    found = {frozenset((row.system_1, row.system_2)): row for row in matrix.itertuples()}
    for paper in tables.published("mm19", "table5").itertuples():
        own = found[frozenset(paper.system.split("|"))]
        assert round(own.dont_know_rate, 2) == paper.value
        # The paper prints 0.2 for original against C, where 0.16 is the largest that five people can come to.
        digits = 1 if paper.system == "original|model_c" else 2
        assert round(own.dont_know_std, digits) == paper.spread, paper.system
        assert (own.participants, own.comparisons, own.votes) == (5, 5, 25)
    printed = dont_know_triangle(matrix, MODELS)
    assert printed.loc["original"].tolist() == ["0.12 ± 0.24", "0.04 ± 0.08", "0.92 ± 0.16", "0.08 ± 0.16"]
    assert printed.loc["model_c"].tolist() == ["", "", "", "0.00 ± 0.00"]
    assert (list(printed.index), list(printed)) == (MODELS[:-1], MODELS[1:])


def test_a_triangle_says_who_never_met_and_takes_one_group_only():
    matrix = dont_know_matrix(pd.concat([votes({"ann": "a-"}, "x", "y"), votes({"ann": "--"}, "y", "z")]))
    printed = dont_know_triangle(matrix, ["z", "y", "x"])
    assert printed.to_numpy().tolist() == [["1.00 ± 0.00", "not compared"], ["", "0.50 ± 0.00"]]
    with pytest.raises(ParameterError, match=r"\('x', 'y'\) stands there twice; pick the rows of one group"):
        dont_know_triangle(pd.concat([matrix, matrix]), ["x", "y", "z"])
    with pytest.raises(ParameterError, match="system='z' is not known: choose one of x, y"):
        dont_know_triangle(matrix, ["x", "y"])


def test_the_wilson_interval_is_that_of_all_presentations():
    row = codec_rates(votes({"ann": "aaaaaa", "bob": "bb"}), []).iloc[0]
    assert (row["preferred_rate"], row["pooled_rate"]) == (0.5, 0.75)
    expected = binomtest(6, 8).proportion_ci(method="wilson")
    assert (row["wilson_low"], row["wilson_high"]) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_participant_with_more_votes_weighs_no_more():
    table = votes({"ann": "aaaaaaaa", "bob": "bb"}, capacity="P1")
    row = codec_rates(table, ["capacity"]).iloc[0]
    assert (row["preferred_rate"], row["comparisons"], row["votes"]) == (0.5, 5, 10)


def test_groups_are_counted_apart_and_sorted():
    parts = [
        votes({"ann": "b"}, task="speech", capacity="P2"),
        votes({"ann": "a"}, task="speech", capacity="P1"),
        votes({"ann": "-"}, task="music", capacity="P2"),
        votes({"ann": "a"}, task="music", capacity=None),
    ]
    found = codec_rates(pd.concat(parts), ["task", "capacity"])
    columns = ["task", "capacity", "preferred_rate", "dont_know_rate"]
    assert found[columns].fillna("none").to_numpy().tolist() == [
        ["music", "P2", 0.0, 1.0],
        ["music", "none", 1.0, 0.0],
        ["speech", "P1", 1.0, 0.0],
        ["speech", "P2", 0.0, 0.0],
    ]


def test_only_test_pairs_count():
    others = pd.concat([BY_HAND, votes({"ann": "b"}, kind="training"), votes({"eve": "a"}, "spoilt", kind="catch")])
    pd.testing.assert_frame_equal(preference_rates(others), preference_rates(BY_HAND))
    pd.testing.assert_frame_equal(dont_know_matrix(others), dont_know_matrix(BY_HAND))
    with pytest.raises(ParameterError, match="none has kind='test'"):
        preference_rates(BY_HAND.assign(kind="training"))


def test_the_interval_is_that_of_the_mean_over_participants():
    generator = np.random.default_rng(2)
    letters = {f"p{n}": "".join(generator.choice(list("ab-"), 25)) for n in range(60)}
    row = codec_rates(votes(letters), []).iloc[0]
    for name in ("preferred", "dont_know"):
        width = 2 * 1.96 * row[f"{name}_std"] / 60**0.5
        assert row[f"{name}_high"] - row[f"{name}_low"] == pytest.approx(width, rel=0.1)


def test_one_participant_has_no_interval_over_participants():
    row = codec_rates(votes({"ann": "ab"}), []).iloc[0]
    assert row[BOOTSTRAP].isna().all() and (row["preferred_rate"], row["preferred_std"]) == (0.5, 0.0)


def test_the_interval_is_seeded():
    one, again, other = (preference_rates(BY_HAND, ["capacity"], seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    pd.testing.assert_frame_equal(one.drop(columns=BOOTSTRAP), other.drop(columns=BOOTSTRAP))


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(ParameterError, match="votes: there are no votes"):
        preference_rates(BY_HAND.head(0))
    with pytest.raises(ParameterError, match="row 1: choice='left' is not known: a, b, dont_know"):
        preference_rates(BY_HAND.assign(choice="left"))
    for wrong in ("capacitee", "participant"):
        with pytest.raises(ParameterError, match=f"by='{wrong}': .*choose from item, choice, .*, capacity"):
            dont_know_matrix(BY_HAND, [wrong])


# Properties


@settings(max_examples=30, deadline=None)
@given(drawn_votes(), st.integers(0, 2**32))
def test_sides_and_the_order_of_rows_change_nothing(table: pd.DataFrame, seed: int):
    generator = np.random.default_rng(seed)
    other = swapped(table, generator.random(len(table)) < 0.5).iloc[generator.permutation(len(table))]
    for count in (preference_rates, dont_know_matrix):
        pd.testing.assert_frame_equal(count(table, ["item"]), count(other, ["item"]))


@settings(max_examples=30, deadline=None)
@given(drawn_votes())
def test_names_of_participants_and_asking_twice_leave_the_rates(table: pd.DataFrame):
    rates = preference_rates(table)
    names = table.assign(participant=table["participant"].map({"ann": "4", "bob": "2", "cid": "3", "dora": "1"}))
    renamed = preference_rates(names)  # the bootstrap draws others of them, in the order of their names
    pd.testing.assert_frame_equal(rates.drop(columns=BOOTSTRAP), renamed.drop(columns=BOOTSTRAP))
    twice = preference_rates(pd.concat([table, table]))
    columns = ["preferred_rate", "preferred_std", *BOOTSTRAP, "pooled_rate", "dont_know_rate", "participants"]
    pd.testing.assert_frame_equal(rates[columns], twice[columns])
    assert (twice["votes"] == 2 * rates["votes"]).all()


@settings(max_examples=30, deadline=None)
@given(drawn_votes())
def test_every_vote_is_a_win_or_a_tie(table: pd.DataFrame):
    wins, ties = win_matrix(table)
    assert wins.to_numpy().sum() + ties.to_numpy().sum() / 2 == len(table)
    rates = preference_rates(table).set_index("system")
    assert (rates["pooled_rate"] * rates["votes"]).to_dict() == pytest.approx(wins.sum(axis=1).to_dict())
    assert rates["votes"].sum() == 2 * len(table)
    assert (outcomes(table)["system_1"] < outcomes(table)["system_2"]).all()

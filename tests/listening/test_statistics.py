"""Rates, exact tests and strengths: values of record, other programs, counting by hand, known strengths, properties."""

import json
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.listening import WORDS, swapped, votes
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from nblib.errors import ParameterError
from nblib.listening import LABEL
from nblib.listening.statistics import (
    davidson,
    dont_know_matrix,
    exact_tests,
    outcomes,
    preference_rates,
    side_bias,
    sign_flip_test,
)
from nblib.listening.votes import COLUMNS
from nblib.tables import dont_know_table

GOLDEN = json.loads((Path(__file__).parent / "golden_statistics.json").read_text())
BY_HAND = votes({"ann": "aab-", "bob": "a---", "cid": "aaaa"})


@pytest.fixture(autouse=True, scope="module")
def no_garbage_collection():
    """statsmodels' adjustment of p-values collects garbage at every call, which takes long in a test run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gc.collect", lambda *_: 0)
        yield


BOOTSTRAP = ["preferred_low", "preferred_high", "dont_know_low", "dont_know_high"]


@st.composite
def drawn_votes(draw: st.DrawFn) -> pd.DataFrame:
    """Up to 30 votes of up to four participants on up to three systems."""
    names, systems = st.sampled_from(["ann", "bob", "cid", "dora"]), st.permutations(["codec", "l1", "original"])
    vote = st.tuples(names, st.sampled_from(["x", "y"]), systems, st.sampled_from(list(WORDS.values())))
    rows = draw(st.lists(vote, min_size=1, max_size=30))
    return pd.DataFrame([(who, item, *pair[:2], choice, "test") for who, item, pair, choice in rows], columns=COLUMNS)


def recorded() -> pd.DataFrame:
    """The votes of the record: MM'19's design, sides changed in every second item."""
    parts = [votes(letters, *pair.split("|")) for pair, letters in GOLDEN["votes"].items()]
    table = pd.concat(parts, ignore_index=True)
    return swapped(table, table["item"].str[-1].astype(int).to_numpy() % 2 == 1)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("preference_rates", lambda table: preference_rates(table, seed=3)),
        ("preference_rates by item", lambda table: preference_rates(table, ["item"])),
        ("dont_know_matrix", dont_know_matrix),
        ("exact_tests", exact_tests),
        ("exact_tests by item", lambda table: exact_tests(table, ["item"])),
    ],
)
def test_values_of_record(name, found):
    """As own code gave them before statsmodels did."""
    table, expected = found(recorded()), pd.DataFrame(**GOLDEN[name])
    if "item" in expected:
        expected["item"] = "item" + expected["item"]
    pd.testing.assert_frame_equal(table[expected.columns], expected, rtol=0, atol=1e-12, check_dtype=False)
    assert side_bias(recorded()) == pytest.approx(GOLDEN["side_bias"], abs=1e-12)


@pytest.mark.parametrize("name", GOLDEN["davidson"])
def test_strengths_of_record(name):
    """As an own maximisation of the likelihood gave them before statsmodels did."""
    which, prior = name.split(", ")
    table = recorded() if which == "ties" else recorded().query("choice != 'dont_know'")
    expected = pd.DataFrame(**GOLDEN["davidson"][name]["strengths"])
    pd.testing.assert_frame_equal(davidson(table, float(prior)), expected, rtol=0, atol=1e-10)


# How often each of five people would have to say don't know, of five times each: one such set for every pair, and what
# MM'19 Table 5 prints. It prints 0.2 for original against C, where 0.16 is the largest that five people can come to.
TABLE_5 = {
    ("original", "model_a"): ([3, 0, 0, 0, 0], "0.12 ± 0.24"),
    ("original", "model_b"): ([1, 0, 0, 0, 0], "0.04 ± 0.08"),
    ("original", "model_c"): ([5, 5, 5, 5, 3], "0.92 ± 0.16"),
    ("original", "model_d"): ([2, 0, 0, 0, 0], "0.08 ± 0.16"),
    ("model_a", "model_b"): ([2, 2, 0, 0, 0], "0.16 ± 0.20"),
    ("model_a", "model_c"): ([2, 0, 0, 0, 0], "0.08 ± 0.16"),
    ("model_a", "model_d"): ([3, 2, 0, 0, 0], "0.20 ± 0.25"),
    ("model_b", "model_c"): ([1, 1, 0, 0, 0], "0.08 ± 0.10"),
    ("model_b", "model_d"): ([1, 0, 0, 0, 0], "0.04 ± 0.08"),
    ("model_c", "model_d"): ([0, 0, 0, 0, 0], "0.00 ± 0.00"),
}


def test_the_spreads_that_mm19_table_5_prints_are_population_standard_deviations():
    letters = {pair: {f"p{n}": f"{'-' * k:a<5}" for n, k in enumerate(ties)} for pair, (ties, _) in TABLE_5.items()}
    given = pd.concat(votes(own, *pair, judge="five") for pair, own in letters.items())
    names = {name: name for name in ("original", "model_a", "model_b", "x", "model_c", "model_d")}
    printed = dont_know_table(given, names).loc["five"]
    assert {pair: printed.loc[pair] for pair in TABLE_5} == {pair: text for pair, (_, text) in TABLE_5.items()}
    assert printed.loc["model_c"].tolist() == ["", "", "", "", "0.00 ± 0.00"]
    assert printed.loc["x"].tolist() == ["", "", "", "not compared", "not compared"]


def test_only_test_pairs_count():
    others = pd.concat([BY_HAND, votes({"ann": "b"}, kind="training"), votes({"eve": "a"}, "spoilt", kind="catch")])
    pd.testing.assert_frame_equal(preference_rates(others), preference_rates(BY_HAND))
    with pytest.raises(ParameterError, match="none has kind='test'"):
        preference_rates(BY_HAND.assign(kind="training"))


def test_a_participant_with_more_votes_weighs_no_more_and_the_interval_is_that_of_the_mean_over_participants():
    row = preference_rates(votes({"ann": "aaaaaa", "bob": "bb"})).iloc[0]
    assert (row["preferred_rate"], row["pooled_rate"], row["comparisons"], row["votes"]) == (0.5, 0.75, 4, 8)
    generator = np.random.default_rng(2)
    letters = {f"p{n}": "".join(generator.choice(list("ab-"), 25)) for n in range(60)}
    row = preference_rates(votes(letters)).iloc[0]
    for name in ("preferred", "dont_know"):
        width = 2 * 1.96 * row[f"{name}_std"] / 60**0.5
        assert row[f"{name}_high"] - row[f"{name}_low"] == pytest.approx(width, rel=0.1)
    alone = preference_rates(votes({"ann": "ab"})).iloc[0]
    assert alone[BOOTSTRAP].isna().all() and (alone["preferred_rate"], alone["preferred_std"]) == (0.5, 0.0)


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=10))
@settings(max_examples=60, deadline=None)
def test_the_sign_flip_test_is_the_count_of_all_patterns(nets: list[int]):
    sums = [abs(np.dot(signs, nets)) for signs in product((1, -1), repeat=len(nets))]
    assert sign_flip_test(nets) == sum(total >= abs(sum(nets)) for total in sums) / len(sums)
    assert sign_flip_test([1] * 240 + [-1] * 160) == pytest.approx(binomtest(240, 400).pvalue, rel=1e-10)


def test_pairs_of_a_table_by_hand():
    decided = votes({"ann": "aaaa", "bob": "aa--", "cid": "aaab"}, "codec", "l1")
    tests = exact_tests(pd.concat([decided, votes({"ann": "----", "bob": "----"}, "original", "codec")]))
    assert tests[["system_1", "system_2"]].to_numpy().tolist() == [["codec", "l1"], ["codec", "original"]]
    assert tests[["wins_1", "wins_2", "ties", "participants"]].to_numpy().tolist() == [[9, 1, 2, 3], [0, 0, 8, 2]]
    assert tests["sign_p"].tolist() == pytest.approx([22 / 1024, 1.0])
    assert tests["flip_p"].tolist() == [0.25, 1.0]  # nets of 4, 2 and 2: few people are little evidence
    assert tests["sign_p_holm"].tolist() == pytest.approx([44 / 1024, 1.0])
    assert tests["flip_p_holm"].tolist() == [0.5, 1.0]


def test_simulated_people_are_not_tested_and_side_bias_sees_sides():
    simulated = pd.concat([BY_HAND.assign(judge="people"), BY_HAND.assign(judge=f"ESTOI listener ({LABEL})")])
    with pytest.raises(ParameterError, match=f"{LABEL}.*keep judge 'people'.*show preference_rates or davidson"):
        exact_tests(simulated)
    assert exact_tests(simulated[simulated["judge"] == "people"]).equals(exact_tests(BY_HAND))
    found = side_bias(simulated)
    assert found["share"] == 14 / 16 and "flip_p" not in found
    sides = pd.concat([votes({"ann": "aaab-", "bob": "aaaa-"}), votes({"ann": "aaaa", "bob": "aaaa"}, "l1", "codec")])
    found = side_bias(sides)
    assert (found["wins_1"], found["wins_2"], found["ties"], found["share"]) == (15, 1, 2, 15 / 16)
    assert found["sign_p"] == pytest.approx(binomtest(15, 16).pvalue) and found["flip_p"] == 0.5
    undecided = side_bias(votes({"ann": "--"}))
    assert undecided["sign_p"] == undecided["flip_p"] == 1 and np.isnan(undecided["share"])


@settings(max_examples=30, deadline=None)
@given(drawn_votes(), st.integers(0, 2**32))
def test_sides_and_the_order_of_rows_change_nothing(table: pd.DataFrame, seed: int):
    generator = np.random.default_rng(seed)
    other = swapped(table, generator.random(len(table)) < 0.5).iloc[generator.permutation(len(table))]
    for count in (preference_rates, dont_know_matrix, exact_tests):
        pd.testing.assert_frame_equal(count(table, ["item"]), count(other, ["item"]))


@settings(max_examples=30, deadline=None)
@given(drawn_votes())
def test_every_vote_is_a_win_or_a_tie_and_names_do_not_matter(table: pd.DataFrame):
    rates = preference_rates(table)
    ties = int((outcomes(table)["outcome"] == 0).sum())
    assert (rates["pooled_rate"] * rates["votes"]).sum() == pytest.approx(len(table) - ties)
    assert rates["votes"].sum() == 2 * len(table)
    names = table.assign(participant=table["participant"].map({"ann": "4", "bob": "2", "cid": "3", "dora": "1"}))
    renamed = preference_rates(names)  # the bootstrap draws others of them, in the order of their names
    pd.testing.assert_frame_equal(rates.drop(columns=BOOTSTRAP), renamed.drop(columns=BOOTSTRAP))


def simulated(seed: list[int], strengths: list[float], differ: float) -> pd.DataFrame:
    """Votes of 14 people on 5 items drawn from Davidson's model, whose own log-strengths scatter by `differ`."""
    generator, tables = np.random.default_rng(seed), []
    for person in range(14):
        own = np.array(strengths) + differ * generator.standard_normal(len(strengths))
        for one, other in combinations(range(len(strengths)), 2):
            weights = np.exp([own[one], own[other], np.log(0.5) + (own[one] + own[other]) / 2])
            letters = "".join(generator.choice(list(WORDS), 5, p=weights / weights.sum()))
            tables.append((f"p{person}", f"s{one}", f"s{other}", letters))
    rows = [(who, item, a, b, WORDS[letter], "test") for who, a, b, own in tables for item, letter in enumerate(own)]
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.mark.parametrize(("strengths", "differ"), [([1.0, 0.3, 0.0, -0.5, -0.8], 0.0), ([0.0, 0.0, 0.0], 1.0)])
def test_known_strengths_lie_within_the_intervals(strengths, differ):
    """MM'19's design, independent votes; and equal systems, where people differ: the pool's truth is no difference."""
    hits, true = [], np.array(strengths) - np.mean(strengths)
    for draw in range(100):
        found = davidson(simulated([7, draw], strengths, differ))
        hits.append((found["low"] <= true) & (true <= found["high"]))
    assert 0.92 <= np.mean(hits) <= 0.98


@pytest.mark.parametrize(
    "parts",
    [
        [votes({"ann": "aaa", "bob": "aa"})],  # one always won
        [votes({"ann": "--", "bob": "-"})],  # all are ties
        [votes({"ann": "ab"}), votes({"bob": "ab"}, "x", "y")],  # some never met
        # Everyone is joined to everyone by ties, and still the strengths drift apart together with nu.
        [votes({"ann": "aa"}, "x", "z"), votes({"bob": "--"}, "x", "y"), votes({"bob": "--"}, "y", "z")],
    ],
)
def test_where_no_finite_strengths_are_the_likeliest_a_prior_is_asked_for(parts: list[pd.DataFrame]):
    table = pd.concat([*parts, votes({"cid": "aa"}, "codec", "spoilt", kind="catch")])
    with pytest.raises(ParameterError, match="votes: no finite strengths are the likeliest .*or give prior=1"):
        davidson(table)
    assert np.isfinite(davidson(table, prior=1.0).drop(columns="system")).all(axis=None)


def test_a_prior_fades_as_it_shrinks_and_is_refused_out_of_range():
    bare, faint, strong = (davidson(recorded(), prior)["log_strength"] for prior in (0, 1e-6, 1e6))
    assert faint.to_numpy() == pytest.approx(bare, abs=1e-6) and np.abs(strong).max() < 1e-3
    with pytest.raises(ParameterError, match="prior=nan: a number of pseudo-votes per pair"):
        davidson(BY_HAND, prior=float("nan"))
    with pytest.raises(ParameterError, match="all are of one participant.*ask more people"):
        davidson(votes({"ann": "ab-"}))


@given(drawn_votes())
@settings(max_examples=40, deadline=None)
def test_any_votes_give_finite_strengths_or_a_reason(table: pd.DataFrame):
    table = pd.concat([table, votes({"eve": "ab-", "fay": "ab-"})])
    try:
        found = davidson(table)
    except ParameterError as error:
        assert "or give prior=1" in str(error)
        found = davidson(table, prior=1.0)
    assert np.isfinite(found.drop(columns="system")).all(axis=None)
    assert found["log_strength"].sum() == pytest.approx(0.0, abs=1e-9)
    assert (found["standard_error"] < 1e3).all()

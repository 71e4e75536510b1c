"""The papers' statistics of choices, on votes counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nblib.errors import ParameterError
from nblib.listening import preference_rates


def votes(choices: dict[str, str], **group: object) -> pd.DataFrame:
    """One letter per vote: a, b or - for "I don't know"."""
    words = {"a": "a", "b": "b", "-": "dont_know"}
    rows = [(name, words[letter]) for name, letters in choices.items() for letter in letters]
    return pd.DataFrame(rows, columns=["participant", "choice"]).assign(**group)


BY_HAND = votes({"ann": "aab-", "bob": "a---", "cid": "aaaa"}, capacity="P1")


def test_rates_and_spreads_over_participants_by_hand():
    (row,) = preference_rates(BY_HAND, ["capacity"]).to_dict("records")
    preferred, dont_know = [0.5, 0.25, 1.0], [0.25, 0.75, 0.0]
    assert row["capacity"] == "P1"
    assert row["preferred_rate"] == pytest.approx(np.mean(preferred))
    assert row["preferred_std"] == pytest.approx(np.std(preferred))
    assert row["dont_know_rate"] == pytest.approx(np.mean(dont_know))
    assert row["dont_know_std"] == pytest.approx(np.std(dont_know))
    assert (row["participants"], row["comparisons"]) == (3, 4)
    assert 0.25 <= row["preferred_low"] < row["preferred_rate"] < row["preferred_high"] <= 1.0


def test_a_tie_counts_against_both_sides():
    swapped = BY_HAND.assign(choice=BY_HAND["choice"].map({"a": "b", "b": "a", "dont_know": "dont_know"}))
    (one,), (other,) = (preference_rates(table, ["capacity"]).to_dict("records") for table in (BY_HAND, swapped))
    assert one["preferred_rate"] + other["preferred_rate"] + one["dont_know_rate"] == pytest.approx(1.0)
    assert one["dont_know_rate"] == other["dont_know_rate"]
    only_ties = preference_rates(votes({"ann": "--", "bob": "--"}, capacity="P1"), ["capacity"]).iloc[0]
    assert (only_ties["preferred_rate"], only_ties["preferred_high"], only_ties["dont_know_rate"]) == (0.0, 0.0, 1.0)


def test_a_participant_with_more_votes_weighs_no_more():
    table = votes({"ann": "aaaaaaaa", "bob": "bb"}, capacity="P1")
    assert preference_rates(table, ["capacity"])["preferred_rate"].tolist() == [0.5]


def test_groups_are_counted_apart_and_sorted():
    table = pd.concat(
        [
            votes({"ann": "b"}, task="speech", capacity="P2"),
            votes({"ann": "a"}, task="speech", capacity="P1"),
            votes({"ann": "-"}, task="music", capacity="P2"),
        ]
    )
    found = preference_rates(table, ["task", "capacity"])
    columns = ["task", "capacity", "preferred_rate", "dont_know_rate"]
    assert found[columns].to_numpy().tolist() == [
        ["music", "P2", 0.0, 1.0],
        ["speech", "P1", 1.0, 0.0],
        ["speech", "P2", 0.0, 0.0],
    ]


def test_the_interval_is_that_of_the_mean_over_participants():
    generator = np.random.default_rng(2)
    letters = {f"p{n}": "".join(generator.choice(list("ab-"), 25)) for n in range(60)}
    row = preference_rates(votes(letters, capacity="P1"), ["capacity"]).iloc[0]
    width = 2 * 1.96 * row["preferred_std"] / 60**0.5
    assert row["preferred_high"] - row["preferred_low"] == pytest.approx(width, rel=0.1)


def test_the_interval_is_seeded():
    one, again, other = (preference_rates(BY_HAND, ["capacity"], seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    assert one["preferred_rate"].equals(other["preferred_rate"])


def test_no_votes_and_unknown_choices_are_refused():
    with pytest.raises(ParameterError, match="votes: there are none"):
        preference_rates(BY_HAND.head(0), ["capacity"])
    with pytest.raises(ParameterError, match="unknown choice 'left'; known are a, b, dont_know"):
        preference_rates(BY_HAND.assign(choice="left"), ["capacity"])

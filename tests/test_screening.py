"""Whose votes are kept after catch pairs and the headphone check."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_votes import swapped, votes

from nblib.errors import ParameterError
from nblib.listening.screening import passed_catch, passed_headphones
from nblib.listening.votes import ORIGINAL, SPOILT

# a is the original: ann and bob tell it, cid misses one by don't know, dora picks the spoilt one twice.
CATCH = votes({"ann": "aaaa", "bob": "aaa-", "cid": "aa-b", "dora": "aabb"}, ORIGINAL, SPOILT, kind="catch")
TEST = votes({"ann": "a", "bob": "b", "cid": "-", "dora": "a", "eve": "b"})
BOTH = pd.concat([CATCH, TEST])


def test_participants_who_miss_catch_pairs_are_dropped_with_all_their_votes():
    kept, participants = passed_catch(BOTH)
    assert participants["participant"].tolist() == ["ann", "bob", "cid", "dora", "eve"]
    assert participants["catch"].tolist() == [4, 4, 4, 4, 0]
    assert participants["caught"].tolist() == [4, 3, 2, 2, 0]
    assert participants["kept"].tolist() == [True, True, False, False, True]
    assert participants["reason"].tolist() == ["passed"] * 2 + ["missed catch pairs"] * 2 + ["no catch pairs"]
    assert participants["guesser_passes"].tolist() == [5 / 16] * 4 + [1.0]
    assert sorted(kept["participant"].unique()) == ["ann", "bob", "eve"]
    assert kept["kind"].value_counts().to_dict() == {"catch": 8, "test": 3}


def test_the_threshold_moves():
    assert passed_catch(BOTH, 1.0)[1]["kept"].tolist() == [True, False, False, False, True]
    assert passed_catch(BOTH, 0.5)[1]["kept"].all()
    ten = votes({"ann": "aaaaaaabbb"}, ORIGINAL, SPOILT, kind="catch")
    assert passed_catch(ten, 0.7)[1]["kept"].all()
    for wrong in (0, 1.1, float("nan")):
        with pytest.raises(ParameterError, match="least_share=.*: a share over 0 and up to 1"):
            passed_catch(BOTH, wrong)


def test_the_side_of_the_spoilt_sound_changes_nothing():
    sides = np.random.default_rng(0).random(len(BOTH)) < 0.5
    pd.testing.assert_frame_equal(passed_catch(swapped(BOTH, sides))[1], passed_catch(BOTH)[1])


def test_a_catch_pair_without_a_spoilt_sound_is_refused():
    with pytest.raises(ParameterError, match="votes: row 17: kind='catch' without a 'spoilt' side"):
        passed_catch(BOTH.assign(kind="catch"))


def test_nobody_left_is_an_empty_table():
    kept, participants = passed_catch(votes({"ann": "bb"}, ORIGINAL, SPOILT, kind="catch"))
    assert kept.empty and not participants["kept"].any()


def test_who_failed_the_headphone_check_is_dropped():
    checks = {"ann": "passed", "bob": "failed", "cid": "skipped", "dora": None, "eve": ""}
    kept, participants = passed_headphones(BOTH.assign(headphones=BOTH["participant"].map(checks)))
    assert participants["participant"].tolist() == list(checks)
    assert participants["headphones"].tolist() == ["passed", "failed", "skipped", "", ""]
    assert participants["kept"].tolist() == [True, False, True, True, True]
    assert set(kept["participant"]) == {"ann", "cid", "dora", "eve"} and len(kept) == len(BOTH) - 5


def test_headphone_checks_that_say_nothing_are_refused():
    with pytest.raises(ParameterError, match="column 'headphones' is missing"):
        passed_headphones(TEST)
    with pytest.raises(ParameterError, match="headphones='pased' is not known: .*did you mean 'passed'"):
        passed_headphones(TEST.assign(headphones="pased"))
    two = pd.concat([TEST.assign(headphones="passed"), TEST.assign(headphones="failed")])
    with pytest.raises(ParameterError, match="participant='ann' has several values of headphones"):
        passed_headphones(two)

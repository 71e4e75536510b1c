"""Votes from and to files, and whose votes are kept after catch pairs and the headphone check."""

import numpy as np
import pandas as pd
import pytest
from helpers.listening import swapped, votes

from nblib.errors import ParameterError
from nblib.listening.votes import ORIGINAL, SPOILT, passed_checks, read_votes, write_table

# a is the original: ann and bob tell it, cid misses one by don't know, dora picks the spoilt one twice.
CATCH = votes({"ann": "aaaa", "bob": "aaa-", "cid": "aa-b", "dora": "aabb"}, ORIGINAL, SPOILT, kind="catch")
TEST = votes({"ann": "a", "bob": "b", "cid": "-", "dora": "a", "eve": "b"})
BOTH = pd.concat([CATCH, TEST], ignore_index=True)


def test_votes_come_back_from_a_file_and_formulas_as_text(tmp_path):
    hostile = ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\tx", "plain"]
    table = BOTH.head(6).assign(item=hostile, note=[None, "=1", "", "x", "y", "z"], seconds=[0.5, -1, 2, 3, 4, 5])
    write_table(tmp_path / "votes.csv", table)
    again = read_votes(tmp_path / "votes.csv")
    assert again["item"].tolist() == [*(f"'{text}" for text in hostile[:5]), "plain"]
    assert again["note"].fillna("").tolist() == ["", "'=1", "", "x", "y", "z"]
    assert again["seconds"].tolist() == [0.5, -1, 2, 3, 4, 5]
    columns = ["participant", "system_a", "system_b", "choice", "kind"]
    pd.testing.assert_frame_equal(again[columns], table[columns], check_dtype=False)
    write_table(tmp_path / "votes.csv", TEST.drop(columns="kind"))
    assert set(read_votes(tmp_path / "votes.csv")["kind"]) == {"test"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"choice": "left"}, "row 1: choice='left' is not known: a, b, dont_know"),
        ({"item": None}, "row 1: item=nan is missing"),
        ({"system_b": ORIGINAL}, "row 1: system_b='original' stands on both sides"),
        ({"kind": "catch"}, "row 17: kind='catch' has no 'spoilt' side"),
        (b"\xff\xfe\x00", "no CSV table of votes"),
        (b"participant,item\nx,y\n", "column 'system_a' is missing"),
        (b"participant,item,system_a,system_b,choice\n", "there are no votes"),
    ],
)
def test_a_wrong_vote_is_named_with_file_and_row_and_what_is_no_table_with_its_file(tmp_path, content, words):
    path = tmp_path / "votes.csv"
    with pytest.raises(ParameterError, match="votes.csv: not there; make it by python -m nblib listen export"):
        read_votes(path)
    path.write_bytes(content if isinstance(content, bytes) else BOTH.assign(**content).to_csv(index=False).encode())
    with pytest.raises(ParameterError, match=f"votes.csv: {words}"):
        read_votes(path)


def test_participants_who_miss_catch_pairs_are_dropped_with_all_their_votes():
    kept, participants = passed_checks(BOTH)
    assert participants["participant"].tolist() == ["ann", "bob", "cid", "dora", "eve"]
    assert participants["catch"].tolist() == [4, 4, 4, 4, 0]
    assert participants["caught"].tolist() == [4, 3, 2, 2, 0]
    assert participants["kept"].tolist() == [True, True, False, False, True]
    assert participants["reason"].tolist() == ["passed"] * 2 + ["missed catch pairs"] * 2 + ["no catch pairs"]
    assert sorted(kept["participant"].unique()) == ["ann", "bob", "eve"]
    assert kept["kind"].value_counts().to_dict() == {"catch": 8, "test": 3}
    sides = np.random.default_rng(0).random(len(BOTH)) < 0.5
    pd.testing.assert_frame_equal(passed_checks(swapped(BOTH, sides))[1], participants)


def test_who_failed_the_headphone_check_is_dropped():
    checks = {"ann": "passed", "bob": "failed", "cid": "skipped", "dora": None, "eve": ""}
    kept, participants = passed_checks(BOTH.assign(headphones=BOTH["participant"].map(checks)))
    assert participants["participant"].tolist() == ["ann", "cid", "dora", "eve"]
    assert set(kept["participant"]) == {"ann", "eve"} and len(kept) == 6

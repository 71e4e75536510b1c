"""Who would prefer what: the model listener on the capacity and configuration studies' rows (see conftest.py)."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from nblib import study
from nblib.entries import SPEECH, TASKS
from nblib.errors import ParameterError
from nblib.experiments import listening, separation

SCALES = [[0.5, 1], [1, 0.5], [1, 1], [1, 2], [2, 1]]


@pytest.mark.parametrize("task", TASKS)
def test_every_participant_hears_the_same_items_in_each_group_and_each_seed_has_its_own(tiny_ijcnn, task):
    rows = study.read(tiny_ijcnn, "capacity.csv")
    heard = separation.listening_items(tiny_ijcnn, rows, task)
    votes = listening.votes(tiny_ijcnn, rows, task, separation.JUDGES[task][0], tiny_ijcnn.participants)
    assert set(votes["item"]) == set(heard)
    per_cell = votes.groupby(["contender", "seed", "capacity"])
    assert len(per_cell) == 2 * 2 * 2 and (per_cell["participant"].nunique() == tiny_ijcnn.participants).all()
    assert (per_cell.size() == tiny_ijcnn.participants * len(heard)).all()
    assert votes.groupby("participant")["seed"].nunique().eq(1).all()
    assert set(votes["system_a"] + votes["system_b"]) <= {"codecl1", "l1codec", "soundl1", "l1sound"}


def test_configurations_are_each_heard_against_the_one_l1(tiny_ijcnn):
    rows = study.read(tiny_ijcnn, "configurations.csv")
    by, people = ("task", "configuration", "contender"), tiny_ijcnn.configuration_participants
    votes = listening.votes(tiny_ijcnn, rows, SPEECH, "estoi", people, by)
    rates = listening.rates(votes, 0, by)
    assert sorted(rates.loc[rates["seed"].isna(), "configuration"]) == list("ABCDEF")
    assert (votes.groupby("configuration")["participant"].nunique() == 2 * people).all()


def test_preferences_are_labelled_and_shown_at_half_and_double_the_constants(tiny_ijcnn):
    table = listening.preferences(tiny_ijcnn, study.read(tiny_ijcnn, "capacity.csv"))
    reference = study.rows(tiny_ijcnn, separation.REFERENCE)
    assert table["judge"].str.contains("model-predicted, no listeners").all()
    for task in TASKS:
        main = separation.JUDGES[task][0]
        own = table[(table["task"] == task) & (table["measure"] == main)]
        scales = own[own["seed"].isna()].groupby(["capacity", "contender"])[["noise_scale", "zone_scale"]]
        assert [sorted(each.to_numpy().tolist()) for _, each in scales] == [SCALES] * 2 * 2
        expected = listening.difference(reference[reference["task"] == task], main)
        assert own["noticeable_difference"].to_numpy() == pytest.approx(expected, rel=1e-5)
        assert len(listening.main_rates(table, task)) == 2 * 2 * (1 + 2)
    assert (table["preferred_rate"] + table["dont_know_rate"] <= 1 + 1e-6).all()


def made_votes(shares: dict[int, float]) -> pd.DataFrame:
    """Twenty participants a seed, so large a share of whom prefers the codec loss; the others l1."""
    voted = [(seed, f"{seed}-{n}", "a" if n < 20 * share else "b") for seed, share in shares.items() for n in range(20)]
    votes = pd.DataFrame(voted, columns=["seed", "participant", "choice"])
    votes = votes.assign(task=SPEECH, capacity="P1", contender="codec", item="one", judge="made", kind="test")
    return votes.assign(system_a="codec", system_b="l1")


@pytest.mark.parametrize("shares", [{0: 0.4, 1: 0.6, 2: 0.55}, {0: 1.0, 1: 0.0}])
def test_rates_over_seeds_have_students_interval_within_0_and_1(shares):
    rates = listening.rates(made_votes(shares), 0)
    pooled = rates[rates["seed"].isna()].iloc[0]
    means = np.array(list(shares.values()))
    expected = scipy.stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert pooled["preferred_rate"] == pytest.approx(means.mean())
    assert pooled["preferred_low"] == pytest.approx(max(0, expected.low))
    assert pooled["preferred_high"] == pytest.approx(min(1, expected.high))
    assert rates[rates["seed"].notna()].set_index("seed")["preferred_rate"].to_dict() == pytest.approx(shares)


def test_a_second_judge_that_cannot_judge_is_left_out_and_said_so(monkeypatch, tiny_ijcnn):
    flat, saved = study.rows(tiny_ijcnn, separation.REFERENCE).assign(two_f=50.0), {}
    monkeypatch.setattr(study, "rows", lambda setup, which: flat)
    monkeypatch.setattr(study, "save", lambda setup, name, table: saved.update({name: table}))
    with pytest.warns(UserWarning, match="vocals: no 2f-model listener .*: the score changes by .* check sounds"):
        listening.preferences(tiny_ijcnn, study.read(tiny_ijcnn, "capacity.csv"))
    table = saved[listening.TABLE]
    assert "two_f" not in set(table["measure"]) and {"estoi", "sir_db"} <= set(table["measure"])


def test_without_any_usable_pair_the_listener_says_why(tiny_ijcnn):
    rows = study.read(tiny_ijcnn, "capacity.csv")
    rows["status"] = rows["status"].where(rows["seed"].isna(), "collapsed")
    with pytest.raises(ParameterError, match="speech: no usable network of l1 and another loss .*codec seed 0: col"):
        listening.votes(tiny_ijcnn, rows, SPEECH, "estoi", 3)

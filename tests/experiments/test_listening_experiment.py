"""Both papers' listening tests: what is compared, who votes, and people beside the model (see conftest.py)."""

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from nblib import study, tables
from nblib.entries import SPEECH, TASKS
from nblib.errors import ParameterError
from nblib.experiments import autoencoding, listening, separation
from nblib.listening.server import manifest
from nblib.listening.statistics import preference_rates
from nblib.listening.votes import SPOILT, write_table
from nblib.settings import Settings
from nblib.training import train_all

SCALES = [[0.5, 1], [1, 0.5], [1, 1], [1, 2], [2, 1]]


def people(setup: Settings, **columns: object) -> pd.DataFrame:
    """Three people who prefer what comes first in `SYSTEMS`; p003 falls for every spoilt sound."""
    first, *others = [(*pair, "a", "test") for pair in combinations(listening.SYSTEMS, 2)]
    pairs, rows = [(*first[:2], "dont_know", "test"), *others], []
    for item, who in product(study.rows(setup, listening.LISTENING)["item"].unique(), ("p001", "p002", "p003")):
        catches = [(SPOILT, "original", "a" if who == "p003" else "b", "catch")] * 4
        rows += [(who, item, *pair) for pair in [*pairs, *catches]]
    table = pd.DataFrame(rows, columns=["participant", "item", "system_a", "system_b", "choice", "kind"])
    return table.assign(**columns)


def test_nothing_is_better_than_the_original_and_noise_has_its_slope(tiny_mm19: Settings) -> None:
    scores = study.rows(tiny_mm19, listening.LISTENING)
    assert scores["system"].unique().tolist() == ["original", *autoencoding.MODELS, "noise"]
    best = scores.groupby("system")[["two_f", "nmr_db"]].mean()
    assert best.loc["original", "two_f"] == 100 >= best["two_f"].max()
    assert best.loc["original", "nmr_db"] == best["nmr_db"].min()
    noisy = scores[scores["system"] == "noise"].sort_values("snr_db")
    assert noisy["two_f"].is_monotonic_increasing and noisy["nmr_db"].is_monotonic_decreasing
    assert listening.difference(scores, "two_f") == pytest.approx(3 * np.polyfit(noisy["snr_db"], noisy["two_f"], 1)[0])


def test_the_excerpts_are_what_the_models_make_of_the_limited_piece(tiny_mm19: Settings) -> None:
    trained = train_all(autoencoding.cells(tiny_mm19), "cpu")
    (piece,) = listening.PIECES(tiny_mm19)
    heard = listening.excerpts(tiny_mm19, autoencoding.first_of_each(trained), piece)
    sounds = {row["system"]: samples for row, samples in heard}
    assert list(sounds) == list(listening.SYSTEMS) and len({samples.tobytes() for samples in sounds.values()}) == 5
    assert {len(samples) for samples in sounds.values()} == {4 * 16_000}  # of a piece of four seconds
    power = np.abs(np.fft.rfft(sounds["original"] * np.hanning(4 * 16_000))) ** 2
    assert power[len(power) * 3300 // 8000 :].sum() < 1e-5 * power.sum()
    kept = study.read_sound(tiny_mm19, "listening_model_c")
    np.testing.assert_allclose(kept, sounds["model_c"] / max(1, np.abs(sounds["model_c"]).max() / 0.999), atol=1e-4)


def test_every_model_participant_hears_every_pair_as_in_the_paper(tiny_mm19: Settings) -> None:
    votes = study.read(tiny_mm19, listening.VOTES)
    items = votes["item"].nunique()
    assert set(votes["judge"]) == {f"{name} listener (model-predicted, no listeners)" for name in ("2f-model", "NMR")}
    for _, own in votes.groupby(["judge", "seed"]):
        assert own["participant"].nunique() == 14
        pairs = own.assign(pair=[frozenset(pair) for pair in zip(own["system_a"], own["system_b"], strict=True)])
        assert (pairs.groupby(["participant", "item"])["pair"].agg(["size", "nunique"]) == 10).all(axis=None)
    assert (preference_rates(votes, ["judge"])["comparisons"] == 4 * items * 2).all(), "the networks of two seeds"


def test_net_preference_is_over_seeds() -> None:
    choices = {0: ["a", "a", "a", "b"], 1: ["a", "dont_know", "b", "b"]}  # +0.5 and -0.25 for model_a
    rows = pd.DataFrame(choices).melt(var_name="seed", value_name="choice", ignore_index=False)
    rows = rows.reset_index(names="participant").assign(item="x", kind="test")
    found = listening.net_preference(rows.assign(system_a="model_a", system_b="original"), "original", "model_a")
    assert found["mean"] == pytest.approx(-0.125) and found["seeds"] == 2
    assert (found["low"], found["high"], found["verdict"]) == (-1.0, 1.0, "no difference shown")


def test_the_test_for_people_has_the_same_items_and_systems(tiny_mm19: Settings) -> None:
    folder = listening.made_test(tiny_mm19)
    assert folder
    test = manifest.load(folder)
    assert test.question == "quality" and set(test.sounds) == set(study.rows(tiny_mm19, listening.LISTENING)["item"])
    pairs = [pair[1:3] for pair in test.pairs if pair[3] == "test"]
    assert len(pairs) == 10 * len(test.sounds) and set(sum(pairs, ())) == set(listening.SYSTEMS)


def test_peoples_votes_stand_beside_the_models(tiny_mm19: Settings, tmp_path: Path) -> None:
    write_table(tmp_path / "votes.csv", people(tiny_mm19, headphones="passed"))
    votes, participants = listening.people_votes(str(tmp_path / "votes.csv"))
    assert participants.set_index("participant")["kept"].to_dict() == {"p001": True, "p002": True, "p003": False}
    both = pd.concat([votes.assign(judge="people"), study.read(tiny_mm19, listening.VOTES)])
    table = tables.preference_table(both, listening.SYSTEMS)
    assert table.columns.tolist()[-1] == "people"
    assert table["people"].str.startswith(("0.75 ± 0.00 [", "0.50", "0.25", "0.00")).all()
    assert not table.drop(columns="people").apply(lambda own: own.str.contains("[", regex=False)).any(axis=None)
    assert tables.dont_know_table(both, listening.SYSTEMS).loc[("people", "original"), "Model A"] == "1.00 ± 0.00"


def test_who_failed_a_check_is_left_out_and_a_system_that_is_not_compared_is_refused(
    tiny_mm19: Settings, tmp_path: Path
) -> None:
    table, file = people(tiny_mm19), tmp_path / "votes.csv"
    table["headphones"] = np.where(table["participant"] == "p001", "failed", "skipped")
    write_table(file, table)
    votes, _ = listening.people_votes(str(file))
    assert votes["participant"].unique().tolist() == ["p002"] and listening.people_votes("") == (None, None)
    for wrong, message in (
        (table.query("participant == 'p001'"), "none of 1 participants passed"),
        (table.query("kind == 'test'").assign(system_a="model_x"), "system='model_x' is not known.*did you mean 'mod"),
    ):
        write_table(file, wrong)
        with pytest.raises(ParameterError, match=message):
            listening.people_votes(str(file))


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

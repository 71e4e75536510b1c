"""The listening test of MM'19 from excerpts to tables: what is compared, who votes, and people beside the model."""

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nblib import study, tables
from nblib.errors import ParameterError
from nblib.experiments import autoencoding, listening
from nblib.listening import SPOILT, preference_rates, write_table
from nblib.listening.server import manifest
from nblib.settings import Settings


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
    trained = study.train(tiny_mm19, autoencoding.cells(tiny_mm19))
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
    votes = listening.all_votes(tiny_mm19)
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
    both = listening.all_votes(tiny_mm19, votes)
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
        (
            table.query("kind == 'test'").assign(system_a="model_x"),
            "system='model_x' is not known.*did you mean 'model_",
        ),
    ):
        write_table(file, wrong)
        with pytest.raises(ParameterError, match=message):
            listening.people_votes(str(file))

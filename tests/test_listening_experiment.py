"""The listening test of MM'19 from excerpts to tables: what is compared, who votes, and people beside the model."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nblib import figures, tables
from nblib.audio import Codec, loudest
from nblib.errors import ParameterError, ResultsMissing
from nblib.experiments import Settings, autoencoding, listening, results
from nblib.experiments.settings import MusicSize
from nblib.listening import manifest, preference_rates
from nblib.listening.votes import SPOILT, check_votes, write_table


@pytest.fixture
def setup(least: Settings) -> Settings:
    return least


@pytest.fixture(autouse=True)
def here(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBLIB_DATA", str(made))
    monkeypatch.setenv("NBLIB_CORES", "1")


def people(setup: Settings, **columns: object) -> pd.DataFrame:
    """Three people who prefer what comes first in `SYSTEMS`; p003 falls for every spoilt sound."""
    order = list(listening.SYSTEMS)
    rows = []
    for participant in ("p001", "p002", "p003"):
        for item in results.read(setup, listening.SCORES)["item"].unique():
            for a, system_a in enumerate(order):
                for b, system_b in enumerate(order[a + 1 :], start=a + 1):
                    choice = "dont_know" if (a, b) == (0, 1) else "a"
                    rows.append((participant, item, system_a, system_b, choice, "test"))
            caught = "a" if participant == "p003" else "b"
            rows += [(participant, item, SPOILT, "original", caught, "catch")] * 4
    table = pd.DataFrame(rows, columns=["participant", "item", "system_a", "system_b", "choice", "kind"])
    return table.assign(**columns)


def test_nothing_is_better_than_the_original(setup: Settings) -> None:
    scores = listening.results_table(setup, "committed")
    assert scores["system"].unique().tolist() == list(listening.SYSTEMS)
    assert scores.notna().all(axis=None)
    best = scores.groupby("system")[["two_f", "nmr_db"]].mean()
    assert best.loc["original", "two_f"] == 100 >= best["two_f"].max()
    assert best.loc["original", "nmr_db"] == best["nmr_db"].min()


def test_the_meter_puts_codecs_in_their_known_order(setup: Settings) -> None:
    corpus = autoencoding.corpus(setup)
    original = corpus.load(corpus.items("test")[0])
    coded = {f"mp3_{rate}k": Codec("mp3", 1000 * rate).roundtrip(original, 16_000) for rate in (64, 32, 16)}
    scored, against_snr = listening.score_sounds({"original": original} | coded, 16_000, 0)
    two_f = scored.set_index("system")["two_f"]
    assert 100 == two_f["original"] >= two_f["mp3_64k"] > two_f["mp3_32k"] > two_f["mp3_16k"]
    assert against_snr["two_f"].is_monotonic_increasing and against_snr["nmr_db"].is_monotonic_decreasing


def test_the_excerpts_are_what_the_models_make_of_the_limited_piece(setup: Settings) -> None:
    item = listening.listening_items(setup)[0]
    runs = autoencoding.first_of_each(setup, autoencoding.train(setup, 3000, 2, log=lambda line: None))
    sounds = listening.excerpts(setup, runs, item)
    assert list(sounds) == list(listening.SYSTEMS)
    assert {len(samples) for samples in sounds.values()} == {min(5 * 16_000, 4 * 16_000)}
    power = np.abs(np.fft.rfft(sounds["original"] * np.hanning(len(sounds["original"])))) ** 2
    assert power[len(power) * 3300 // 8000 :].sum() < 1e-5 * power.sum()
    assert len({samples.tobytes() for samples in sounds.values()}) == 5


def test_every_model_participant_hears_every_pair_as_in_the_paper(setup: Settings) -> None:
    votes = check_votes(listening.all_votes(setup))
    items = votes["item"].nunique()
    assert set(votes["judge"]) == {f"{name} (model-predicted, no listeners)" for name in listening.JUDGES.values()}
    for _, own in votes.groupby("judge"):
        assert own["participant"].nunique() == 14
        pairs = own.assign(pair=[frozenset(pair) for pair in zip(own["system_a"], own["system_b"], strict=True)])
        assert (
            pairs.groupby(["participant", "item"])["pair"].agg(lambda heard: len(set(heard)) == len(heard) == 10).all()
        )
    rates = preference_rates(votes, ["judge"])
    assert (rates["comparisons"] == 4 * items).all()


def test_made_again_everything_is_the_same(setup: Settings, made: Path, tmp_path: Path, monkeypatch) -> None:
    shutil.copytree(made / "runs", tmp_path / "runs")  # retraining is `make_experiments`' test
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path))
    monkeypatch.setenv("NBLIB_CORES", "2")
    listening.make(setup, log=lambda line: None)
    again = {path.relative_to(tmp_path): path.read_bytes() for path in (tmp_path / "results").rglob("*.*")}
    assert {path.name for path in again} >= {listening.SCORES, listening.VOTES, "listening_model_c.flac"}
    assert all((made / path).read_bytes() == data for path, data in again.items())
    assert listening.made_test(setup).name == (made / "listening" / "smoke" / "latest.txt").read_text()


def test_items_are_of_as_many_characters_as_there_are(setup: Settings) -> None:
    large = replace(setup, music=MusicSize(60, 4.0))
    items = listening.listening_items(large)
    everything = {item.info["character"] for item in autoencoding.corpus(large).items("test")}
    assert len(items) == 5
    assert len({item.info["character"] for item in items}) == min(5, len(everything))


def test_an_excerpt_is_the_loudest_stretch() -> None:
    samples = np.zeros(1000, np.float32)
    samples[400:500] = 1
    assert loudest(samples, 100) == slice(400, 500)
    assert loudest(samples, 5000) == slice(0, 1000)


def test_the_test_for_people_has_the_same_items_and_systems(setup: Settings) -> None:
    folder = listening.made_test(setup)
    test = manifest.load(folder)
    assert test.question == "quality"
    assert set(test.sounds) == set(results.read(setup, listening.SCORES)["item"])
    assert len(test.pair_table("test")) == 10 * len(test.sounds)
    assert set(test.pair_table("test")["system_a"]) | set(test.pair_table("test")["system_b"]) == set(listening.SYSTEMS)


def test_peoples_votes_stand_beside_the_models(setup: Settings, tmp_path: Path) -> None:
    write_table(tmp_path / "votes.csv", people(setup, headphones="passed"))
    votes, participants = listening.people_votes(str(tmp_path / "votes.csv"))
    assert participants.set_index("participant")["kept"].to_dict() == {"p001": True, "p002": True, "p003": False}
    both = listening.all_votes(setup, votes)
    table = tables.preference_table(both, listening.SYSTEMS)
    assert table.columns.tolist()[-1] == "people"
    assert table["people"].str.startswith(("0.75 ± 0.00", "0.50", "0.25", "0.00")).all()
    assert table.loc["original", "people"].startswith("0.75 ± 0.00")
    assert table.loc["Model D", "people"].startswith("0.00 ± 0.00")
    unsure = tables.dont_know_table(both, listening.SYSTEMS)
    assert unsure.loc[("people", "original"), "Model A"] == "1.00 ± 0.00"
    bars = figures.preference_bars(both, listening.SYSTEMS).axes[0]
    assert [text.get_text() for text in bars.get_legend().get_texts()][-1] == "people"
    assert bars.containers[-1][0].get_height() == 0.75


def test_people_whose_headphone_check_failed_are_left_out(setup: Settings, tmp_path: Path) -> None:
    table = people(setup)
    table["headphones"] = np.where(table["participant"] == "p001", "failed", "skipped")
    write_table(tmp_path / "votes.csv", table)
    votes, _ = listening.people_votes(str(tmp_path / "votes.csv"))
    assert votes["participant"].unique().tolist() == ["p002"]


def test_no_file_means_no_people(setup: Settings) -> None:
    assert listening.people_votes("") == (None, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"system_a": "model_x"}, "system='model_x' is not known.*did you mean 'model_"),
        ({"choice": "c"}, "row 1: choice='c' is not known"),
        ({"headphones": "failed"}, "none of 3 participants passed"),
    ],
)
def test_a_file_of_other_votes_is_refused(setup: Settings, tmp_path: Path, change: dict, message: str) -> None:
    table = people(setup).query("kind == 'test'").assign(**change)
    write_table(tmp_path / "votes.csv", table)
    with pytest.raises(ParameterError, match=message):
        listening.people_votes(str(tmp_path / "votes.csv"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"none\.csv: not there"):
        listening.people_votes(str(tmp_path / "none.csv"))


def test_a_missing_score_is_named(setup: Settings) -> None:
    scores = results.read(setup, listening.SCORES)
    scores.loc[3, "two_f"] = np.nan
    with pytest.raises(ParameterError, match="two_f of .*model_c.* is missing"):
        listening.votes(setup, scores, "two_f")


def test_without_results_the_remedy_is_named(setup: Settings, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path))
    with pytest.raises(ResultsMissing, match="python -m nblib run"):
        listening.results_table(setup, "committed")
    assert listening.made_test(setup) is None


def test_the_bars_show_what_the_votes_say() -> None:
    rows = [
        (participant, "one", "codec", "l1", choice, capacity, "people")
        for capacity, choices in {"P1": "aaaa", "P2": "aabx"}.items()
        for participant, choice in enumerate(choices)
    ]
    columns = ["participant", "item", "system_a", "system_b", "choice", "capacity", "judge"]
    votes = pd.DataFrame(rows, columns=columns).replace({"choice": {"x": "dont_know"}})
    published = pd.DataFrame({"capacity": ["P1", "P2"], "value": [0.9, 0.5], "spread": [0.1, 0.1]})
    bars = figures.preference_bars(votes, {"P1": "54", "P2": "107"}, "capacity", "codec", published)
    assert [patch.get_height() for patch in bars.axes[0].patches] == [1.0, 0.5, 0.9, 0.5]

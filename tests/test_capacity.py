"""The capacity curves' and the preferences' experiments, made once at the least size (see conftest.py)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from nblib import audio
from nblib.corpora import Item, Mixture
from nblib.errors import ParameterError, ResultsMissing
from nblib.evaluation import bss_eval, estoi, metrics, peaq_basic, si_sdr_db
from nblib.evaluation.intervals import paired_interval
from nblib.experiments import Settings, capacity, loss_network, preferences, results, separation
from nblib.experiments.settings import TASKS, parameter_count
from nblib.training import load

MEASURES = ["l1", "estoi", "pesq_wb", "si_sdr_db", "sir_db", "two_f", "sar_db", "nmr_db"]


pytestmark = pytest.mark.usefixtures("made_data")


@pytest.fixture
def rows(least: Settings) -> pd.DataFrame:
    return capacity.results_table(least, "committed")


# The table


def test_the_table_has_the_issues_columns_and_a_row_per_network_and_item(least, rows):
    assert list(rows) == ["task", "capacity", "parameters", "loss", "seed", "status", "run", "item", *MEASURES]
    for task in TASKS:
        items = [item.name for item in least.mixture_corpus(task).items("test")]
        networks = rows[rows["loss"].isin(separation.LOSSES) & (rows["task"] == task)]
        expected = {
            (name, loss, seed, item)
            for name in least.capacities[task]
            for loss in ("l1", "codec")
            for seed in least.seeds()
            for item in items
        }
        found = list(networks[["capacity", "loss", "seed", "item"]].itertuples(index=False, name=None))
        assert set(found) == expected and len(found) == len(expected)
        for name, spec in least.capacities[task].items():
            assert set(networks.loc[networks["capacity"] == name, "parameters"]) == {parameter_count(spec)}
        other = [name for name in MEASURES[1:] if name not in separation.MEASURES[task]]
        assert networks[other].isna().all(axis=None) and networks[separation.JUDGES[task][0]].notna().any()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("loss", ["unprocessed", "oracle_mask"])
def test_the_input_and_the_oracle_mask_have_a_row_per_item(least, rows, task, loss):
    own = rows[(rows["loss"] == loss) & (rows["task"] == task)]
    assert sorted(own["item"]) == sorted(item.name for item in least.mixture_corpus(task).items("test"))
    assert own[["capacity", "parameters", "seed", "run"]].isna().all().all()


@pytest.mark.parametrize("task", TASKS)
def test_no_network_comes_under_the_oracles_l1(rows, task):
    own = rows[rows["task"] == task]
    oracle = own[own["loss"] == "oracle_mask"].set_index("item")
    others = own[own["loss"] != "oracle_mask"]
    assert (others["l1"].to_numpy() > oracle["l1"][others["item"]].to_numpy()).all()
    for measure in ("si_sdr_db", separation.JUDGES[task][0]):
        assert (others[measure].to_numpy() < oracle[measure][others["item"]].to_numpy()).all()


def test_the_unprocessed_rows_are_the_mixtures_own_scores(least, rows):
    corpus = least.mixture_corpus("speech")
    own = rows[(rows["loss"] == "unprocessed") & (rows["task"] == "speech")].set_index("item")
    for item in corpus.items("test"):
        mixture = corpus.load(item)
        assert own.loc[item.name, "estoi"] == pytest.approx(estoi(mixture.target, mixture.mixture, 22_050), abs=1e-3)
        assert own.loc[item.name, "si_sdr_db"] == pytest.approx(si_sdr_db(mixture.target, mixture.mixture), abs=0.02)
        assert own.loc[item.name, "si_sdr_db"] == pytest.approx(0.0, abs=1.0), "mixed at 0 dB"


def test_the_unprocessed_songs_have_the_sir_that_they_were_mixed_with(least, rows):
    own = rows[(rows["loss"] == "unprocessed") & (rows["task"] == "vocals")].set_index("item")
    for item in least.mixture_corpus("vocals").items("test"):
        assert own.loc[item.name, "sir_db"] == pytest.approx(item.info["snr_db"], abs=1.5)


@pytest.mark.parametrize(("task", "name"), [("speech", "P5"), ("vocals", "P2")])
def test_a_networks_row_is_its_run_on_its_item_worked_out_anew(least, rows, task, name):
    row = rows[(rows["loss"] == "codec") & (rows["capacity"] == name) & (rows["task"] == task)].iloc[1]
    corpus, run = least.mixture_corpus(task), load(row["run"])
    assert (run.record["config"]["seed"], run.status) == (row["seed"], row["status"])
    mixture = corpus.load(next(item for item in corpus.items("test") if item.name == row["item"]))
    sound = separation.separate(least, run.network(), mixture.mixture)
    assert sound.shape == mixture.target.shape
    assert si_sdr_db(mixture.target, sound) == pytest.approx(row["si_sdr_db"], abs=1e-3)
    if task == "speech":
        assert estoi(mixture.target, sound, 22_050) == pytest.approx(row["estoi"], abs=1e-4)
    else:
        parts = np.stack([mixture.target, mixture.noise])
        assert bss_eval(parts, np.stack([sound, sound]))[1][0] == pytest.approx(row["sir_db"], abs=1e-3)
        assert peaq_basic(mixture.target, sound, 22_050)["two_f"] == pytest.approx(row["two_f"], abs=1e-3)

    inputs, target = (scaled(samples, least) for samples in (mixture.mixture, mixture.target))
    difference = (run.network()(inputs).detach() - target).abs()
    assert mean_over_sound(difference, len(mixture.target)) == pytest.approx(row["l1"], rel=1e-3)


def test_the_oracle_mask_misses_only_what_no_mask_up_to_1_can_reach(least, rows):
    for task in TASKS:
        corpus = least.mixture_corpus(task)
        own = rows[(rows["loss"] == "oracle_mask") & (rows["task"] == task)].set_index("item")
        for item in corpus.items("test"):
            mixture = corpus.load(item)
            inputs, target = (scaled(samples, least) for samples in (mixture.mixture, mixture.target))
            missing = mean_over_sound((target - inputs).clamp(min=0), len(mixture.target))
            assert own.loc[item.name, "l1"] == pytest.approx(missing, rel=1e-3)


def scaled(samples: np.ndarray, setup: Settings) -> torch.Tensor:
    return audio.scale(audio.analyse(samples, setup.geometry).abs()).unsqueeze(1)


def mean_over_sound(values: torch.Tensor, length: int) -> float:
    """Mean over the frames that hold samples, not over the zeros that fill up the last patch."""
    return float(np.concatenate(list(values.squeeze(1).numpy()), axis=-1)[:, : length // 512 + 1].mean())


@pytest.mark.skipif(metrics.pesq_package is None, reason="pesq is not installed (it needs a C compiler)")
def test_pesq_stands_in_its_column(rows):
    assert rows.loc[rows["task"] == "speech", "pesq_wb"].between(1.0, 4.65).all()


def test_every_run_is_listed_with_what_it_cost(least, rows):
    runs = results.read(least, "runs.csv")
    own = runs[runs["experiment"] == "capacity"]
    assert set(own["run"]) == set(rows["run"].dropna())
    networks = {loss_network.config(least, name).hash for name in loss_network.NETWORKS}
    assert set(runs.loc[runs["experiment"] == "loss network", "run"]) == networks
    expected = ["autoencoder", "broadband", "capacity", "configurations", "loss network"]
    assert runs["experiment"].unique().tolist() == expected
    assert (runs["seconds"] > runs["loss_seconds"]).all() and (runs["loss_seconds"] > 0).all()
    assert (runs["device"] == "cpu").all()


@pytest.mark.parametrize("task", TASKS)
def test_excerpts_of_the_smallest_networks_are_kept(least, task):
    mixture = least.mixture_corpus(task).load(separation.listening_items(least, task)[0])
    part = separation.excerpt(least, mixture)
    assert part.stop - part.start == min(len(mixture.target), 5 * 22_050)
    for name in ("unprocessed", "target", "p1_l1", "p1_codec"):
        assert results.read_sound(least, f"{task}_{name}").shape == mixture.target[part].shape
    np.testing.assert_allclose(results.read_sound(least, f"{task}_target"), mixture.target[part], atol=1e-4)


def test_the_excerpt_is_where_the_target_is_loudest(least):
    target = np.zeros(8 * 22_050, np.float32)
    target[60_000:70_000], target[100_000:110_000] = 0.1, 0.2
    part = separation.excerpt(least, Mixture(target, target, target))
    assert part.stop - part.start == 5 * 22_050 and part.start <= 60_000 and part.stop >= 110_000


def test_one_run_is_the_first_seeds_and_names_what_it_does_not_know(least, rows):
    run = capacity.one_run(least, "vocals", "P1", "codec", log=lambda line: None)
    own = rows[
        (rows["task"] == "vocals") & (rows["capacity"] == "P1") & (rows["loss"] == "codec") & (rows["seed"] == 0)
    ]
    assert {run.hash} == set(own["run"])
    for wrong in (("speach", "P1", "codec"), ("speech", "P9", "codec"), ("speech", "P1", "l2")):
        with pytest.raises(ParameterError, match="is not known: choose one of"):
            capacity.one_run(least, *wrong)


# Pairs, effects, unusable runs


def by_hand(**changes: Any) -> pd.DataFrame:
    """Two seeds, two items; the codec loss is better by seed + 0.1 item. `changes` map "loss seed" to a status."""
    table = [
        {
            "task": "speech",
            "capacity": "P1",
            "loss": loss,
            "seed": seed,
            "item": f"item{item}",
            "run": f"{loss}{seed}",
            "status": changes.get(f"{loss}{seed}", "plateau"),
            "estoi": 0.3 + (seed + 0.1 * item if loss == "codec" else 0.0),
        }
        for loss in ("l1", "codec")
        for seed in (0, 1)
        for item in (0, 1)
    ]
    extra = {"task": "speech", "loss": "unprocessed", "status": "none", "item": "item0", "estoi": 0.2}
    return pd.DataFrame([extra, *table]).astype({"seed": "Int64"})


def test_pairs_stand_side_by_side():
    table = separation.paired(by_hand(), "estoi")
    assert table[["task", "capacity", "seed", "item"]].to_numpy().tolist() == [
        ["speech", "P1", seed, item] for seed in (0, 1) for item in ("item0", "item1")
    ]
    np.testing.assert_allclose(table["codec"] - table["l1"], [0, 0.1, 1, 1.1])


def test_effects_are_mean_differences_over_seeds_and_items():
    (effect,) = separation.effects(by_hand(), "estoi").to_dict("records")
    expected = paired_interval(np.array([[0, 0.1], [1, 1.1]]))
    assert {name: effect[name] for name in expected} == pytest.approx(expected)
    assert (effect["task"], effect["capacity"], effect["measure"]) == ("speech", "P1", "estoi")


@pytest.mark.parametrize("status", ["collapsed", "diverged"])
def test_a_run_that_came_to_nothing_is_named_and_in_no_mean(status):
    table = by_hand(codec1=status)
    assert separation.unusable(table) == [f"speech P1 codec seed 1: {status}"]
    assert separation.paired(table, "estoi")["seed"].tolist() == [0, 0]
    assert separation.effects(table, "estoi")["mean"].tolist() == pytest.approx([0.05])


def test_no_usable_pair_leaves_empty_tables():
    table = by_hand(codec0="collapsed", codec1="diverged")
    pairs = separation.paired(table, "estoi")
    assert pairs.empty and {"task", "capacity", "seed", "item", "codec", "l1"} <= set(pairs)
    assert separation.effects(table, "estoi").empty
    assert len(separation.unusable(table)) == 2


def test_usable_runs_are_not_called_unusable(rows):
    named = separation.unusable(rows)
    for run, own in rows.dropna(subset="run").groupby("run"):
        first = own.iloc[0]
        label = f"{first['task']} {first['capacity']} {first['loss']} seed {first['seed']}: {first['status']}"
        assert (label in named) == (first["status"] not in ("plateau", "max_epochs")), run


def test_configurations_are_paired_like_capacities():
    table = by_hand().rename(columns={"capacity": "configuration"}).replace({"P1": "F"})
    assert separation.effects(table, "estoi")["configuration"].tolist() == ["F"]
    assert separation.unusable(table.assign(status="diverged"))[1] == "speech F l1 seed 0: diverged"


# Songs without vocals


class Instrumental:
    """A corpus of songs whose first test song has no vocals."""

    def __init__(self, songs: Any) -> None:
        self.songs, self.fingerprint = songs, "instrumental"

    def items(self, split: str | None = None) -> list[Item]:
        first, *rest = self.songs.items(split)
        return [dataclasses.replace(first, info={**first.info, "vocals": "silent"}), *rest]

    def load(self, item: Item) -> Mixture:
        mixture = self.songs.load(item)
        if item.info.get("vocals") != "silent":
            return mixture
        return Mixture(np.zeros_like(mixture.target), mixture.noise, mixture.noise)


def test_a_song_without_vocals_has_an_l1_and_nothing_else_and_is_not_listened_to(monkeypatch, least):
    corpus = Instrumental(least.mixture_corpus("vocals"))
    monkeypatch.setattr(Settings, "mixture_corpus", lambda self, task: corpus)
    run = load(capacity.results_table(least, "committed").query("task == 'vocals'")["run"].dropna().iloc[0])
    table = separation.scores(least, "vocals", [({"capacity": "P1", "parameters": 1, "loss": "codec"}, run)])
    silent, other = (item.name for item in corpus.items("test"))
    assert table.loc[table["item"] == silent, "l1"].notna().all()
    assert table.loc[table["item"] == silent, list(separation.MEASURES["vocals"])].isna().all(axis=None)
    assert table.loc[table["item"] == other, "sir_db"].notna().all()
    assert [item.name for item in separation.listening_items(least, "vocals")] == [other]


# The listening test


@pytest.mark.parametrize("task", TASKS)
def test_every_participant_hears_the_same_items_at_each_capacity(least, rows, task):
    heard = {item.name for item in separation.listening_items(least, task)}
    votes = preferences.votes(least, rows, task, separation.JUDGES[task][0], least.participants)
    assert set(votes["item"]) <= heard
    per_cell = votes.groupby(["seed", "capacity"])
    assert (per_cell["participant"].nunique() == least.participants).all()
    assert (per_cell.size() == least.participants * len(heard)).all()
    assert votes.groupby("participant")["seed"].nunique().eq(1).all(), "each seed has participants of its own"


def test_listening_items_are_drawn_by_the_seed_in_their_order(least):
    many = dataclasses.replace(least, speech=dataclasses.replace(least.speech, test=20), listening_items=5)
    chosen = [item.name for item in separation.listening_items(many, "speech")]
    assert len(chosen) == len(set(chosen)) == 5 and chosen == sorted(chosen)
    assert chosen == [item.name for item in separation.listening_items(many, "speech")]
    all_of_them = separation.listening_items(dataclasses.replace(least, listening_items=99), "speech")
    assert len(all_of_them) == least.speech.test


def test_preferences_are_labelled_and_shown_at_half_and_double_the_constants(least):
    table = preferences.results_table(least, "committed")
    assert table["judge"].str.contains("model-predicted, no listeners").all()
    usable = capacity.results_table(least, "committed")
    for task in TASKS:
        main, second = separation.JUDGES[task]
        own = table[(table["task"] == task) & (table["measure"] == main)]
        scales = set(zip(own["noise_scale"], own["zone_scale"], strict=True))
        assert scales == {(1, 1), (0.5, 1), (2, 1), (1, 0.5), (1, 2)}
        pooled = own[own["seed"].isna()]
        assert not pooled.duplicated(["capacity", "noise_scale", "zone_scale"]).any()
        expected = preferences.noticeable_difference(least, task, main)
        assert own["noticeable_difference"].to_numpy() == pytest.approx(expected, rel=1e-5)
        pairs = separation.paired(usable[usable["task"] == task], main)
        assert set(pooled["capacity"]) == set(pairs["capacity"])
        for row in pooled.itertuples():
            seeds = pairs.loc[pairs["capacity"] == row.capacity, "seed"].nunique()
            assert row.participants == least.participants * seeds
        if second != "pesq_wb" or metrics.pesq_package is not None:
            assert second in set(table.loc[table["task"] == task, "measure"])
    assert (table["preferred_rate"] + table["dont_know_rate"] <= 1 + 1e-6).all()
    shown = table[table["preferred_low"].notna()]
    assert (shown["preferred_low"] <= shown["preferred_rate"] + 1e-6).all()
    assert (shown["preferred_high"] >= shown["preferred_rate"] - 1e-6).all()


def test_a_second_judge_that_cannot_judge_is_left_out_and_said_so(monkeypatch, least):
    reference = results.read(least, separation.REFERENCE).assign(two_f=50.0)
    read = results.read
    saved = {}
    monkeypatch.setattr(
        results, "read", lambda setup, name: reference if name == separation.REFERENCE else read(setup, name)
    )
    monkeypatch.setattr(results, "save", lambda setup, name, table: saved.update({name: table}))
    with pytest.warns(UserWarning, match="vocals: no 2f-model listener .*: the score changes by .* check sounds"):
        preferences.make(least)
    table = saved[preferences.TABLE]
    assert "two_f" not in set(table["measure"]) and {"estoi", "sir_db"} <= set(table["measure"])


def test_intervals_of_pooled_rates_hold_what_seeds_differ_in(least):
    """Two seeds that all participants agree on, in opposite ways: nothing between nobody and everybody is excluded."""
    pairs = [("speech", "P1", seed, item, "codec", "l1") for seed in (0, 1) for item in ("one", "two")]
    votes = pd.DataFrame(pairs, columns=["task", "capacity", "seed", "item", "system_a", "system_b"])
    votes = pd.concat([votes.assign(participant=votes["seed"].astype(str) + name) for name in "abcd"])
    votes = votes.assign(choice=votes["seed"].map({0: "a", 1: "b"}), kind="test", judge="made")
    rates = preferences.rates(votes, 0)
    pooled = rates[rates["seed"].isna()].iloc[0]
    assert (pooled["preferred_low"], pooled["preferred_rate"], pooled["preferred_high"]) == (0.0, 0.5, 1.0)
    assert rates[rates["seed"].notna()].set_index("seed")["preferred_rate"].to_dict() == {0: 1.0, 1: 0.0}


@pytest.mark.parametrize(("task", "measure"), [("speech", "estoi"), ("vocals", "sir_db"), ("vocals", "two_f")])
def test_measures_rise_with_snr_in_the_reference(least, task, measure):
    table = results.read(least, separation.REFERENCE).query("task == @task")
    assert table["snr_db"].unique().tolist() == [-3.0, 0.0, 3.0]
    assert table.groupby("snr_db")[measure].mean().is_monotonic_increasing
    bounds = {"estoi": (0.01, 0.3), "sir_db": (2.5, 3.5), "two_f": (0.01, 20.0)}[measure]
    assert bounds[0] < preferences.noticeable_difference(least, task, measure) < bounds[1]


def test_without_any_usable_pair_the_listener_says_why(least, rows):
    message = "speech: no capacity has a usable network of each loss .*P1 l1 seed 0: collapsed"
    with pytest.raises(ParameterError, match=message):
        preferences.votes(least, rows.assign(status="collapsed"), "speech", "estoi", 3)


def test_nothing_committed_is_said_so(monkeypatch, tmp_path, least):
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path))
    for table in (capacity.results_table, preferences.results_table):
        with pytest.raises(ResultsMissing, match="not there; make it by"):
            table(least, "committed")


# Again


def contents(folder: Path) -> dict[str, bytes]:
    """Every result but the tables that hold seconds and times of day, and the columns of seconds in others."""
    top = folder / "results" / "smoke"
    found = {}
    moments = ("runs.csv", "configuration_costs.csv")
    for path in sorted(path for path in top.rglob("*") if path.is_file() and path.name not in moments):
        data = path.read_bytes()
        if path.suffix == ".csv":
            table = pd.read_csv(path).drop(columns=["training_seconds", "loss_share"], errors="ignore")
            data = table.to_csv().encode()
        found[str(path.relative_to(top))] = data
    return found


def test_two_runs_from_nothing_on_one_core_and_on_two_give_the_same_bytes(made, make_experiments, tmp_path):
    again = contents(make_experiments(tmp_path, 2))
    expected = contents(made)
    assert list(again) == list(expected)
    assert [name for name in expected if again[name] != expected[name]] == []
    assert len(expected) > 10


def test_made_again_from_kept_networks_the_same_bytes_come_out(made, make_experiments):
    before, listed = contents(made), (made / "results" / "smoke" / "runs.csv").read_bytes()
    make_experiments(made, 1)
    assert contents(made) == before
    assert (made / "results" / "smoke" / "runs.csv").read_bytes() == listed

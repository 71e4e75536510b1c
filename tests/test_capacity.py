"""The capacity curve's and the preferences' experiment, made once at the least size (see conftest.py)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from nblib import audio
from nblib.errors import ParameterError, ResultsMissing
from nblib.evaluation import estoi, metrics, si_sdr_db
from nblib.evaluation.intervals import paired_interval
from nblib.experiments import Settings, capacity, loss_network, preferences, results
from nblib.experiments.settings import parameter_count
from nblib.training import load

MEASURES = ["l1", "estoi", "pesq_wb", "si_sdr_db"]


@pytest.fixture(autouse=True)
def own_data(monkeypatch, made):
    monkeypatch.setenv("NBLIB_DATA", str(made))
    monkeypatch.setenv("NBLIB_CORES", "1")


@pytest.fixture
def rows(least: Settings) -> pd.DataFrame:
    return capacity.results_table(least, "committed")


# The table


def test_the_table_has_the_issues_columns_and_a_row_per_network_and_item(least, rows):
    assert list(rows) == ["task", "capacity", "parameters", "loss", "seed", "status", "run", "item", *MEASURES]
    items = [item.name for item in least.speech_corpus().items("test")]
    networks = rows[rows["loss"].isin(capacity.LOSSES)]
    expected = {
        (name, loss, seed, item)
        for name in least.capacities
        for loss in ("l1", "codec")
        for seed in least.seeds()
        for item in items
    }
    found = list(networks[["capacity", "loss", "seed", "item"]].itertuples(index=False, name=None))
    assert set(found) == expected and len(found) == len(expected)
    assert set(rows["task"]) == {"speech"}
    for name, spec in least.capacities.items():
        assert set(networks.loc[networks["capacity"] == name, "parameters"]) == {parameter_count(spec)}


@pytest.mark.parametrize("loss", ["unprocessed", "oracle_mask"])
def test_the_input_and_the_oracle_mask_have_a_row_per_item(least, rows, loss):
    own = rows[rows["loss"] == loss]
    assert sorted(own["item"]) == sorted(item.name for item in least.speech_corpus().items("test"))
    assert own[["capacity", "parameters", "seed", "run"]].isna().all().all()


def test_no_network_comes_under_the_oracles_l1(rows):
    oracle = rows[rows["loss"] == "oracle_mask"].set_index("item")["l1"]
    others = rows[rows["loss"] != "oracle_mask"]
    assert (others["l1"].to_numpy() > oracle[others["item"]].to_numpy()).all()
    for measure in ("estoi", "si_sdr_db"):
        assert (
            rows.loc[rows["loss"] == "oracle_mask", measure].min()
            > rows.loc[rows["loss"] != "oracle_mask", measure].max()
        )


def test_the_unprocessed_rows_are_the_mixtures_own_scores(least, rows):
    corpus = least.speech_corpus()
    own = rows[rows["loss"] == "unprocessed"].set_index("item")
    for item in corpus.items("test"):
        mixture = corpus.load(item)
        assert own.loc[item.name, "estoi"] == pytest.approx(estoi(mixture.target, mixture.mixture, 22_050), abs=1e-3)
        assert own.loc[item.name, "si_sdr_db"] == pytest.approx(si_sdr_db(mixture.target, mixture.mixture), abs=0.02)
        assert own.loc[item.name, "si_sdr_db"] == pytest.approx(0.0, abs=1.0), "mixed at 0 dB"


def test_a_networks_row_is_its_run_on_its_item_worked_out_anew(least, rows):
    row = rows[(rows["loss"] == "codec") & (rows["capacity"] == "P5")].iloc[1]
    corpus, run = least.speech_corpus(), load(row["run"])
    assert (run.record["config"]["seed"], run.status) == (row["seed"], row["status"])
    mixture = corpus.load(next(item for item in corpus.items("test") if item.name == row["item"]))
    sound = capacity.separate(least, run.network(), mixture.mixture)
    assert sound.shape == mixture.target.shape
    assert estoi(mixture.target, sound, 22_050) == pytest.approx(row["estoi"], abs=1e-4)
    assert si_sdr_db(mixture.target, sound) == pytest.approx(row["si_sdr_db"], abs=1e-3)

    inputs, target = (scaled(samples, least) for samples in (mixture.mixture, mixture.target))
    difference = (run.network()(inputs).detach() - target).abs()
    assert mean_over_sound(difference, len(mixture.target)) == pytest.approx(row["l1"], rel=1e-3)


def test_the_oracle_mask_misses_only_what_no_mask_up_to_1_can_reach(least, rows):
    corpus, own = least.speech_corpus(), rows[rows["loss"] == "oracle_mask"].set_index("item")
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
    assert rows["pesq_wb"].between(1.0, 4.65).all()


def test_every_run_is_listed_with_what_it_cost(least, rows):
    runs = results.read(least, "runs.csv")
    own = runs[runs["experiment"] == "capacity"]
    assert set(own["run"]) == set(rows["run"].dropna())
    networks = {loss_network.config(least, name).hash for name in loss_network.NETWORKS}
    assert set(runs.loc[runs["experiment"] == "loss network", "run"]) == networks
    assert runs["experiment"].unique().tolist() == ["autoencoder", "broadband", "capacity", "loss network"]
    assert (runs["seconds"] > runs["loss_seconds"]).all() and (runs["loss_seconds"] > 0).all()
    assert (runs["device"] == "cpu").all()


def test_excerpts_of_the_smallest_networks_are_kept(least):
    item = capacity.listening_items(least)[0]
    length = len(least.speech_corpus().load(item).mixture)
    for name in ("unprocessed", "target", "p1_l1", "p1_codec"):
        assert results.read_sound(least, f"speech_{name}").shape == (length,)


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
    table = capacity.paired(by_hand(), "estoi")
    assert table[["task", "capacity", "seed", "item"]].to_numpy().tolist() == [
        ["speech", "P1", seed, item] for seed in (0, 1) for item in ("item0", "item1")
    ]
    np.testing.assert_allclose(table["codec"] - table["l1"], [0, 0.1, 1, 1.1])


def test_effects_are_mean_differences_over_seeds_and_items():
    (effect,) = capacity.effects(by_hand(), "estoi").to_dict("records")
    expected = paired_interval(np.array([[0, 0.1], [1, 1.1]]))
    assert {name: effect[name] for name in expected} == pytest.approx(expected)
    assert (effect["task"], effect["capacity"], effect["measure"]) == ("speech", "P1", "estoi")


@pytest.mark.parametrize("status", ["collapsed", "diverged"])
def test_a_run_that_came_to_nothing_is_named_and_in_no_mean(status):
    table = by_hand(codec1=status)
    assert capacity.unusable(table) == [f"speech P1 codec seed 1: {status}"]
    assert capacity.paired(table, "estoi")["seed"].tolist() == [0, 0]
    assert capacity.effects(table, "estoi")["mean"].tolist() == pytest.approx([0.05])


def test_no_usable_pair_leaves_empty_tables():
    table = by_hand(codec0="collapsed", codec1="diverged")
    pairs = capacity.paired(table, "estoi")
    assert pairs.empty and {"task", "capacity", "seed", "item", "codec", "l1"} <= set(pairs)
    assert capacity.effects(table, "estoi").empty
    assert len(capacity.unusable(table)) == 2


def test_usable_runs_are_not_called_unusable(rows):
    named = capacity.unusable(rows)
    for run, own in rows.dropna(subset="run").groupby("run"):
        first = own.iloc[0]
        label = f"speech {first['capacity']} {first['loss']} seed {first['seed']}: {first['status']}"
        assert (label in named) == (first["status"] not in ("plateau", "max_epochs")), run


# The listening test


def test_every_participant_hears_the_same_items_at_each_capacity(least):
    heard = {item.name for item in capacity.listening_items(least)}
    votes = preferences.speech_votes(least, preferences.ModelListener(0.05))
    assert set(votes["item"]) <= heard
    per_cell = votes.groupby(["seed", "capacity"])
    assert (per_cell["participant"].nunique() == least.participants).all()
    assert (per_cell.size() == least.participants * len(heard)).all()
    assert votes.groupby("participant")["seed"].nunique().eq(1).all(), "each seed has participants of its own"


def test_listening_items_are_drawn_by_the_seed_in_their_order(least):
    many = dataclasses.replace(least, speech=dataclasses.replace(least.speech, test=20), listening_items=5)
    chosen = [item.name for item in capacity.listening_items(many)]
    assert len(chosen) == len(set(chosen)) == 5 and chosen == sorted(chosen)
    assert chosen == [item.name for item in capacity.listening_items(many)]
    assert len(capacity.listening_items(dataclasses.replace(least, listening_items=99))) == least.speech.test


def test_preferences_are_labelled_and_shown_at_half_and_double_the_constants(least):
    table = preferences.results_table(least, "committed")
    assert table["judge"].str.contains("model-predicted, no listeners").all()
    scales = set(zip(table["noise_scale"], table["zone_scale"], strict=True))
    assert scales == {(1, 1), (0.5, 1), (2, 1), (1, 0.5), (1, 2)}
    pooled = table[table["seed"].isna()]
    assert not pooled.duplicated(["task", "capacity", "noise_scale", "zone_scale"]).any()
    assert table["noticeable_difference"].nunique() == 1
    assert table["noticeable_difference"].iloc[0] == pytest.approx(preferences.noticeable_difference(least), rel=1e-5)
    assert (table["preferred_rate"] + table["dont_know_rate"] <= 1 + 1e-6).all()
    usable = capacity.paired(capacity.results_table(least, "committed"), "estoi")
    assert set(pooled["capacity"]) == set(usable["capacity"])
    for row in pooled.itertuples():
        assert row.participants == least.participants * usable.loc[usable["capacity"] == row.capacity, "seed"].nunique()


def test_estoi_rises_with_snr_in_the_reference(least):
    table = results.read(least, capacity.REFERENCE)
    assert table["snr_db"].unique().tolist() == [-3.0, 0.0, 3.0]
    assert table.groupby("snr_db")["estoi"].mean().is_monotonic_increasing
    assert 0.01 < preferences.noticeable_difference(least) < 0.3


def test_without_any_usable_pair_the_listener_says_why(monkeypatch, least, rows):
    monkeypatch.setattr(results, "read", lambda setup, name: rows.assign(status="collapsed"))
    with pytest.raises(ParameterError, match="no capacity has a usable network of each loss .*P1 l1 seed 0: collapsed"):
        preferences.speech_votes(least, preferences.ModelListener(0.05))


def test_nothing_committed_is_said_so(monkeypatch, tmp_path, least):
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path))
    for table in (capacity.results_table, preferences.results_table):
        with pytest.raises(ResultsMissing, match="not there; make it by"):
            table(least, "committed")


# Again


def contents(folder: Path) -> dict[str, bytes]:
    """Every result but ``runs.csv``, which holds seconds and times of day, and the columns of seconds in others."""
    top = folder / "results" / "smoke"
    found = {}
    for path in sorted(path for path in top.rglob("*") if path.is_file() and path.name != "runs.csv"):
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

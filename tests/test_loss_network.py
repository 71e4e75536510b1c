"""The loss network's experiment, made once at the least size (see conftest.py)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
import torch

from nblib import audio
from nblib.corpora import Item
from nblib.errors import ResultsMissing, TrainingDiverged
from nblib.evaluation import hole_scores
from nblib.experiments import Settings, loss_network, results
from nblib.training import NetworkSpec, load


@pytest.fixture(autouse=True)
def own_data(monkeypatch, made):
    monkeypatch.setenv("NBLIB_DATA", str(made))
    monkeypatch.setenv("NBLIB_CORES", "1")


def by_system(setup: Settings) -> pd.DataFrame:
    return results.read(setup, loss_network.TABLE).set_index(["item", "system"])


def test_every_held_out_piece_has_a_row_for_identity_low_pass_and_emulation(least):
    table = loss_network.results_table(least, "committed")
    corpus = least.music_corpus()
    held_out = {item.name: item.split for split in ("validation", "test") for item in corpus.items(split)}
    assert table.groupby("item")["system"].agg(list).to_dict() == {
        name: ["identity", "low_pass", "emulation"] for name in held_out
    }
    assert dict(zip(table["item"], table["split"], strict=True)) == held_out
    assert set(table["run"]) == {loss_network.config(least).hash}
    assert not table.drop(columns="hole_precision").isna().any().any()


def test_the_rows_errors_are_those_of_its_systems_worked_out_anew(least):
    table, corpus = by_system(least), least.music_corpus()
    (item,) = corpus.items("test")
    lossless = corpus.load(item)
    coded = least.codec.roundtrip(lossless, corpus.sample_rate)
    before, after = (audio.analyse(samples, least.geometry).abs().clamp(max=1) for samples in (lossless, coded))
    network = load(loss_network.config(least).hash).network()
    with torch.no_grad():
        emulated = network(audio.scale(before).unsqueeze(1)).squeeze(1)
    identity = float((audio.scale(before) - audio.scale(after)).abs().mean())
    assert table.loc[(item.name, "identity"), "l1"] == pytest.approx(identity, rel=1e-3)
    found = float((emulated - audio.scale(after)).abs().mean())
    assert table.loc[(item.name, "emulation"), "l1"] == pytest.approx(found, rel=1e-3)
    assert table.loc[(item.name, "emulation"), "l1_over_identity"] == pytest.approx(found / identity, rel=1e-3)

    cutoff_hz = table.loc[(item.name, "identity"), "codec_cutoff_hz"]
    assert cutoff_hz == pytest.approx(5500, abs=300), "16 kbps MP3 cuts off at 5.5 kHz"
    below = round(cutoff_hz / 22_050 * 1024) + 1
    holes = hole_scores(before.numpy(), after.numpy(), before.numpy(), below)
    assert table.loc[(item.name, "identity"), "hole_share"] == pytest.approx(holes["hole_share"], rel=1e-4)


def test_identity_and_low_pass_earn_nothing_by_holes_and_the_low_pass_has_the_cut_off(least):
    table = by_system(least)
    for system in ("identity", "low_pass"):
        assert (table.xs(system, level="system")["hole_recall"] == 0).all()
    assert (table.xs("identity", level="system")["l1_over_identity"] == 1).all()
    assert (table.xs("low_pass", level="system")["l1_over_identity"] < 1).all()
    errors = table["cutoff_error_hz"].abs().groupby("system").mean()
    assert errors["low_pass"] < 200 < errors["identity"]


def test_figure_2_has_decibels_and_three_sounds_of_each_piece(least):
    table = results.read(least, loss_network.PATCHES)
    frames = [f"frame{n}" for n in range(least.geometry.frames)]
    pieces = loss_network.different_pieces(least.music_corpus())
    assert list(table["item"].unique()) == [item.name for item in pieces]
    assert len(table) == len(pieces) * len(loss_network.SYSTEMS) * least.geometry.bins
    assert table[frames].to_numpy().min() >= -120
    assert table[frames].to_numpy().max() <= 6
    for _, own in table.groupby(["item", "system"]):
        np.testing.assert_allclose(own["frequency_hz"], np.arange(512) * 22_050 / 1024, rtol=1e-5)
    for item in pieces:
        sounds = [results.read_sound(least, f"figure2_{item.name}_{system}") for system in loss_network.SYSTEMS]
        assert {len(samples) for samples in sounds} == {least.geometry.patch_samples}
        assert np.abs(sounds[0]).max() > 0.01


def test_the_history_is_the_runs(least):
    record = load(loss_network.config(least).hash).record
    history = results.read(least, loss_network.HISTORY)
    assert history["epoch"].tolist() == list(range(1, record["epochs"] + 1))
    expected = [row["validation_l1"] for row in record["history"]]
    np.testing.assert_allclose(history["validation_l1"], expected, rtol=1e-5)


def test_the_run_is_one_for_music_codec_and_training_alike(least):
    changes = {
        "seed": 5,
        "codec": audio.Codec("mp3", 24_000),
        "loss_network": NetworkSpec(3, 2),
        "domain": "linear",
        "music": dataclasses.replace(least.music, pieces=4),
    }
    hashes = {loss_network.config(dataclasses.replace(least, **{name: value})).hash for name, value in changes.items()}
    assert len(hashes | {loss_network.config(least).hash}) == len(changes) + 1
    assert loss_network.config(dataclasses.replace(least, participants=9)).hash == loss_network.config(least).hash


def test_a_loss_network_that_came_to_nothing_is_not_built_upon(monkeypatch, least):
    run = load(loss_network.config(least).hash)
    for status in ("collapsed", "diverged"):
        broken = dataclasses.replace(run, record=run.record | {"status": status})
        monkeypatch.setattr(loss_network, "train_or_load", lambda *arguments, broken=broken: broken)
        with pytest.raises(TrainingDiverged, match=f"loss network {run.hash}: {status}; lower its learning rate"):
            loss_network.train(least)


def test_nothing_committed_is_said_so(monkeypatch, tmp_path, least):
    monkeypatch.setenv("NBLIB_DATA", str(tmp_path))
    with pytest.raises(ResultsMissing, match="loss_networks.csv: not there; make it by"):
        loss_network.results_table(least, "committed")


class Pieces:
    def __init__(self, test: list[str], validation: list[str]) -> None:
        self.splits = {"test": test, "validation": validation}

    def items(self, split: str) -> Sequence[Item]:
        return [Item(f"{split}{n}", "", split, {"character": kind}) for n, kind in enumerate(self.splits[split])]


def test_pieces_to_look_at_are_of_different_character_as_far_as_there_are():
    def chosen(test: list[str], validation: list[str]) -> list[str]:
        return [item.name for item in loss_network.different_pieces(Pieces(test, validation))]  # type: ignore[arg-type]

    assert chosen(["solo", "solo", "band", "choir"], []) == ["test0", "test2", "test3"]
    assert chosen(["solo", "solo"], ["band"]) == ["test0", "validation0", "test1"]
    assert chosen(["solo"], []) == ["test0"]

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
from nblib.errors import ParameterError, ResultsMissing, TrainingDiverged
from nblib.evaluation import hole_scores
from nblib.experiments import Settings, loss_network, results
from nblib.training import NetworkSpec, load

pytestmark = pytest.mark.usefixtures("made_data")


def by_system(setup: Settings, network: str) -> pd.DataFrame:
    table = results.read(setup, loss_network.TABLE)
    return table[table["network"] == network].set_index(["item", "system"])


def held_out(setup: Settings, network: str) -> list[Item]:
    corpus = setup.music_corpus(loss_network.config(setup, network).geometry.sample_rate)
    return [item for split in ("validation", "test") for item in corpus.items(split)]


@pytest.mark.parametrize("network", loss_network.NETWORKS)
def test_every_held_out_piece_has_a_row_for_identity_low_pass_and_emulation(least, network):
    table = loss_network.results_table(least, "committed")
    table = table[table["network"] == network]
    items = {item.name: item.split for item in held_out(least, network)}
    assert table.groupby("item")["system"].agg(list).to_dict() == {
        name: ["identity", "low_pass", "emulation"] for name in items
    }
    assert dict(zip(table["item"], table["split"], strict=True)) == items
    assert set(table["run"]) == {loss_network.config(least, network).hash}
    assert not table.drop(columns="hole_precision").isna().any().any()
    assert (table["training_seconds"] > 0).all() and table["loss_share"].between(0, 1).all()


@pytest.mark.parametrize(("network", "rate"), [("ijcnn20", 22_050), ("mm19_spectral", 16_000)])
def test_a_spectral_networks_errors_are_those_of_its_systems_worked_out_anew(least, network, rate):
    table, item = by_system(least, network), held_out(least, network)[-1]
    geometry = loss_network.config(least, network).geometry
    assert geometry.sample_rate == rate
    lossless = least.music_corpus(rate).load(item)
    coded = least.codec.roundtrip(lossless, rate)
    before, after = (audio.analyse(samples, geometry).abs().clamp(max=1) for samples in (lossless, coded))
    with torch.no_grad():
        emulated = load(loss_network.config(least, network).hash).network()(audio.scale(before).unsqueeze(1)).squeeze(1)
    identity = float((audio.scale(before) - audio.scale(after)).abs().mean())
    assert table.loc[(item.name, "identity"), "l1"] == pytest.approx(identity, rel=1e-3)
    assert table.loc[(item.name, "identity"), "l1_samples"] == pytest.approx(np.abs(lossless - coded).mean(), rel=1e-3)
    found = float((emulated - audio.scale(after)).abs().mean())
    assert table.loc[(item.name, "emulation"), "l1"] == pytest.approx(found, rel=1e-3)

    cutoff_hz = table.loc[(item.name, "identity"), "codec_cutoff_hz"]
    assert cutoff_hz == pytest.approx(5500, abs=300), "16 kbps MP3 cuts off at 5.5 kHz"
    below = round(cutoff_hz / rate * 1024) + 1
    holes = hole_scores(before.numpy(), after.numpy(), before.numpy(), below)
    assert table.loc[(item.name, "identity"), "hole_share"] == pytest.approx(holes["hole_share"], rel=1e-4)


def test_the_time_domain_networks_error_is_that_of_its_samples(least):
    name = loss_network.TIME_DOMAIN
    table, item = by_system(least, name), held_out(least, name)[-1]
    lossless = least.music_corpus(16_000).load(item)
    coded = least.codec.roundtrip(lossless, 16_000)
    padded = np.pad(lossless, (0, -len(lossless) % 8))
    with torch.no_grad():
        sound = load(loss_network.config(least, name).hash).network()(torch.from_numpy(padded)[None, None])
    sound = sound[0, 0, : len(lossless)].numpy()
    found = np.abs(sound - coded).mean()
    assert table.loc[(item.name, "emulation"), "l1_samples"] == pytest.approx(found, rel=1e-3)
    magnitudes = [
        audio.scale(audio.analyse(samples, least.mm19.geometry).abs().clamp(max=1)) for samples in (sound, coded)
    ]
    expected = float((magnitudes[0] - magnitudes[1]).abs().mean())
    assert table.loc[(item.name, "emulation"), "l1"] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("network", loss_network.NETWORKS)
def test_identity_and_low_pass_earn_nothing_by_holes_and_the_low_pass_has_the_cut_off(least, network):
    table = by_system(least, network)
    for system in ("identity", "low_pass"):
        assert (table.xs(system, level="system")["hole_recall"] == 0).all()
    errors = table["cutoff_error_hz"].abs().groupby("system").mean()
    assert errors["low_pass"] < 200 < errors["identity"]


def test_each_network_is_compared_in_the_error_it_was_trained_with():
    rows = [
        {"network": network, "item": item, "system": system, "l1": value + shift, "l1_samples": 2 * value}
        for network in loss_network.NETWORKS
        for item, shift in (("one", 0.0), ("two", 0.1))
        for system, value in (("identity", 0.4), ("low_pass", 0.1), ("emulation", 0.2))
    ]
    table = loss_network.against_baselines(pd.DataFrame(rows)).set_index(["network", "baseline"])
    assert table.loc[("mm19_spectral", "identity"), "ratio"] == pytest.approx(0.25 / 0.45)
    assert table.loc[("mm19_spectral", "identity"), ["mean", "low", "high"]].tolist() == pytest.approx([-0.2] * 3)
    assert table.loc[("mm19_time_domain", "low_pass"), "measure"] == "l1_samples"
    assert table.loc[("mm19_time_domain", "low_pass"), "mean"] == pytest.approx(0.2)


def test_figure_2_has_decibels_and_a_sound_of_each_piece_and_row(least):
    table = results.read(least, loss_network.PATCHES)
    geometry = least.mm19.geometry
    frames = [f"frame{n}" for n in range(geometry.frames)]
    pieces = loss_network.different_pieces(least.music_corpus(16_000))
    assert list(table["item"].unique()) == [item.name for item in pieces]
    assert table["system"].unique().tolist() == list(loss_network.SYSTEMS)
    assert len(table) == len(pieces) * len(loss_network.SYSTEMS) * geometry.bins
    assert table[frames].to_numpy().min() >= -120
    assert table[frames].to_numpy().max() <= 6
    for _, own in table.groupby(["item", "system"]):
        np.testing.assert_allclose(own["frequency_hz"], np.arange(512) * 16_000 / 1024, rtol=1e-5)
    for item in pieces:
        sounds = [results.read_sound(least, f"figure2_{item.name}_{system}") for system in loss_network.SYSTEMS]
        assert {len(samples) for samples in sounds} == {geometry.patch_samples}
        assert np.abs(sounds[0]).max() > 0.01


@pytest.mark.parametrize("network", loss_network.NETWORKS)
def test_the_history_is_the_runs(least, network):
    record = load(loss_network.config(least, network).hash).record
    history = results.read(least, loss_network.HISTORY)
    history = history[history["network"] == network]
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
    assert len({loss_network.config(least, name).hash for name in loss_network.NETWORKS}) == 3
    with pytest.raises(ParameterError, match="did you mean 'mm19_spectral'"):
        loss_network.config(least, "mm19_spectrl")


def test_a_loss_network_that_came_to_nothing_is_not_built_upon(monkeypatch, least):
    run = load(loss_network.config(least).hash)
    for status in ("collapsed", "diverged"):
        broken = dataclasses.replace(run, record=run.record | {"status": status})
        monkeypatch.setattr(loss_network, "train_all", lambda *arguments, broken=broken: [broken])
        with pytest.raises(
            TrainingDiverged, match=rf"loss network ijcnn20 \({run.hash}\): {status}; lower its learning"
        ):
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

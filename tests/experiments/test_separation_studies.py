"""The capacity and the configuration study, made once at the least size (see conftest.py), looked at and worked out."""

import dataclasses
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from nblib import audio, study, tables
from nblib.corpora import Mixture
from nblib.entries import SPEECH, TASKS, VOCALS
from nblib.evaluation import score, si_sdr_db
from nblib.experiments import CAPACITY, CONFIGURATION, separation, teachers
from nblib.losses import CodecLoss
from nblib.networks import CONFIGURATIONS
from nblib.settings import Settings
from nblib.training import NetworkSpec, load


@pytest.fixture
def rows(tiny_ijcnn: Settings) -> pd.DataFrame:
    return study.read(tiny_ijcnn, "capacity.csv")


def test_every_network_has_a_row_per_item_with_its_tasks_measures_alone(tiny_ijcnn, rows):
    for task, capacities in tiny_ijcnn.trained_capacities.items():
        items = [item.name for item in study.recordings(tiny_ijcnn, task).items("test")]
        networks = rows[rows["seed"].notna() & (rows["task"] == task)]
        expected = list(product(capacities, ("l1", "codec", "sound"), tiny_ijcnn.seeds(), items))
        found = networks[["capacity", "contender", "seed", "item"]].itertuples(index=False, name=None)
        assert sorted(found) == sorted(expected)
        counted = {name: tables.parameter_count(spec) for name, spec in capacities.items()}
        assert (networks["parameters"] == networks["capacity"].map(counted)).all()
        other = [each for each in CAPACITY.measures[1:] if each not in separation.MEASURES[task]]
        assert networks[other].isna().all(axis=None) and networks[separation.JUDGES[task][0]].notna().any()


@pytest.mark.parametrize("task", TASKS)
def test_the_input_and_the_oracle_mask_stand_beside_and_no_network_comes_under_the_oracles_l1(tiny_ijcnn, rows, task):
    own = rows[rows["task"] == task]
    bounds = own[own["contender"].isin(separation.BOUNDS)]
    assert bounds[["capacity", "parameters", "seed", "run"]].isna().all(axis=None)
    bounds = bounds.set_index(["contender", "item"])
    oracle, others = bounds.loc["oracle_mask"], own[own["contender"] != "oracle_mask"]
    assert (others["l1"].to_numpy() > oracle["l1"][others["item"]].to_numpy()).all()
    for _, _, item in separation.pieces(tiny_ijcnn, [task]):
        mixture = study.recordings(tiny_ijcnn, task).load(item)
        inputs, target = (scaled(samples, tiny_ijcnn) for samples in (mixture.mixture, mixture.target))
        missing = over_sound((target - inputs).clamp(min=0), len(mixture.target))
        assert oracle["l1"][item.name] == pytest.approx(missing, rel=1e-3)
        unprocessed = bounds.loc[("unprocessed", item.name)]
        assert unprocessed["si_sdr_db"] == pytest.approx(si_sdr_db(mixture.target, mixture.mixture), abs=0.02)
        if task == SPEECH:
            assert unprocessed["si_sdr_db"] == pytest.approx(0, abs=1), "mixed at 0 dB"
        else:
            assert unprocessed["sir_db"] == pytest.approx(item.info["snr_db"], abs=1.5)


@pytest.mark.parametrize(("task", "contender"), [(SPEECH, "codec"), (VOCALS, "sound")])
def test_a_networks_row_is_its_run_on_its_item_worked_out_anew(tiny_ijcnn, rows, task, contender):
    own = rows[(rows["contender"] == contender) & (rows["capacity"] == "P2") & (rows["task"] == task)]
    row, corpus = own.iloc[1], study.recordings(tiny_ijcnn, task)
    run = load(row["run"])
    assert (run.record["config"]["seed"], run.status) == (row["seed"], row["status"])
    mixture = corpus.load(next(item for item in corpus.items("test") if item.name == row["item"]))
    sound = separation.separate(tiny_ijcnn, run.network(), mixture.mixture)
    found = score(mixture.target, sound, 22_050, separation.MEASURES[task], mixture.noise)
    assert row[list(found)].tolist() == pytest.approx(list(found.values()), rel=1e-3, abs=1e-2, nan_ok=True)
    inputs, target = (scaled(samples, tiny_ijcnn) for samples in (mixture.mixture, mixture.target))
    difference = (run.network()(inputs).detach() - target).abs()
    assert over_sound(difference, len(mixture.target)) == pytest.approx(row["l1"], rel=1e-3)


def scaled(samples: np.ndarray, setup: Settings) -> torch.Tensor:
    return audio.scale(audio.analyse(samples, setup.geometry).abs()).unsqueeze(1)


def over_sound(values: torch.Tensor, length: int) -> float:
    """Mean over the frames that hold samples, not over the zeros that fill up the last patch."""
    return float(np.concatenate(list(values.squeeze(1).numpy()), axis=-1)[:, : length // 512 + 1].mean())


def test_a_song_without_vocals_has_an_l1_and_nothing_else(tiny_ijcnn, rows):
    songs = study.recordings(tiny_ijcnn, VOCALS)
    first, other = songs.items("test")
    silent, loaded = dataclasses.replace(first, info={**first.info, "vocals": "silent"}), songs.load(first)
    sounds = {silent.name: Mixture(0 * loaded.target, loaded.noise, loaded.noise), other.name: songs.load(other)}
    corpus = SimpleNamespace(load=lambda item: sounds[item.name])
    labels = {"task": VOCALS, "capacity": "P1", "contender": "codec", "seed": 0}
    trained = [load(rows.loc[rows["task"] == VOCALS, "run"].dropna().iloc[0], **labels)]
    for item in (silent, other):
        scored = pd.DataFrame(CAPACITY.score(tiny_ijcnn, trained, (corpus, VOCALS, item)))
        assert scored["l1"].notna().all()
        assert ("sir_db" in scored) == (item is other) == separation.audible(item)


def test_each_configuration_has_its_networks_and_l1_stands_beside_once(tiny_ijcnn):
    configurations = study.read(tiny_ijcnn, "configurations.csv")
    networks = configurations[configurations["seed"].notna()]
    assert set(networks["parameters"]) == {tables.parameter_count(tiny_ijcnn.configuration_network)}
    baseline = networks[networks["contender"] == "l1"]
    assert baseline["run"].nunique() == tiny_ijcnn.replicates and baseline["configuration"].isna().all()
    for name in CONFIGURATIONS:
        runs = networks.loc[networks["configuration"] == name, "run"].unique()
        assert [load(run).record["config"]["loss"]["layers"] for run in runs] == [name] * tiny_ijcnn.replicates
    assert set(CONFIGURATION.measures) <= set(configurations)
    assert networks["loss_share"].between(0, 1).all() and (networks["training_seconds"] > 0).all()


def test_configuration_f_is_stored_and_is_the_loss_that_trained(tiny_ijcnn):
    stored = CodecLoss.load(tiny_ijcnn.results / separation.LOSS_FILE)
    whole = CodecLoss(teachers.run(tiny_ijcnn, "ijcnn20").network(), "F")
    pair = torch.rand(2, 1, 1, 64, 16)
    assert stored.layers == whole.layers and stored.eval()(*pair).item() == pytest.approx(whole.eval()(*pair).item())


def test_the_table_of_costs_counts_what_each_loss_holds(tiny_ijcnn):
    table, network = separation.costs_table(tiny_ijcnn), tiny_ijcnn.cost_network.build()
    assert list(table.index) == ["l1", *CONFIGURATIONS]
    assert (table["batch"] == tiny_ijcnn.cost_batch).all() and (table["step_seconds"] > 0).all()
    for name in CONFIGURATIONS:
        counted = sum(weight.numel() for weight in CodecLoss(network, name).parameters())
        assert table.at[name, "layers_parameters"] == counted
    assert table.at["F", "f_over_peak_mib"] == 1.0 and table.at["l1", "layers_parameters"] == 0
    assert (table["paper_batch"] == 16).all() and (table["paper_batch_peak_mib"] > 2 * table["peak_mib"]).all()


def test_at_the_papers_size_f_holds_at_most_0_6_of_a_and_b():
    """The claim in memory, which does not hang on the machine; notebook 09 shows time."""
    network, pair, held = NetworkSpec(6, 28).build(), torch.rand(2, 1, 1, 512, 128), {}
    for name in "ABF":
        loss = CodecLoss(network, name)
        weights = sum(value.nbytes for value in loss.state_dict().values())
        held[name] = weights + separation.peak_bytes(loss, pair)
    assert held["F"] <= 0.6 * min(held["A"], held["B"])

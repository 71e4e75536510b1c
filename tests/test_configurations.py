"""The layer configurations' experiment, made once at the least size (see conftest.py), and what their steps cost."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from nblib.experiments import Settings, configurations, costs, loss_network, preferences, results, separation
from nblib.experiments.settings import parameter_count
from nblib.losses import CodecLoss
from nblib.networks import CONFIGURATIONS
from nblib.training import NetworkSpec, load

pytestmark = pytest.mark.usefixtures("made_data")


@pytest.fixture
def rows(least: Settings) -> pd.DataFrame:
    return configurations.results_table(least, "committed")


def test_each_configuration_has_its_networks_and_the_l1_networks_beside(least, rows):
    networks = rows[rows["loss"].isin(separation.LOSSES)]
    assert set(networks["parameters"]) == {parameter_count(least.configuration_network)}
    baseline = set(networks.loc[networks["loss"] == "l1", "run"])
    assert len(baseline) == least.replicates
    for name in CONFIGURATIONS:
        own = networks[networks["configuration"] == name]
        assert set(own.loc[own["loss"] == "l1", "run"]) == baseline
        runs = own.loc[own["loss"] == "codec", "run"].unique()
        assert [load(run).record["config"]["loss"]["layers"] for run in runs] == [name] * least.replicates
        assert own.groupby(["loss", "seed", "item"]).size().eq(1).all()
    assert set(rows["item"]) == {item.name for item in least.mixture_corpus("speech").items("test")}
    assert (networks["training_seconds"] > 0).all() and networks["loss_share"].between(0, 1).all()


def test_all_train_the_same_network_from_the_same_seeds(least):
    (loss_run,) = loss_network.train(least, log=lambda line: None)
    found = configurations.configs(least, loss_run.hash)
    assert [name for name, _ in found] == ["", *CONFIGURATIONS] * least.replicates
    assert {config.network for _, config in found} == {least.configuration_network}
    assert {config.loss.network for name, config in found if name} == {loss_run.hash}
    assert len({config.hash for _, config in found}) == len(found)


def test_votes_are_those_of_the_papers_test(least, rows):
    votes = preferences.votes(least, rows, "speech", "estoi", least.configuration_participants)
    heard = separation.listening_items(least, "speech")
    per_cell = votes.groupby(["seed", "configuration"])
    assert (per_cell.size() == least.configuration_participants * len(heard)).all()
    rates = preferences.rates(votes, 0)
    assert set(rates["configuration"]) == set(separation.paired(rows, "estoi")["configuration"])


def test_configuration_f_is_stored_and_is_the_loss_that_trained(least):
    (loss_run,) = loss_network.train(least, log=lambda line: None)
    stored, whole = configurations.stored_loss(least), CodecLoss(loss_run.network(), "F")
    assert stored.layers == whole.layers
    estimate, target = torch.rand(2, 1, 1, 64, 16)
    assert float(stored.eval()(estimate, target)) == pytest.approx(float(whole.eval()(estimate, target)), rel=1e-5)


def test_the_table_of_costs_counts_what_each_loss_holds(least):
    table = configurations.costs_table(least)
    assert list(table.index) == ["l1", *CONFIGURATIONS]
    assert (table["batch"] == least.cost_batch).all() and (table["step_seconds"] > 0).all()
    assert table.at["l1", "layers_parameters"] == 0
    network = least.cost_network.build()
    for name in CONFIGURATIONS:
        loss = CodecLoss(network, name)
        assert table.at[name, "layers_parameters"] == sum(weight.numel() for weight in loss.parameters())
    assert table["peak_mib"].to_numpy() == pytest.approx(
        (table["weights_mib"] + table["activations_mib"]).to_numpy(), rel=1e-4
    )
    assert table.at["F", "f_over_peak_mib"] == 1.0
    assert (table["paper_batch"] == 16).all() and (table["paper_batch_peak_mib"] > 2 * table["peak_mib"]).all()


def test_peak_memory_is_what_is_held_at_once():
    held = []

    def step() -> None:
        held.append(torch.zeros(2**18))
        torch.zeros(2**19)  # freed at once
        held.append(torch.zeros(2**18))

    assert costs._peak_bytes(step, torch.device("cpu")) == pytest.approx(4 * (2**18 + 2**19), rel=0.01)


def test_at_the_papers_size_f_holds_at_most_0_6_of_a_and_b(least, monkeypatch):
    """The claim in memory, which does not hang on the machine; notebook 09 shows time."""
    monkeypatch.setattr(costs, "ROUNDS", 1)
    monkeypatch.setattr(costs, "PAPER", Settings(cost_batch=1))  # or the test would take a minute
    setup = Settings(cost_batch=1, cost_network=NetworkSpec(6, 28))
    table = costs.measure(setup).set_index("configuration")["peak_mib"]
    assert table["F"] <= 0.6 * table["A"] and table["F"] <= 0.6 * table["B"]


def test_runs_are_listed(least):
    runs = results.read(least, "runs.csv").query("experiment == 'configurations'")
    assert len(runs) == (1 + len(CONFIGURATIONS)) * least.replicates

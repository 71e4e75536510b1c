"""The six layer configurations of the codec loss against l1, speech denoising (IJCNN'20 Section V, Figures 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd

from nblib.experiments import capacity, costs, loss_network, results, separation
from nblib.experiments.settings import SPEECH, Settings
from nblib.losses import CodecLoss
from nblib.networks import CONFIGURATIONS
from nblib.training import LossSpec, Run, RunConfig
from nblib.training.sweep import train_all

TABLE, COSTS = "configurations.csv", "configuration_costs.csv"
MEASURES = ("estoi", "si_sdr_db")  # the listeners' question, and a plain one
LOSS_FILE = "codec_loss_f.safetensors"


def configs(setup: Settings, loss_run: str) -> list[tuple[str, RunConfig]]:
    """One run per seed and configuration, and one with l1 per seed; each with its configuration's name, "" for l1."""
    losses = {"": LossSpec("l1")}
    losses |= {name: separation.codec_loss(setup, loss_run, name) for name in CONFIGURATIONS}
    network = setup.configuration_network
    return [
        (name, separation.config(setup, SPEECH, network, loss, f"configuration {name}" if name else "l1", seed))
        for seed in setup.seeds()
        for name, loss in losses.items()
    ]


def make(setup: Settings, log: Callable[[str], None] = print) -> None:
    """Train or load all networks, score them, measure the steps, and store configuration F's layers alone."""
    (loss_run,) = loss_network.train(setup, log=log)
    wanted = configs(setup, loss_run.hash)
    runs = train_all([config for _, config in wanted], capacity.data(setup, SPEECH), setup.device, log)
    separation.make_reference(setup)
    results.save_runs(setup, "configurations", runs)
    named = [(name, run) for (name, _), run in zip(wanted, runs, strict=True)]
    made_from = [[run.hash for run in runs], setup.mixture_corpus(SPEECH).fingerprint]
    results.once(setup, made_from, (TABLE, LOSS_FILE), partial(_write, setup, loss_run, named))
    results.once(setup, "costs", (COSTS,), lambda: results.save(setup, COSTS, costs.measure(setup)))


def _write(setup: Settings, loss_run: Run, named: list[tuple[str, Run]]) -> None:
    labelled = [
        (
            {
                "configuration": name or None,
                "parameters": run.record["parameters"],
                "loss": run.record["config"]["loss"]["kind"],
                **results.time_columns(run),
            },
            run,
        )
        for name, run in named
    ]
    results.save(setup, TABLE, separation.scores(setup, SPEECH, labelled, MEASURES))
    loss = CodecLoss(loss_run.network(), "F", unit_epochs=setup.unit_epochs)
    loss.save(results.folder(setup) / LOSS_FILE)


def results_table(setup: Settings, source: str, log: Callable[[str], None] = print) -> pd.DataFrame:
    """One row per configuration, seed and test item; columns as `capacity.results_table`, configuration for capacity.

    Networks trained with l1 belong to every configuration as its rival: their rows are repeated for each.
    """
    if results.wants_run(source):
        make(setup, log)
    rows = results.read(setup, TABLE).astype({"seed": "Int64", "parameters": "Int64"})
    baseline = rows[rows["loss"] == "l1"]
    others = rows[rows["loss"] != "l1"]
    return pd.concat([others, *(baseline.assign(configuration=name) for name in CONFIGURATIONS)], ignore_index=True)


def costs_table(setup: Settings) -> pd.DataFrame:
    """As `costs.measure`, by configuration, with F's time and memory over those of each."""
    table = results.read(setup, COSTS).set_index("configuration")
    for column in ("step_seconds", "peak_mib", "paper_batch_peak_mib"):
        table[f"f_over_{column}"] = float(table[column]["F"]) / table[column]
    return table


def stored_loss(setup: Settings) -> CodecLoss:
    """Configuration F as `make` stored it: three layers and their weights, nothing else."""
    return CodecLoss.load(results.folder(setup) / LOSS_FILE)

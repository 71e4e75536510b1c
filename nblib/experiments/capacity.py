"""Both tasks at five capacities, l1 against the codec loss (IJCNN'20 Sections IV and VI, Figure 5)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice

import pandas as pd

from nblib.corpora import Item
from nblib.errors import check_choice
from nblib.experiments import loss_network, results, separation
from nblib.experiments.separation import LOSSES
from nblib.experiments.settings import TASKS, Settings
from nblib.patches import PatchPairs, mixture_pairs
from nblib.provenance import torch_threads
from nblib.training import LossSpec, NetworkSpec, Run, RunConfig
from nblib.training.sweep import train_all

TABLE = "capacity.csv"


def configs(setup: Settings, task: str, loss_run: str) -> list[RunConfig]:
    """One run per seed, capacity and loss; `loss_run` is the hash of the loss network's run."""
    losses = {"l1": LossSpec("l1"), "codec": separation.codec_loss(setup, loss_run, setup.loss_layers)}
    return [
        separation.config(setup, task, network, losses[loss], f"{capacity} {loss}", seed)
        for seed in setup.seeds()
        for capacity, network in setup.capacities[task].items()
        for loss in LOSSES
    ]


def data(setup: Settings, task: str) -> Callable[[str], PatchPairs]:
    """Gives the task's patches of a split."""
    return partial(mixture_pairs, setup.mixture_corpus(task), setup.geometry)


def train(setup: Settings, log: Callable[[str], None] = print) -> dict[str, list[Run]]:
    """The runs of `configs` per task, trained or loaded, the loss network before them."""
    (loss_run,) = loss_network.train(setup, log=log)
    wanted = {task: configs(setup, task, loss_run.hash) for task in TASKS}
    sources = [source for task, own in wanted.items() for source in [data(setup, task)] * len(own)]
    runs = iter(train_all([config for own in wanted.values() for config in own], sources, setup.device, log))
    return {task: list(islice(runs, len(own))) for task, own in wanted.items()}


def one_run(setup: Settings, task: str, capacity: str, loss: str, log: Callable[[str], None] = print) -> Run:
    """One network of the first seed, loaded, or trained where it is not there yet, the loss network before it.

    Raises
    ------
    ParameterError
        Task, capacity or loss is unknown; the nearest known name is given.
    """
    check_choice("task", task, TASKS)
    check_choice("capacity", capacity, setup.capacities[task])
    check_choice("loss", loss, LOSSES)
    spec = LossSpec("l1")
    if loss == "codec":
        (loss_run,) = loss_network.train(setup, log=log)
        spec = separation.codec_loss(setup, loss_run.hash, setup.loss_layers)
    network = setup.capacities[task][capacity]
    config = separation.config(setup, task, network, spec, f"{capacity} {loss}", setup.seed)
    (run,) = train_all([config], data(setup, task), setup.device, log)
    return run


def make(setup: Settings, log: Callable[[str], None] = print) -> None:
    """Train or load every network, score every test item, and write tables and excerpts."""
    runs = train(setup, log)
    separation.make_reference(setup)
    results.save_runs(setup, "capacity", [run for own in runs.values() for run in own])
    hashes = [run.hash for own in runs.values() for run in own]
    made_from = [hashes, [setup.mixture_corpus(task).fingerprint for task in TASKS]]
    files = (TABLE, *(f"excerpts/{task}_*" for task in TASKS))
    results.once(setup, made_from, files, partial(_write, setup, runs))


def _write(setup: Settings, runs: dict[str, list[Run]]) -> None:
    tables = []
    for task, own in runs.items():
        names = {spec: name for name, spec in setup.capacities[task].items()}
        labelled = [
            (
                {
                    "capacity": names[NetworkSpec(**run.record["config"]["network"])],
                    "parameters": run.record["parameters"],
                    "loss": run.record["config"]["loss"]["kind"],
                },
                run,
            )
            for run in own
        ]
        tables.append(separation.scores(setup, task, labelled))
        with torch_threads(1):
            _save_excerpts(setup, task, own, separation.listening_items(setup, task)[0])
    results.save(setup, TABLE, pd.concat(tables, ignore_index=True))


def _save_excerpts(setup: Settings, task: str, runs: list[Run], item: Item) -> None:
    """One item through the first seed's networks of the smallest capacity, to look at and to listen to."""
    mixture, rate = setup.mixture_corpus(task).load(item), setup.geometry.sample_rate
    part = separation.excerpt(setup, mixture)
    results.save_sound(setup, f"{task}_unprocessed", mixture.mixture[part], rate)
    results.save_sound(setup, f"{task}_target", mixture.target[part], rate)
    for run in runs[: len(LOSSES)]:
        if run.status != "diverged":
            kind = run.record["config"]["loss"]["kind"]
            sound = separation.separate(setup, run.network(), mixture.mixture)
            results.save_sound(setup, f"{task}_p1_{kind}", sound[part], rate)


def results_table(setup: Settings, source: str, log: Callable[[str], None] = print) -> pd.DataFrame:
    """One row per task, capacity, loss, seed and test item, with the unprocessed input and the oracle mask.

    Columns: task, capacity, parameters, loss ("l1", "codec", "unprocessed", "oracle_mask"), seed, status, run, item,
    l1 (scaled magnitudes), and both tasks' `separation.MEASURES`, missing in the rows of the other task.
    """
    if results.wants_run(source):
        make(setup, log)
    return results.read(setup, TABLE).astype({"seed": "Int64", "parameters": "Int64"})

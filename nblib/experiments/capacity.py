"""Speech denoising at five capacities, l1 against the codec loss (IJCNN'20 Sections IV and VI, Figure 5)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import torch

from nblib import audio
from nblib.audio import scale, unscale
from nblib.corpora import Item, Mixture, MixtureCorpus, mix
from nblib.evaluation import estoi, score
from nblib.evaluation.intervals import paired_interval
from nblib.experiments import loss_network, results
from nblib.experiments.settings import Settings
from nblib.networks import MaskUNet
from nblib.parallel import parallel_map
from nblib.patches import mixture_pairs
from nblib.provenance import random_generator, torch_threads
from nblib.training import LossSpec, NetworkSpec, Run, RunConfig
from nblib.training.sweep import train_all

TABLE, REFERENCE = "capacity.csv", "estoi_against_snr.csv"
TASK = "speech"
LOSSES = ("l1", "codec")
SNRS_DB = (-3.0, 0.0, 3.0)  # about the mixtures' own 0 dB, one published JND either way
USABLE = ("plateau", "max_epochs")


def configs(setup: Settings, loss_run: str) -> list[RunConfig]:
    """One run per seed, capacity and loss; `loss_run` is the hash of the loss network's run."""
    losses = {
        "l1": LossSpec("l1"),
        "codec": LossSpec("codec", loss_run, setup.loss_layers, unit_epochs=setup.unit_epochs),
    }
    return [
        RunConfig(
            label=f"{TASK} {capacity} {loss} seed {seed}",
            network=network,
            loss=losses[loss],
            training=setup.separation_training,
            geometry=setup.geometry,
            domain=setup.domain,
            data=setup.speech_corpus().fingerprint,
            seed=seed,
        )
        for seed in setup.seeds()
        for capacity, network in setup.capacities.items()
        for loss in LOSSES
    ]


def make(setup: Settings, log: Callable[[str], None] = print) -> None:
    """Train or load every network, score every test item, and write tables and excerpts."""
    runs = train(setup, log)
    corpus = setup.speech_corpus()
    results.save_runs(setup, "capacity", runs)
    made_from = [[run.hash for run in runs], corpus.fingerprint]
    files = (TABLE, REFERENCE, "excerpts/speech_*")
    results.once(setup, made_from, files, partial(_write, setup, corpus, runs))


def _write(setup: Settings, corpus: MixtureCorpus, runs: list[Run]) -> None:
    parts = list(parallel_map(partial(_score_item, setup, corpus, runs), corpus.items("test")))
    order = ["task", "capacity", "parameters", "loss", "seed", "status", "run", "item"]
    rows = pd.DataFrame([row for scored, _ in parts for row in scored])
    results.save(setup, TABLE, rows[order + [name for name in rows if name not in order]])
    results.save(setup, REFERENCE, pd.DataFrame([row for _, reference in parts for row in reference]))
    with torch_threads(1):
        _save_excerpts(setup, runs, listening_items(setup)[0])


def results_table(setup: Settings, source: str, log: Callable[[str], None] = print) -> pd.DataFrame:
    """One row per task, capacity, loss, seed and test item, with the unprocessed input and the oracle mask.

    Columns: task, capacity, parameters, loss ("l1", "codec", "unprocessed", "oracle_mask"), seed, status, run, item,
    l1 (scaled magnitudes), estoi, pesq_wb, si_sdr_db.
    """
    if results.wants_run(source):
        make(setup, log)
    return results.read(setup, TABLE).astype({"seed": "Int64"})


def train(setup: Settings, log: Callable[[str], None] = print) -> list[Run]:
    """The runs of `configs`, trained or loaded, the loss network before them."""
    (loss_run,) = loss_network.train(setup, log=log)
    data = partial(mixture_pairs, setup.speech_corpus(), setup.geometry)
    return train_all(configs(setup, loss_run.hash), data, setup.device, log)


def listening_items(setup: Settings) -> list[Item]:
    """The test items of the listening test, drawn by the seed (IJCNN'20: "the same five speech samples")."""
    items = setup.speech_corpus().items("test")
    count = min(setup.listening_items, len(items))
    chosen = random_generator(setup.seed, "listening items").choice(len(items), count, replace=False)
    return [items[index] for index in sorted(chosen)]


def unusable(rows: pd.DataFrame) -> list[str]:
    """Collapsed and diverged runs, named; they take part in no mean and no choice."""
    bad = rows[~rows["status"].isin([*USABLE, "none"])].drop_duplicates("run")
    return [f"{row.task} {row.capacity} {row.loss} seed {row.seed}: {row.status}" for row in bad.itertuples()]


def paired(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Codec loss and l1 side by side: one row per capacity, seed and item that both losses have a usable run for.

    Columns: task, capacity, seed, item, codec, l1 (values of `measure`).
    """
    usable = rows[rows["loss"].isin(LOSSES) & rows["status"].isin(USABLE)]
    index = ["task", "capacity", "seed", "item"]
    table = usable.pivot_table(index=index, columns="loss", values=measure, observed=True)
    return table.reindex(columns=sorted(LOSSES)).dropna().reset_index()


def effects(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Per task and capacity the mean difference codec - l1 of `measure`, 95 % interval over seeds and items."""
    table = []
    for (task, capacity), own in paired(rows, measure).groupby(["task", "capacity"]):
        differences = own.assign(difference=own["codec"] - own["l1"]).pivot(
            index="seed", columns="item", values="difference"
        )
        interval = paired_interval(differences.to_numpy(float))
        table.append({"task": task, "capacity": capacity, "measure": measure} | interval)
    return pd.DataFrame(table)


@torch.no_grad()
def separate(setup: Settings, network: MaskUNet, mixture: np.ndarray) -> np.ndarray:
    """The network's estimate [shape=(n,)] of the target in `mixture` [shape=(n,)], with the mixture's phase."""
    spectrum = audio.analyse(mixture, setup.geometry)
    estimate = network(scale(spectrum.abs().clamp(max=1), setup.domain).unsqueeze(1)).squeeze(1)
    return _sound(setup, estimate, spectrum, len(mixture))


def _sound(setup: Settings, scaled: torch.Tensor, phase: torch.Tensor, length: int) -> np.ndarray:
    spectrum = audio.with_phase(unscale(scaled, setup.domain), phase)
    return np.asarray(audio.synthesise(spectrum, length, setup.geometry))


@torch.no_grad()
def _score_item(
    setup: Settings, corpus: MixtureCorpus, runs: list[Run], item: Item
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    mixture = corpus.load(item)
    spectrum = audio.analyse(mixture.mixture, setup.geometry)
    inputs = scale(spectrum.abs().clamp(max=1), setup.domain).unsqueeze(1)
    target = scale(audio.analyse(mixture.target, setup.geometry).abs().clamp(max=1), setup.domain).unsqueeze(1)
    oracle = torch.minimum(target, inputs)  # the best mask in [0, 1] for this target
    base: dict[str, object] = {"task": TASK, "item": item.name}
    none: dict[str, object] = {"capacity": None, "parameters": None, "seed": None, "status": "none", "run": None}
    systems = [(none | {"loss": "unprocessed"}, inputs), (none | {"loss": "oracle_mask"}, oracle)]
    names = {spec: name for name, spec in setup.capacities.items()}
    for run in runs:
        config = run.record["config"]
        own = {
            "capacity": names[NetworkSpec(**config["network"])],
            "parameters": run.record["parameters"],
            "loss": config["loss"]["kind"],
            "seed": config["seed"],
            "status": run.status,
            "run": run.hash,
        }
        diverged = run.status == "diverged"
        systems.append((own, torch.full_like(inputs, torch.nan) if diverged else run.network()(inputs)))
    rows = []
    for system, estimate in systems:
        measured = {"l1": _l1(setup, estimate, target, len(mixture.mixture))}
        if np.isfinite(measured["l1"]):
            sound = _sound(setup, estimate.squeeze(1), spectrum, len(mixture.mixture))
            measured |= score(mixture.target, sound, setup.geometry.sample_rate)
        rows.append(base | system | measured)
    return rows, _estoi_against_snr(mixture, item, setup.geometry.sample_rate)


def _l1(setup: Settings, estimate: torch.Tensor, target: torch.Tensor, length: int) -> float:
    """Mean absolute error over the frames that hold sound: the zeros that fill up the last patch count nothing."""
    frames = torch.cat(list((estimate - target).abs().squeeze(1)), dim=-1)
    return float(frames[:, : length // setup.geometry.hop + 1].mean())


def _estoi_against_snr(mixture: Mixture, item: Item, sample_rate: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for snr_db in SNRS_DB:
        again = mix(mixture.target, mixture.noise, snr_db)
        value = estoi(again.target, again.mixture, sample_rate)
        rows.append({"task": TASK, "item": item.name, "snr_db": snr_db, "estoi": value})
    return rows


def _save_excerpts(setup: Settings, runs: list[Run], item: Item) -> None:
    """One item through the first seed's networks of the smallest capacity, to look at and to listen to."""
    mixture, rate = setup.speech_corpus().load(item), setup.geometry.sample_rate
    results.save_sound(setup, "speech_unprocessed", mixture.mixture, rate)
    results.save_sound(setup, "speech_target", mixture.target, rate)
    for run in runs[: len(LOSSES)]:
        if run.status != "diverged":
            kind = run.record["config"]["loss"]["kind"]
            results.save_sound(setup, f"speech_p1_{kind}", separate(setup, run.network(), mixture.mixture), rate)

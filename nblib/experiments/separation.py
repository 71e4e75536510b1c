"""Separation networks of both tasks: how they are trained, and how what they put out is scored (IJCNN'20 Section IV).

What is compared was chosen before any result was looked at. Speech listeners were asked for "the sample that was more
intelligible": ESTOI, with PESQ-WB second. Listeners to vocals were asked where "the vocals were more distinct and
stronger compared to the background track": the signal-to-interference ratio of BSS-eval, which is vocals over what is
left of the accompaniment and nothing else; second the 2f-model, to which what a mask does to the vocals themselves
counts as well. SI-SDR, SAR and NMR are reported beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch

from nblib import audio
from nblib.audio import scale, unscale
from nblib.corpora import Item, Mixture, measured_snr_db, mix
from nblib.evaluation import score
from nblib.evaluation.intervals import paired_interval
from nblib.experiments import results
from nblib.experiments.settings import SPEECH, TASKS, VOCALS, Settings
from nblib.networks import MaskUNet
from nblib.parallel import parallel_map
from nblib.provenance import random_generator
from nblib.training import LossSpec, NetworkSpec, Run, RunConfig

REFERENCE = "separation_against_snr.csv"
MEASURES = {
    SPEECH: ("estoi", "pesq_wb", "si_sdr_db"),
    VOCALS: ("sir_db", "two_f", "sar_db", "si_sdr_db", "nmr_db"),
}
JUDGES = {SPEECH: ("estoi", "pesq_wb"), VOCALS: ("sir_db", "two_f")}  # what model listeners go by, the main one first
LOSSES = ("l1", "codec")
USABLE = ("plateau", "max_epochs")
SNRS_DB = (-3.0, 0.0, 3.0)  # about the mixture's own: one published JND either way
SILENT = "silent"  # an item's info "vocals", where there is nothing to separate
EXCERPT_SECONDS = 5.0

Labelled = Sequence[tuple[dict[str, object], Run]]


def config(setup: Settings, task: str, network: NetworkSpec, loss: LossSpec, label: str, seed: int) -> RunConfig:
    """The run of one separation network."""
    return RunConfig(
        label=f"{task} {label} seed {seed}",
        network=network,
        loss=loss,
        training=setup.separation_training,
        geometry=setup.geometry,
        domain=setup.domain,
        data=setup.mixture_corpus(task).fingerprint,
        seed=seed,
    )


def codec_loss(setup: Settings, loss_run: str, layers: str) -> LossSpec:
    """The codec loss of the run with this hash, comparing the `layers` of one configuration."""
    return LossSpec("codec", loss_run, layers, unit_epochs=setup.unit_epochs)


def audible_items(setup: Settings, task: str) -> list[Item]:
    """The test items in which there is something to separate: an instrumental among songs is none."""
    return [item for item in setup.mixture_corpus(task).items("test") if item.info.get("vocals") != SILENT]


def listening_items(setup: Settings, task: str) -> list[Item]:
    """The test items of the listening test, drawn by the seed (IJCNN'20: "the same five speech samples/ tracks").

    Items without vocals are left out: there is nothing in them to be more distinct.
    """
    items = audible_items(setup, task)
    count = min(setup.listening_items, len(items))
    chosen = random_generator(setup.seed, "listening items").choice(len(items), count, replace=False)
    return [items[index] for index in sorted(chosen)]


@torch.no_grad()
def separate(setup: Settings, network: MaskUNet, mixture: np.ndarray) -> np.ndarray:
    """The network's estimate [shape=(n,)] of the target in `mixture` [shape=(n,)], with the mixture's phase."""
    spectrum = audio.analyse(mixture, setup.geometry)
    estimate = network(scale(spectrum.abs().clamp(max=1), setup.domain).unsqueeze(1)).squeeze(1)
    return _sound(setup, estimate, spectrum, len(mixture))


def excerpt(setup: Settings, mixture: Mixture) -> slice:
    """The five seconds of a mixture in which its target is loudest."""
    return audio.loudest(mixture.target, round(EXCERPT_SECONDS * setup.geometry.sample_rate))


def scores(setup: Settings, task: str, labelled: Labelled, measures: Sequence[str] = ()) -> pd.DataFrame:
    """One row per test item and network, with the unprocessed input and the oracle mask.

    Columns: task, those of the labels, loss ("unprocessed" and "oracle_mask" beside the networks' own), seed, status,
    run, item, l1 (scaled magnitudes), and `measures`, the task's `MEASURES` where none are named, missing for an item
    without vocals.
    """
    measures = measures or MEASURES[task]
    items = setup.mixture_corpus(task).items("test")
    parts = parallel_map(partial(_score_item, setup, task, labelled, measures), items)
    rows = pd.DataFrame([row for part in parts for row in part])
    return rows[["task", *labelled[0][0], "seed", "status", "run", "item", "l1", *measures]]


def make_reference(setup: Settings) -> None:
    """Write the judges' measures of the unprocessed test mixtures at several SNRs about their own.

    Columns: task, item, snr_db (over the mixture's own), and both tasks' `JUDGES`.
    """
    made_from = [setup.mixture_corpus(task).fingerprint for task in TASKS]
    results.once(setup, made_from, (REFERENCE,), partial(_write_reference, setup))


def _write_reference(setup: Settings) -> None:
    rows = []
    for task in TASKS:
        for part in parallel_map(partial(_against_snr, setup, task), audible_items(setup, task)):
            rows += part
    results.save(setup, REFERENCE, pd.DataFrame(rows))


def unusable(rows: pd.DataFrame) -> list[str]:
    """Collapsed and diverged runs, named; they take part in no mean and no choice."""
    bad = rows[~rows["status"].isin([*USABLE, "none"])].drop_duplicates("run")
    group = grouping(rows)
    return [
        f"{row['task']} {row[group]} {row['loss']} seed {row['seed']}: {row['status']}" for _, row in bad.iterrows()
    ]


def grouping(rows: pd.DataFrame) -> str:
    """What the networks of `rows` differ in beside their loss: "configuration" or "capacity"."""
    return "configuration" if "configuration" in rows else "capacity"


def paired(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Codec loss and l1 side by side: one row per group, seed and item that both losses have a usable run for.

    Columns: task, capacity or configuration, seed, item, codec, l1 (values of `measure`).
    """
    usable = rows[rows["loss"].isin(LOSSES) & rows["status"].isin(USABLE)]
    index = ["task", grouping(rows), "seed", "item"]
    table = usable.pivot_table(index=index, columns="loss", values=measure, observed=True)
    return table.reindex(columns=sorted(LOSSES)).dropna().reset_index()


def effects(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Per task and group the mean difference codec - l1 of `measure`, 95 % interval over seeds and items."""
    table = []
    group = grouping(rows)
    for (task, name), own in paired(rows, measure).groupby(["task", group]):
        differences = own.assign(difference=own["codec"] - own["l1"]).pivot(
            index="seed", columns="item", values="difference"
        )
        table.append({"task": task, group: name, "measure": measure} | paired_interval(differences.to_numpy(float)))
    return pd.DataFrame(table, columns=["task", group, "measure", "mean", "low", "high"])


def verdict(low: float, high: float) -> str:
    """What a 95 % interval of a difference shows, higher being better."""
    return "better" if low > 0 else "worse" if high < 0 else "no difference shown"


def _sound(setup: Settings, scaled: torch.Tensor, phase: torch.Tensor, length: int) -> np.ndarray:
    spectrum = audio.with_phase(unscale(scaled, setup.domain), phase)
    return np.asarray(audio.synthesise(spectrum, length, setup.geometry))


@torch.no_grad()
def _score_item(
    setup: Settings, task: str, labelled: Labelled, measures: Sequence[str], item: Item
) -> list[dict[str, object]]:
    mixture = setup.mixture_corpus(task).load(item)
    spectrum = audio.analyse(mixture.mixture, setup.geometry)
    inputs = scale(spectrum.abs().clamp(max=1), setup.domain).unsqueeze(1)
    target = scale(audio.analyse(mixture.target, setup.geometry).abs().clamp(max=1), setup.domain).unsqueeze(1)
    oracle = torch.minimum(target, inputs)  # the best mask in [0, 1] for this target
    none: dict[str, object] = dict.fromkeys(labelled[0][0]) | {"seed": None, "status": "none", "run": None}
    systems = [(none | {"loss": "unprocessed"}, inputs), (none | {"loss": "oracle_mask"}, oracle)]
    for labels, run in labelled:
        own = labels | {"seed": run.record["config"]["seed"], "status": run.status, "run": run.hash}
        diverged = run.status == "diverged"
        systems.append((own, torch.full_like(inputs, torch.nan) if diverged else run.network()(inputs)))
    rows = []
    for system, estimate in systems:
        measured = {"l1": _l1(setup, estimate, target, len(mixture.mixture))}
        if np.isfinite(measured["l1"]) and item.info.get("vocals") != SILENT:
            sound = _sound(setup, estimate.squeeze(1), spectrum, len(mixture.mixture))
            measured |= score(mixture.target, sound, setup.geometry.sample_rate, measures, mixture.noise)
        rows.append({"task": task, "item": item.name} | system | measured)
    return rows


def _l1(setup: Settings, estimate: torch.Tensor, target: torch.Tensor, length: int) -> float:
    """Mean absolute error over the frames that hold sound: the zeros that fill up the last patch count nothing."""
    frames = torch.cat(list((estimate - target).abs().squeeze(1)), dim=-1)
    return float(frames[:, : length // setup.geometry.hop + 1].mean())


def _against_snr(setup: Settings, task: str, item: Item) -> list[dict[str, object]]:
    mixture, rate = setup.mixture_corpus(task).load(item), setup.geometry.sample_rate
    own = measured_snr_db(mixture.target, mixture.noise)
    rows: list[dict[str, object]] = []
    for snr_db in SNRS_DB:
        again = mix(mixture.target, mixture.noise, own + snr_db)
        measured = score(again.target, again.mixture, rate, JUDGES[task], again.noise)
        rows.append({"task": task, "item": item.name, "snr_db": snr_db, **measured})
    return rows

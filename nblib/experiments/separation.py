"""Separation networks of both tasks, and the studies that train them (IJCNN'20 Sections IV to VI, Figures 3 and 5).

What is compared was chosen before any result was looked at. Speech listeners were asked for "the sample that was more
intelligible": ESTOI. Listeners to vocals were asked where "the vocals were more distinct and stronger compared to the
background track": the signal-to-interference ratio, vocals over what is left of the accompaniment and nothing else.
"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from nblib import audio, study
from nblib.audio import scale, unscale
from nblib.corpora import Item, measured_snr_db, mix
from nblib.data import mixtures
from nblib.entries import BASELINE, CODEC, SPEECH, TASKS, VOCALS
from nblib.errors import check_choice
from nblib.evaluation import score
from nblib.evaluation.intervals import USABLE
from nblib.experiments import costs, teachers
from nblib.experiments.overview import keep_excerpts
from nblib.losses import CodecLoss, LossSpec
from nblib.networks import CONFIGURATIONS, MaskUNet
from nblib.parallel import parallel_map
from nblib.provenance import random_generator, torch_threads
from nblib.settings import Settings
from nblib.study import Cell, Row, Study, Trained, untrained
from nblib.training import NetworkSpec, Run, RunConfig, Source

REFERENCE, COSTS, LOSS_FILE = "separation_against_snr.csv", "configuration_costs.csv", "codec_loss_f.safetensors"
MEASURES = {SPEECH: ("estoi", "pesq_wb", "si_sdr_db"), VOCALS: ("sir_db", "two_f", "sar_db", "si_sdr_db", "nmr_db")}
# What model listeners go by, the main one first; to the 2f-model what a mask does to the vocals themselves counts, too.
JUDGES = {SPEECH: ("estoi", "pesq_wb"), VOCALS: ("sir_db", "two_f")}
ALL_MEASURES = ("l1", *dict.fromkeys(name for own in MEASURES.values() for name in own))
CONFIGURATION_MEASURES = ("l1", "estoi", "si_sdr_db")  # beside l1 the listeners' question, and a plain one
BOUNDS = ("unprocessed", "oracle_mask")  # what stands beside the networks: the input, and the best mask in [0, 1]
SNRS_DB = (-3.0, 0.0, 3.0)  # about the mixture's own: one published JND either way
SILENT = "silent"  # an item's info "vocals", where there is nothing to separate
EXCERPT_SECONDS = 5.0


def contenders(setup: Settings) -> dict[str, LossSpec]:
    """The losses that compete, by name; the loss networks that they need are trained or loaded."""
    learnt = {each.contender: name for name, each in setup.teachers.items() if each.contender}
    return {
        name: codec_loss(setup, learnt[name]) if name in learnt else LossSpec(name, unit_epochs=setup.unit_epochs)
        for name in setup.contenders
    }


def codec_loss(setup: Settings, teacher: str = "ijcnn20", layers: str = "") -> LossSpec:
    """The codec loss of a teacher, comparing the `layers` of one configuration; the settings' without."""
    run = teachers.run(setup, teacher)
    return LossSpec("codec", run.hash, layers or setup.loss_layers, unit_epochs=setup.unit_epochs)


def cell(setup: Settings, network: NetworkSpec, loss: LossSpec, **labels: Any) -> Cell:
    """One separation network; `labels` hold its task and seed."""
    data, training = Source(mixtures(setup, labels["task"]), setup.geometry), setup.separation_training
    config = RunConfig(network, loss, training, setup.geometry, setup.domain, data.fingerprint, labels["seed"])
    return Cell(labels, config, data)


def _capacity_cells(setup: Settings) -> list[Cell]:
    losses = contenders(setup)
    return [
        cell(setup, network, loss, task=task, capacity=capacity, contender=name, seed=seed)
        for task, own in setup.trained_capacities.items()
        for seed in setup.seeds()
        for capacity, network in own.items()
        for name, loss in losses.items()
    ]


def _configuration_cells(setup: Settings) -> list[Cell]:
    """l1 once, the codec loss in each configuration."""
    losses: list[tuple[str, str | None, LossSpec]] = [(BASELINE, None, LossSpec(unit_epochs=setup.unit_epochs))]
    losses += [(CODEC, name, codec_loss(setup, layers=name)) for name in CONFIGURATIONS]
    return [
        cell(setup, setup.configuration_network, loss, task=SPEECH, configuration=name, contender=contender, seed=seed)
        for seed in setup.seeds()
        for contender, name, loss in losses
    ]


def one_run(setup: Settings, task: str, capacity: str, contender: str = CODEC) -> Run:
    """One network of the first seed, loaded, or trained where it is not there yet, the loss network before it.

    `ParameterError` where task, capacity or contender is unknown; the nearest known name is given.
    """
    check_choice("task", task, TASKS)
    check_choice("capacity", capacity, setup.capacities[task])
    check_choice("contender", contender, setup.contenders)
    labels = {"task": task, "capacity": capacity, "contender": contender, "seed": setup.seed}
    wanted = cell(setup, setup.capacities[task][capacity], contenders(setup)[contender], **labels)
    return study.train(setup, [wanted])[0].run


def audible(item: Item) -> bool:
    """Whether there is something to separate: an instrumental among songs has nothing."""
    return item.info.get("vocals") != SILENT


def audible_items(setup: Settings, task: str) -> list[Item]:
    """The test items in which there is something to separate."""
    return list(filter(audible, mixtures(setup, task).items("test")))


def listening_items(setup: Settings, rows: pd.DataFrame, task: str) -> list[str]:
    """The items of the listening test, drawn by the seed (IJCNN'20: "the same five speech samples/ tracks").

    Of those in `rows` that could be scored: in a song without vocals there is nothing to be more distinct.
    """
    own = rows[(rows["task"] == task) & (rows["contender"] == BOUNDS[0])].dropna(subset=[JUDGES[task][0]])
    items = list(own["item"].unique())
    count = min(setup.listening_items, len(items))
    chosen = random_generator(setup.seed, "listening items").choice(len(items), count, replace=False)
    return [items[index] for index in sorted(chosen)]


@torch.no_grad()
def separate(setup: Settings, network: MaskUNet, mixture: np.ndarray) -> np.ndarray:
    """The network's estimate [shape=(n,)] of the target in `mixture` [shape=(n,)], with the mixture's phase."""
    spectrum = audio.analyse(mixture, setup.geometry)
    return _sound(setup, network(_seen(setup, spectrum)), spectrum, len(mixture))


def _seen(setup: Settings, spectrum: torch.Tensor) -> torch.Tensor:
    return scale(spectrum.abs().clamp(max=1), setup.domain).unsqueeze(1)


def _sound(setup: Settings, seen: torch.Tensor, phase: torch.Tensor, length: int) -> np.ndarray:
    spectrum = audio.with_phase(unscale(seen.squeeze(1), setup.domain), phase)
    return np.asarray(audio.synthesise(spectrum, length, setup.geometry))


def work(setup: Settings, trained: list[Trained]) -> list[tuple[str, Item]]:
    """The test items of every task that networks were trained for."""
    tasks = dict.fromkeys(each.labels["task"] for each in trained)
    return [(task, item) for task in tasks for item in mixtures(setup, task).items("test")]


@torch.no_grad()
def _score(setup: Settings, trained: list[Trained], work: tuple[str, Item]) -> list[Row]:
    """One test item through every network of its task, with `BOUNDS`; without vocals nothing but l1 is measured."""
    task, item = work
    own = [each for each in trained if each.labels["task"] == task]
    measures = CONFIGURATION_MEASURES[1:] if "configuration" in own[0].labels else MEASURES[task]
    mixture = mixtures(setup, task).load(item)
    spectrum = audio.analyse(mixture.mixture, setup.geometry)
    inputs = _seen(setup, spectrum)
    target = _seen(setup, audio.analyse(mixture.target, setup.geometry))
    bounds = zip(BOUNDS, (inputs, torch.minimum(target, inputs)), strict=True)
    systems = [(untrained(name, own[0].labels) | {"task": task}, estimate) for name, estimate in bounds]
    for each in own:
        diverged = each.run.status == "diverged"
        systems.append((each.row, torch.full_like(inputs, torch.nan) if diverged else each.run.network()(inputs)))
    rows = []
    for row, estimate in systems:
        found = {"l1": _l1(setup, estimate, target, len(mixture.mixture))}
        if np.isfinite(found["l1"]) and audible(item):
            sound = _sound(setup, estimate, spectrum, len(mixture.mixture))
            found |= score(mixture.target, sound, setup.geometry.sample_rate, measures, mixture.noise)
        rows.append(row | {"item": item.name} | found)
    return rows


def _l1(setup: Settings, estimate: torch.Tensor, target: torch.Tensor, length: int) -> float:
    """Mean absolute error over the frames that hold sound: the zeros that fill up the last patch count nothing."""
    frames = torch.cat(list((estimate - target).abs().squeeze(1)), dim=-1)
    return float(frames[:, : length // setup.geometry.hop + 1].mean())


def _keep_excerpts(setup: Settings, trained: list[Trained]) -> None:
    """One item of each task through the first seed's networks of the smallest capacity, where its target is loudest."""
    for task, own in setup.trained_capacities.items():
        mixture = mixtures(setup, task).load(audible_items(setup, task)[0])
        sounds = {"target": mixture.target, "unprocessed": mixture.mixture}
        for labels, run in ((each.labels, each.run) for each in trained):
            first = (labels["task"], labels["capacity"], labels["seed"]) == (task, next(iter(own)), setup.seed)
            if first and run.status != "diverged":
                with torch_threads(1):
                    sounds[f"p1_{labels['contender']}"] = separate(setup, run.network(), mixture.mixture)
        rate = setup.geometry.sample_rate
        keep_excerpts(setup, task, sounds, rate, round(EXCERPT_SECONDS * rate))


def _keep_costs(setup: Settings, trained: list[Trained]) -> None:
    """What a step costs in each configuration, and configuration F's layers alone, for other trainings."""
    study.save(setup, COSTS, costs.measure(setup))
    loss = CodecLoss(teachers.run(setup, "ijcnn20").network(), "F", unit_epochs=setup.unit_epochs)
    loss.save(setup.results / LOSS_FILE)


BY = {name: ("task", name, "contender") for name in ("capacity", "configuration")}
EXCERPTS = tuple(f"excerpts/{task}_*" for task in TASKS)
KEPT = (LOSS_FILE,)  # the costs are times: another run's stay where they are
CAPACITY = Study("capacity", _capacity_cells, work, _score, BY["capacity"], ALL_MEASURES, _keep_excerpts, EXCERPTS)
CONFIGURATION = Study(
    "configurations", _configuration_cells, work, _score, BY["configuration"], CONFIGURATION_MEASURES, _keep_costs, KEPT
)


def costs_table(setup: Settings) -> pd.DataFrame:
    """As `costs.measure`, by configuration, with F's time and memory over those of each."""
    table = study.read(setup, COSTS).set_index("configuration")
    for column in ("step_seconds", "peak_mib", "paper_batch_peak_mib"):
        table[f"f_over_{column}"] = float(table[column]["F"]) / table[column]
    return table


def unusable(rows: pd.DataFrame) -> list[str]:
    """Collapsed and diverged runs, named; they take part in no mean and no choice."""
    bad = rows[~rows["status"].isin(USABLE)].drop_duplicates("run")
    group = "configuration" if "configuration" in rows else "capacity"
    named = bad[["task", group, "contender", "seed", "status"]].itertuples(index=False)
    return ["{} {} {} seed {}: {}".format(*row) for row in named]


def reference(setup: Settings) -> pd.DataFrame:
    """The judges' measures of the unprocessed test mixtures at several SNRs about their own.

    Columns: task, item, snr_db (over the mixture's own), and both tasks' `JUDGES`.
    """
    if setup.source == "run":
        made_from = [mixtures(setup, task).fingerprint for task in TASKS]
        study.once(setup, [REFERENCE, made_from], (REFERENCE,), partial(_write_reference, setup))
    return study.read(setup, REFERENCE)


def _write_reference(setup: Settings) -> None:
    own = [(task, item) for task in TASKS for item in audible_items(setup, task)]
    parts = parallel_map(partial(_against_snr, setup), own)
    study.save(setup, REFERENCE, pd.DataFrame([row for part in parts for row in part]))


def _against_snr(setup: Settings, work: tuple[str, Item]) -> list[Row]:
    (task, item), rate = work, setup.geometry.sample_rate
    mixture = mixtures(setup, task).load(item)
    own = measured_snr_db(mixture.target, mixture.noise)
    mixed = {snr_db: mix(mixture.target, mixture.noise, own + snr_db) for snr_db in SNRS_DB}
    return [
        {"task": task, "item": item.name, "snr_db": snr_db}
        | score(again.target, again.mixture, rate, JUDGES[task], again.noise)
        for snr_db, again in mixed.items()
    ]

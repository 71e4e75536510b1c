"""Separation networks of both tasks, and the studies that train them (IJCNN'20 Sections IV to VI, Figures 3 and 5).

Judges were chosen before any result was looked at. Speech listeners were asked for "the sample that was more
intelligible": ESTOI. Listeners to vocals were asked where "the vocals were more distinct and stronger compared to the
background track": BSS-eval's SIR, vocals over what is left of the accompaniment; second the 2f-model, to which what a
mask does to the vocals themselves counts as well.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from nblib import audio, study
from nblib.corpora import Item, measured_snr_db, mix
from nblib.data import mixtures
from nblib.entries import BASELINE, CODEC, SPEECH, TASKS, VOCALS
from nblib.errors import check_choice
from nblib.evaluation import score
from nblib.experiments import costs, teachers
from nblib.experiments.overview import keep_excerpts
from nblib.losses import CodecLoss, LossSpec
from nblib.networks import CONFIGURATIONS, MaskUNet
from nblib.parallel import parallel_map
from nblib.provenance import random_generator, torch_threads
from nblib.settings import Settings
from nblib.study import Cell, Row, Study, Trained, untrained
from nblib.training import NetworkSpec, Run, Source

REFERENCE, COSTS, LOSS_FILE = "separation_against_snr.csv", "configuration_costs.csv", "codec_loss_f.safetensors"
MEASURES = {SPEECH: ("estoi", "pesq_wb", "si_sdr_db"), VOCALS: ("sir_db", "two_f", "sar_db", "si_sdr_db", "nmr_db")}
JUDGES = {SPEECH: ("estoi", "pesq_wb"), VOCALS: ("sir_db", "two_f")}  # what model listeners go by, the main one first
CONFIGURATION_MEASURES = ("estoi", "si_sdr_db")  # the listeners' question, and a plain one
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
    source = Source(mixtures(setup, labels["task"]), setup.geometry)
    return teachers.make_cell(setup, labels, source, network, loss, setup.separation_training)


def capacity_cells(setup: Settings) -> list[Cell]:
    """Every loss in every capacity."""
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
    network, loss = setup.capacities[task][capacity], contenders(setup)[contender]
    wanted = cell(setup, network, loss, task=task, capacity=capacity, contender=contender, seed=setup.seed)
    return study.train(setup, [wanted])[0].run


def audible(item: Item) -> bool:
    """Whether there is something to separate: an instrumental among songs has nothing."""
    return item.info.get("vocals") != SILENT


def listening_items(setup: Settings, rows: pd.DataFrame, task: str) -> list[str]:
    """The items of the listening test, drawn by the seed (IJCNN'20: "the same five speech samples/ tracks").

    Of those in `rows` that could be scored: in a song without vocals there is nothing to be more distinct.
    """
    own = rows[(rows["task"] == task) & (rows["contender"] == BOUNDS[0])].dropna(subset=[JUDGES[task][0]])
    items, generator = own["item"].unique(), random_generator(setup.seed, "listening items")
    chosen = generator.choice(len(items), min(setup.listening_items, len(items)), replace=False)
    return [str(items[index]) for index in sorted(chosen)]


@torch.no_grad()
def separate(setup: Settings, network: MaskUNet, mixture: np.ndarray) -> np.ndarray:
    """The network's estimate [shape=(n,)] of the target in `mixture` [shape=(n,)], with the mixture's phase."""
    spectrum = audio.analyse(mixture, setup.geometry)
    return _sound(setup, network(_seen(setup, spectrum)), spectrum, len(mixture))


def _seen(setup: Settings, spectrum: torch.Tensor) -> torch.Tensor:
    return audio.scale(spectrum.abs().clamp(max=1), setup.domain).unsqueeze(1)


def _sound(setup: Settings, seen: torch.Tensor, phase: torch.Tensor, length: int) -> np.ndarray:
    spectrum = audio.with_phase(audio.unscale(seen.squeeze(1), setup.domain), phase)
    return np.asarray(audio.synthesise(spectrum, length, setup.geometry))


def work(setup: Settings, trained: list[Trained]) -> list[tuple[str, Item]]:
    """The test items of every task that networks were trained for."""
    tasks = dict.fromkeys(each.labels["task"] for each in trained)
    return [(task, item) for task in tasks for item in mixtures(setup, task).items("test")]


def audible_work(setup: Settings, trained: list[Trained]) -> list[tuple[str, Item]]:
    """The same without items in which there is nothing to separate."""
    return [(task, item) for task, item in work(setup, trained) if audible(item)]


@torch.no_grad()
def _score(
    measures: Mapping[str, tuple[str, ...]], setup: Settings, trained: list[Trained], work: tuple[str, Item]
) -> list[Row]:
    """One test item through every network of its task, with `BOUNDS`; without vocals nothing but l1 is measured."""
    task, item = work
    own = [each for each in trained if each.labels["task"] == task]
    mixture = mixtures(setup, task).load(item)
    spectrum = audio.analyse(mixture.mixture, setup.geometry)
    inputs, target = _seen(setup, spectrum), _seen(setup, audio.analyse(mixture.target, setup.geometry))
    bounds = zip(BOUNDS, (inputs, torch.minimum(target, inputs)), strict=True)
    systems = [(untrained(name, own[0].labels) | {"task": task}, estimate) for name, estimate in bounds]
    for each in own:
        diverged = each.run.status == "diverged"
        systems.append((each.row, torch.full_like(inputs, torch.nan) if diverged else each.run.network()(inputs)))
    rows, length = [], len(mixture.mixture)
    for row, estimate in systems:
        # The zeros that fill up the last patch count nothing.
        frames = torch.cat(list((estimate - target).abs().squeeze(1)), dim=-1)[:, : length // setup.geometry.hop + 1]
        found = {"l1": float(frames.mean())}
        if np.isfinite(found["l1"]) and audible(item):
            sound = _sound(setup, estimate, spectrum, length)
            found |= score(mixture.target, sound, setup.geometry.sample_rate, measures[task], mixture.noise)
        rows.append(row | {"item": item.name} | found)
    return rows


def _keep_excerpts(setup: Settings, trained: list[Trained]) -> None:
    """One item of each task through the first seed's networks of the smallest capacity, where its target is loudest."""
    rate = setup.geometry.sample_rate
    for task, own in setup.trained_capacities.items():
        mixture = mixtures(setup, task).load(next(item for each, item in audible_work(setup, trained) if each == task))
        sounds = {"target": mixture.target, "unprocessed": mixture.mixture}
        wanted = {"task": task, "capacity": next(iter(own)), "seed": setup.seed}
        for each in trained:
            if wanted.items() <= each.labels.items() and each.run.status != "diverged":
                with torch_threads(1):
                    sounds[f"p1_{each.labels['contender']}"] = separate(setup, each.run.network(), mixture.mixture)
        keep_excerpts(setup, task, sounds, rate, round(EXCERPT_SECONDS * rate))


def _keep_costs(setup: Settings, trained: list[Trained]) -> None:
    """What a step costs in each configuration, and configuration F's layers alone, for other trainings."""
    study.save(setup, COSTS, costs.measure(setup))
    loss = CodecLoss(teachers.run(setup, "ijcnn20").network(), "F", unit_epochs=setup.unit_epochs)
    loss.save(setup.results / LOSS_FILE)


BY = ("task", "capacity", "contender")
ALL_MEASURES = ("l1", *dict.fromkeys(name for own in MEASURES.values() for name in own))
KEPT = tuple(f"excerpts/{task}_*" for task in TASKS)


def sounds(setup: Settings, task: str) -> dict[str, np.ndarray]:
    """The kept excerpt of a task by titles, for eyes and ears; of a network that diverged there is none."""
    titles = {f"p1_{name}": f"P1, {title}" for name, title in setup.contenders.items()}
    there = {name: title for name, title in titles.items() if (setup.results / f"excerpts/{task}_{name}.flac").exists()}
    shown = {"unprocessed": "unprocessed"} | there | {"target": "target"}
    return {title: study.read_sound(setup, f"{task}_{name}") for name, title in shown.items()}


CAPACITY = Study("capacity", capacity_cells, work, partial(_score, MEASURES), BY, ALL_MEASURES, _keep_excerpts, KEPT)
CONFIGURATION = Study(
    "configurations",
    _configuration_cells,
    work,
    partial(_score, {SPEECH: CONFIGURATION_MEASURES}),
    ("task", "configuration", "contender"),
    ("l1", *CONFIGURATION_MEASURES),
    _keep_costs,
    (LOSS_FILE,),  # the costs are times: another run's stay where they are
)


def costs_table(setup: Settings) -> pd.DataFrame:
    """As `costs.measure`, by configuration, with F's time and memory over those of each."""
    table = study.read(setup, COSTS).set_index("configuration")
    for column in ("step_seconds", "peak_mib", "paper_batch_peak_mib"):
        table[f"f_over_{column}"] = float(table[column]["F"]) / table[column]
    return table


def reference(setup: Settings) -> pd.DataFrame:
    """The judges' measures of the unprocessed test mixtures at several SNRs about their own.

    Columns: task, item, snr_db (over the mixture's own), and both tasks' `JUDGES`.
    """

    def write() -> None:
        items = [(task, item) for task in TASKS for item in mixtures(setup, task).items("test") if audible(item)]
        rows = [row for part in parallel_map(partial(_against_snr, setup), items) for row in part]
        study.save(setup, REFERENCE, pd.DataFrame(rows))

    if setup.source == "run":
        made_from = [mixtures(setup, task).fingerprint for task in TASKS]
        study.once(setup, [REFERENCE, made_from], (REFERENCE,), write)
    return study.read(setup, REFERENCE)


def _against_snr(setup: Settings, work: tuple[str, Item]) -> list[Row]:
    (task, item), rows = work, []
    mixture = mixtures(setup, task).load(item)
    for snr_db in SNRS_DB:
        again = mix(mixture.target, mixture.noise, measured_snr_db(mixture.target, mixture.noise) + snr_db)
        found = score(again.target, again.mixture, setup.geometry.sample_rate, JUDGES[task], again.noise)
        rows.append({"task": task, "item": item.name, "snr_db": snr_db} | found)
    return rows

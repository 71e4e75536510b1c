"""Separation networks of both tasks, and the studies that train them (IJCNN'20 Sections IV to VI, Figures 3 and 5).

Judges were chosen before any result was looked at. Listeners were asked for the sample "that was more intelligible":
ESTOI; and where "the vocals were more distinct and stronger compared to the background track": SIR, then the 2f-model.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from timeit import timeit
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.benchmark import timer

from nblib import provenance, study
from nblib.corpora import Corpus, Item, measured_snr_db, mix
from nblib.entries import BASELINE, CODEC, SPEECH, TASKS, VOCALS
from nblib.errors import check_choice
from nblib.evaluation import score
from nblib.experiments import teachers
from nblib.losses import CodecLoss, L1Loss, LossSpec, WeightedLoss
from nblib.networks import CONFIGURATIONS, MaskUNet
from nblib.settings import Settings
from nblib.study import Row, Sounds, Study, recordings
from nblib.training import Cell, NetworkSpec, Run, Source, train_all

COSTS, LOSS_FILE = "configuration_costs.csv", "codec_loss_f.safetensors"
MEASURES = {SPEECH: ("estoi", "pesq_wb", "si_sdr_db"), VOCALS: ("sir_db", "two_f", "sar_db", "si_sdr_db", "nmr_db")}
JUDGES = {SPEECH: ("estoi", "pesq_wb"), VOCALS: ("sir_db", "two_f")}  # what model listeners go by, the main one first
CONFIGURATION_MEASURES = ("estoi", "si_sdr_db")  # the listeners' question, and a plain one
BY = ("task", "capacity", "contender")
BOUNDS = ("unprocessed", "oracle_mask")  # what stands beside the networks: the input, and the best mask in [0, 1]
SNRS_DB = (-3.0, 0.0, 3.0)  # about the mixture's own: one published JND either way
Piece = tuple[Corpus, str, Item]  # a task's test item


def contenders(setup: Settings) -> dict[str, LossSpec]:
    """The losses that compete, by name; the loss networks that they need are trained or loaded."""
    epochs, layers = setup.unit_epochs, setup.loss_layers
    runs = {own.contender: teachers.run(setup, name).hash for name, own in setup.teachers.items() if own.contender}
    losses = {name: LossSpec(name, unit_epochs=epochs) for name in setup.contenders}
    return losses | {name: LossSpec("codec", run, layers, unit_epochs=epochs) for name, run in runs.items()}


def cell(setup: Settings, network: NetworkSpec, loss: LossSpec, **labels: Any) -> Cell:
    """One separation network; `labels` hold its task and seed."""
    patches = Source(recordings(setup, labels["task"]), setup.geometry)
    return Cell(labels, patches, network, loss, setup.separation_training, setup.domain)


def capacity_cells(setup: Settings, most: int | None = None) -> list[Cell]:
    """Every loss in every capacity, or in the `most` smallest of each task."""
    losses = contenders(setup)
    return [
        cell(setup, network, loss, task=task, capacity=capacity, contender=name, seed=seed)
        for task, own in setup.trained_capacities.items()
        for seed in setup.seeds()
        for capacity, network in list(own.items())[:most]
        for name, loss in losses.items()
    ]


def _layer_cells(setup: Settings) -> list[Cell]:
    """l1 once, the codec loss in each configuration."""
    known, network = contenders(setup), setup.configuration_network
    losses: list[tuple[str, str | None, LossSpec]] = [(BASELINE, None, known[BASELINE])]
    losses += [(CODEC, name, replace(known[CODEC], layers=name)) for name in CONFIGURATIONS]
    return [
        cell(setup, network, loss, task=SPEECH, configuration=name, contender=contender, seed=seed)
        for seed in setup.seeds()
        for contender, name, loss in losses
    ]


def one_run(setup: Settings, task: str, capacity: str, contender: str = CODEC) -> Run:
    """One network of the first seed, loaded, or trained where it is not there yet, the loss network before it."""
    check_choice("contender", contender, setup.contenders)
    network, loss = setup.capacities[task][capacity], contenders(setup)[contender]
    wanted = cell(setup, network, loss, task=task, capacity=capacity, contender=contender, seed=setup.seed)
    return train_all([wanted], setup.device)[0]


def audible(item: Item) -> bool:
    """Whether there is something to separate: an instrumental among songs has nothing."""
    return item.info.get("vocals") != "silent"


def listening_items(setup: Settings, rows: pd.DataFrame, task: str) -> list[str]:
    """The items of the listening test ("the same five"), drawn by the seed from those that have a score."""
    own = rows[(rows["task"] == task) & (rows["contender"] == BOUNDS[0])].dropna(subset=[JUDGES[task][0]])
    items, generator = own["item"].unique().tolist(), provenance.random_generator(setup.seed, "listening items")
    chosen = generator.choice(len(items), min(setup.listening_items, len(items)), replace=False)
    return [items[index] for index in sorted(chosen)]


@torch.no_grad()
def separate(setup: Settings, network: MaskUNet, mixture: np.ndarray) -> np.ndarray:
    """The network's estimate [shape=(n,)] of the target in `mixture` [shape=(n,)], with the mixture's phase."""
    estimate = network(teachers.seen(mixture, setup.geometry, setup.domain))
    return teachers.sound(estimate, mixture, setup.geometry, setup.domain)


def pieces(setup: Settings, tasks: Sequence[str] = TASKS, silent: bool = False) -> list[Piece]:
    """Every test item of some tasks, those with nothing to separate only if `silent`."""
    corpora = {task: recordings(setup, task) for task in tasks}
    return [(own, task, item) for task, own in corpora.items() for item in own.items("test") if silent or audible(item)]


@torch.no_grad()
def _score(measures: Mapping[str, tuple[str, ...]], setup: Settings, trained: list[Run], piece: Piece) -> list[Row]:
    """One test item through every network of its task, with `BOUNDS`; without vocals nothing but l1 is measured."""
    (corpus, task, item), geometry, rows = piece, setup.geometry, []
    mixture = corpus.load(item)
    inputs, target = (teachers.seen(each, geometry, setup.domain) for each in (mixture.mixture, mixture.target))
    bounds = zip(BOUNDS, (inputs, torch.minimum(target, inputs)), strict=True)
    systems = [({"task": task, "contender": name, "status": "none"}, estimate) for name, estimate in bounds]
    for each in (each for each in trained if each.labels["task"] == task):
        diverged = each.status == "diverged"
        systems.append((each.row, torch.full_like(inputs, torch.nan) if diverged else each.network()(inputs)))
    for row, estimate in systems:
        # The zeros that fill up the last patch count nothing.
        frames = torch.cat(list((estimate - target).abs().squeeze(1)), dim=-1)
        found = {"l1": float(frames[:, : len(mixture.mixture) // geometry.hop + 1].mean())}
        if np.isfinite(found["l1"]) and audible(item):
            sound = teachers.sound(estimate, mixture.mixture, geometry, setup.domain)
            found |= score(mixture.target, sound, geometry.sample_rate, measures[task], mixture.noise)
        rows.append(row | {"item": item.name} | found)
    return rows


@provenance.torch_threads(1)
def _keep_excerpts(setup: Settings, trained: list[Run]) -> None:
    """One item of each task through the first seed's networks of the smallest capacity, where its target is loudest."""
    for task, own in setup.trained_capacities.items():
        corpus, _, item = pieces(setup, [task])[0]
        mixture, wanted = corpus.load(item), {"task": task, "capacity": next(iter(own)), "seed": setup.seed}
        parts = {"target": mixture.target, "unprocessed": mixture.mixture}
        for each in trained:
            if wanted.items() <= each.labels.items() and each.status != "diverged":
                parts[f"p1_{each.labels['contender']}"] = separate(setup, each.network(), mixture.mixture)
        study.keep_sounds(setup, task, parts, setup.geometry.sample_rate, 5 * setup.geometry.sample_rate)


def sounds(setup: Settings, task: str) -> Sounds:
    """The kept excerpt of a task by titles; of a network that diverged there is none."""
    titles = {"unprocessed": "unprocessed"} | {f"p1_{name}": f"P1, {own}" for name, own in setup.contenders.items()}
    shown = (titles | {"target": "target"}).items()
    there = {path.stem for path in (setup.results / "excerpts").glob(f"{task}_*.flac")}
    return {title: study.read_sound(setup, name) for own, title in shown if (name := f"{task}_{own}") in there}


def _keep_costs(setup: Settings, trained: list[Run]) -> None:
    """Time of a step (the better of two rounds) and memory of the loss, of each configuration and of plain l1.

    And configuration F's layers alone, for other trainings.
    """
    provenance.seed_everything(setup.seed, "costs")
    device, paper_batch = torch.device(setup.device), Settings().cost_batch
    network, codec = setup.configuration_network.build().to(device), setup.cost_network.build()
    losses: dict[str, WeightedLoss] = {"l1": L1Loss().to(device)}
    losses |= {name: CodecLoss(codec, name).to(device) for name in CONFIGURATIONS}
    shape = (1, setup.geometry.bins, setup.geometry.frames)
    batch, larger = (torch.rand(2, size, *shape, device=device) for size in (setup.cost_batch, paper_batch))

    def seconds(loss: WeightedLoss) -> list[float]:
        steps = (lambda: loss(network(batch[0]), batch[1]).backward(), lambda: loss_step(loss, batch))
        return [timeit(step, timer=timer, number=1) for step in steps]

    table = pd.DataFrame({"configuration": list(losses), "batch": setup.cost_batch})
    rounds = [[seconds(loss) for loss in losses.values()] for _ in range(2)]
    table[["step_seconds", "loss_seconds"]] = np.min(rounds, axis=0)
    weights = [sum(value.nbytes for value in loss.state_dict().values()) / 2**20 for loss in losses.values()]
    peaks = [[peak_bytes(loss, pair) / 2**20 for loss in losses.values()] for pair in (batch, larger)]
    table = table.assign(weights_mib=weights, activations_mib=peaks[0], peak_mib=np.add(weights, peaks[0]))
    table = table.assign(paper_batch=paper_batch, paper_batch_peak_mib=np.add(weights, peaks[1]))
    table["layers_parameters"] = [sum(value.numel() for value in loss.parameters()) for loss in losses.values()]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    study.save(setup, COSTS, table.assign(device=name, threads=torch.get_num_threads()))
    loss = CodecLoss(teachers.run(setup, "ijcnn20").network(), "F", unit_epochs=setup.unit_epochs)
    loss.save(setup.results / LOSS_FILE)


def loss_step(loss: WeightedLoss, pair: torch.Tensor) -> None:
    """The loss alone of an estimate and a target, forward and backward."""
    loss(pair[0].detach().requires_grad_(), pair[1]).backward()


def peak_bytes(loss: WeightedLoss, pair: torch.Tensor) -> int:
    """The most that `loss_step` holds at once beyond what was held before."""
    if pair.is_cuda:
        before = torch.cuda.memory_allocated(pair.device)
        torch.cuda.reset_peak_memory_stats(pair.device)
        loss_step(loss, pair)
        return int(torch.cuda.max_memory_allocated(pair.device) - before)
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # the profiler prints when it starts and stops
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiled:
        loss_step(loss, pair)
    events = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    return int(np.cumsum([event.nbytes() for event in sorted(events, key=lambda each: each.start_ns())]).max(initial=0))


def costs_table(setup: Settings) -> pd.DataFrame:
    """What each configuration costs (`COSTS`), with F's time and memory over those of each."""
    table = study.read(setup, COSTS).set_index("configuration")
    for column in ("step_seconds", "peak_mib", "paper_batch_peak_mib"):
        table[f"f_over_{column}"] = float(table[column]["F"]) / table[column]
    return table


def _against_snr(setup: Settings, trained: list[Run], piece: Piece) -> list[Row]:
    """The judges' measures of an unprocessed mixture at several SNRs about its own (snr_db)."""
    (corpus, task, item), rows = piece, []
    mixture = corpus.load(item)
    for snr_db in SNRS_DB:
        again = mix(mixture.target, mixture.noise, measured_snr_db(mixture.target, mixture.noise) + snr_db)
        found = score(again.target, again.mixture, setup.geometry.sample_rate, JUDGES[task], again.noise)
        rows.append({"task": task, "item": item.name, "snr_db": snr_db} | found)
    return rows


REFERENCE = Study("separation_against_snr", lambda setup: [], pieces, _against_snr, ("task",))
EVERY, SCORE = partial(pieces, silent=True), partial(_score, MEASURES)
ALL_MEASURES = ("l1", *dict.fromkeys(name for own in MEASURES.values() for name in own))
KEPT = tuple(f"excerpts/{task}_*" for task in TASKS)
CAPACITY = Study("capacity", capacity_cells, EVERY, SCORE, BY, ALL_MEASURES, _keep_excerpts, KEPT)
SPOKEN, SCORE_SPOKEN = partial(pieces, tasks=(SPEECH,)), partial(_score, {SPEECH: CONFIGURATION_MEASURES})
LABELS, MEASURED = ("task", "configuration", "contender"), ("l1", *CONFIGURATION_MEASURES)
KEPT_LOSS = (LOSS_FILE,)  # the costs are times: another run's stay where they are
CONFIGURATION = Study("configurations", _layer_cells, SPOKEN, SCORE_SPOKEN, LABELS, MEASURED, _keep_costs, KEPT_LOSS)

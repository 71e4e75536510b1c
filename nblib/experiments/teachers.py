"""The codec networks: each teacher's codec learnt once, then frozen (MM'19 Section 4, IJCNN'20 Section IV)."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nblib import audio, provenance, study
from nblib.audio import Codec, Geometry
from nblib.corpora import SPLITS, Corpus, Item
from nblib.entries import LossNetwork
from nblib.errors import TrainingDiverged, check_choice
from nblib.evaluation.intervals import contrast
from nblib.experiments.overview import against_codec, codec_title, different, keep_excerpts
from nblib.losses import LossSpec
from nblib.networks import WaveUNet, through
from nblib.settings import Settings
from nblib.study import Row, Study, recordings
from nblib.training import Cell, Run, Source, train_all

HISTORY, FIGURE2 = "loss_network_history.csv", "figure2"
BASELINES = ("identity", "low_pass")


def loss_network(setup: Settings, teacher: str) -> LossNetwork:
    """What learns the codec of `teacher`; `ParameterError` where there is no such teacher."""
    check_choice("teacher", teacher, setup.teachers)
    return setup.loss_networks[setup.teachers[teacher].loss_network]


def own_error(setup: Settings, teacher: str) -> str:
    """The error that its network was trained with: a column of the study."""
    return "l1_samples" if loss_network(setup, teacher).network.on_samples else "l1"


def cell(setup: Settings, teacher: str) -> Cell:
    """The network that learns one teacher's codec."""
    own, codec = loss_network(setup, teacher), setup.teachers[teacher].codec
    corpus = recordings(setup, "music", own.geometry.sample_rate)
    music = Source(corpus, own.geometry, codec, overlap=own.network.on_samples)
    labels = {"teacher": teacher, "seed": setup.seed}
    return Cell(labels, music, own.network, LossSpec("l1"), own.training, setup.domain)


def run(setup: Settings, teacher: str) -> Run:
    """One teacher's network, trained or loaded, to build upon; `TrainingDiverged` where it came to nothing."""
    (trained,) = train_all([cell(setup, teacher)], setup.device)
    if not trained.usable:
        named = f"loss network {teacher} ({trained.hash}): {trained.status}"
        raise TrainingDiverged(f"{named}; lower its learning rate or change the seed")
    return trained


def pieces(setup: Settings) -> list[tuple[Corpus, str, Item]]:
    """Every teacher with every held-out piece at its rate."""
    rates = {name: loss_network(setup, name).geometry.sample_rate for name in setup.teachers}
    corpora = {name: recordings(setup, "music", rate) for name, rate in rates.items()}
    return [(own, name, item) for name, own in corpora.items() for split in SPLITS[1:] for item in own.items(split)]


def seen(samples: np.ndarray, geometry: Geometry, domain: str) -> Tensor:
    """What a network on magnitudes takes of a whole signal [shape=(n,)]: [shape=(patches, 1, bins, frames)]."""
    return audio.scale(audio.analyse(samples, geometry).abs(), domain).unsqueeze(1)


def sound(estimate: Tensor, like: np.ndarray, geometry: Geometry, domain: str) -> np.ndarray:
    """Samples [shape=(n,)] of what such a network puts out, with the phase of `like` [shape=(n,)]."""
    spectrum = torch.polar(audio.unscale(estimate.squeeze(1), domain), audio.analyse(like, geometry).angle())
    return audio.synthesise(spectrum, len(like), geometry).numpy()


@torch.no_grad()
def emulation(setup: Settings, own: Run, lossless: np.ndarray) -> tuple[Geometry, np.ndarray, Tensor, np.ndarray]:
    """What codec and network make of a piece [shape=(n,)]: a geometry, coded samples, and the network's output.

    That is linear magnitudes [shape=(patches, bins, frames)], and samples: a spectral network's sound has the phase of
    the coded one (MM'19 Section 4.3).
    """
    teacher, network = own.labels["teacher"], own.network()
    geometry = loss_network(setup, teacher).geometry
    coded = setup.teachers[teacher].codec.roundtrip(lossless, geometry.sample_rate)
    if isinstance(network, WaveUNet):
        geometry, emulated = replace(setup.mm19.geometry, sample_rate=geometry.sample_rate), through(network, lossless)
        return geometry, coded, audio.analyse(emulated, geometry).abs().clamp(max=1), emulated
    scaled = network(seen(lossless, geometry, setup.domain))
    emulated = sound(scaled, coded, geometry, setup.domain)
    return geometry, coded, audio.unscale(scaled.squeeze(1), setup.domain), emulated


def score(setup: Settings, trained: list[Run], piece: tuple[Corpus, str, Item]) -> list[Row]:
    """What the network makes of a piece, beside the piece as it is and cut at the codec's cut-off: `against_codec`."""
    corpus, teacher, item = piece
    (own,) = (each for each in trained if each.labels["teacher"] == teacher)
    if not own.usable:
        return []
    lossless = corpus.load(item)
    geometry, coded, *emulated = emulation(setup, own, lossless)
    first = own.row | {"split": item.split, "item": item.name}
    return [first | row for row in against_codec(lossless, coded, geometry, setup.domain, emulation=emulated)]


def histories(trained: Sequence[Run]) -> pd.DataFrame:
    """Labels, epoch, training_loss, validation_loss and validation_l1 of every epoch of every network."""
    epochs = [(each.labels, enumerate(each.record.get("history", []), start=1)) for each in trained]
    return pd.DataFrame([row | {**labels, "epoch": epoch} for labels, own in epochs for epoch, row in own])


def _coded(setup: Settings) -> dict[str, Codec]:
    return {f"{own.codec.name}_{own.codec.bitrate // 1000}k": own.codec for own in setup.teachers.values()}


def figure2_names(setup: Settings) -> dict[str, str]:
    """What the rows of MM'19 Figure 2 are called: lossless, every codec, and every teacher's network."""
    coded = {system: codec_title(codec) for system, codec in _coded(setup).items()}
    return {"lossless": "lossless"} | coded | {name: teacher.title for name, teacher in setup.teachers.items()}


@provenance.torch_threads(1)
def keep(setup: Settings, trained: list[Run]) -> None:
    """Learning curves, and for MM'19 Figure 2 what codecs and networks make of a few pieces."""
    study.save(setup, HISTORY, histories(trained))
    rate, found = setup.mm19.geometry.sample_rate, []
    corpus = recordings(setup, "music", rate)
    for item in different([*corpus.items("test"), *corpus.items("validation")]):
        sounds = {"lossless": corpus.load(item)}
        sounds |= {name: codec.roundtrip(sounds["lossless"], rate) for name, codec in _coded(setup).items()}
        for each in (each for each in trained if each.usable):
            own_rate = loss_network(setup, each.labels["teacher"]).geometry.sample_rate
            *_, emulated = emulation(setup, each, recordings(setup, "music", own_rate).load(item))
            sounds[each.labels["teacher"]] = audio.resample(emulated, own_rate, rate)
        found.append((item, sounds))
    keep_excerpts(setup, FIGURE2, found)


MEASURES = ("l1", "l1_samples", "cutoff_error_hz", "hole_precision", "hole_recall")
BY, KEPT = ("teacher", "system"), (HISTORY, f"**/{FIGURE2}_*")
LOSS_NETWORKS = Study(
    "loss_networks", lambda setup: [cell(setup, own) for own in setup.teachers], pieces, score, BY, MEASURES, keep, KEPT
)


def against_baselines(setup: Settings, scores: pd.DataFrame) -> pd.DataFrame:
    """Each network against each baseline on all held-out pieces, in its own error: ratio of means, and `contrast`."""
    tables = []
    for (teacher, own), baseline in product(scores.groupby("teacher", sort=False), BASELINES):
        measure = own_error(setup, str(teacher))
        means = own.groupby("system")[measure].mean()
        found = contrast(own, "emulation", baseline, measure, ["teacher"], label="system")
        tables.append(found.assign(baseline=baseline, ratio=means["emulation"] / means[baseline]))
    columns = ["teacher", "baseline", "measure", "ratio", "mean", "low", "high", "seeds"]
    return pd.concat(tables, ignore_index=True)[columns]

"""The codec networks: each teacher's codec learnt once, then frozen (MM'19 Section 4, IJCNN'20 Section IV)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from nblib import audio, data, study
from nblib.audio import Codec, Geometry, scale, unscale
from nblib.corpora import Corpus, Item
from nblib.entries import LossNetwork
from nblib.errors import TrainingDiverged, check_choice
from nblib.evaluation import hole_scores
from nblib.evaluation.intervals import contrast
from nblib.experiments import codecs
from nblib.experiments.overview import different, short_title
from nblib.losses import LossSpec
from nblib.networks import MaskUNet, WaveUNet, through
from nblib.provenance import torch_threads
from nblib.settings import Settings
from nblib.study import Cell, Row, Study, Trained
from nblib.training import Run, RunConfig, Source

HISTORY, PATCHES = "loss_network_history.csv", "figure2_patches.csv.gz"
BASELINES = ("identity", "low_pass")


def loss_network(setup: Settings, teacher: str) -> LossNetwork:
    """What learns the codec of `teacher`."""
    return setup.loss_networks[setup.teachers[teacher].loss_network]


def own_error(setup: Settings, teacher: str) -> str:
    """The error that its network was trained with: a column of the study."""
    return "l1_samples" if loss_network(setup, teacher).network.on_samples else "l1"


def cell(setup: Settings, name: str) -> Cell:
    """The network that learns one teacher's codec; `ParameterError` where there is no such teacher."""
    check_choice("teacher", name, setup.teachers)
    own = loss_network(setup, name)
    corpus = data.music(setup, own.geometry.sample_rate)
    source = Source(corpus, own.geometry, setup.teachers[name].codec, overlap=own.network.on_samples)
    loss, patches = LossSpec("l1"), source.fingerprint
    config = RunConfig(own.network, loss, own.training, own.geometry, setup.domain, patches, setup.seed)
    return Cell({"teacher": name, "seed": setup.seed}, config, source)


def run(setup: Settings, name: str) -> Run:
    """One teacher's network, trained or loaded, for a codec loss to be built upon.

    Raises
    ------
    TrainingDiverged
        It diverged or collapsed: nothing can be built on it.
    """
    (trained,) = study.train(setup, [cell(setup, name)])
    if not trained.usable:
        wrong = f"loss network {name} ({trained.run.hash}): {trained.run.status}"
        raise TrainingDiverged(f"{wrong}; lower its learning rate or change the seed")
    return trained.run


@dataclass(frozen=True)
class Piece:
    """A held-out piece for a network to be heard on; with its corpus, so that no worker opens that anew."""

    trained: Trained
    source: Source
    item: Item

    def heard(self, setup: Settings) -> tuple[Geometry, np.ndarray, np.ndarray, tuple[torch.Tensor, np.ndarray]]:
        """The spectrogram it is measured by, the piece lossless and coded, and what the network makes of it."""
        geometry, network = self.source.geometry, self.trained.run.network()
        lossless = self.source.corpus.load(self.item)
        codec = setup.teachers[self.trained.labels["teacher"]].codec
        coded = codec.roundtrip(lossless, geometry.sample_rate)
        if isinstance(network, WaveUNet):
            geometry = replace(setup.mm19.geometry, sample_rate=geometry.sample_rate)
        return geometry, lossless, coded, emulation(setup, network, geometry, lossless, coded)


def pieces(setup: Settings, trained: list[Trained]) -> list[Piece]:
    """Every usable network with every held-out piece."""
    sources = [(each, cell(setup, each.labels["teacher"]).data) for each in trained if each.usable]
    held_out = ("validation", "test")
    return [Piece(each, own, item) for each, own in sources for split in held_out for item in own.corpus.items(split)]


def score(setup: Settings, trained: list[Trained], piece: Piece) -> list[Row]:
    """What the network makes of a piece, beside the piece as it is and cut at the codec's cut-off.

    `l1` is of scaled magnitudes, `l1_samples` of samples: a spectral network's sound has the codec's phase.
    """
    geometry, lossless, coded, emulated = piece.heard(setup)
    cutoff_hz = audio.cutoff_hz(lossless, coded, geometry.sample_rate)
    before, after = (audio.analyse(samples, geometry).abs().clamp(max=1) for samples in (lossless, coded))
    cut, bins = codecs.low_passed(audio.analyse(lossless, geometry), cutoff_hz, geometry)
    low_passed = np.asarray(audio.synthesise(cut, len(lossless), geometry))
    systems = {"identity": (before, lossless), "low_pass": (cut.abs().clamp(max=1), low_passed), "emulation": emulated}
    first = piece.trained.row | {"split": piece.item.split, "item": piece.item.name}
    rows = []
    for system, (magnitude, sound) in systems.items():
        errors = {"l1": float((scale(magnitude, setup.domain) - scale(after, setup.domain)).abs().mean())}
        errors["l1_samples"] = float(np.abs(sound - coded).mean())
        cutoff = {"codec_cutoff_hz": cutoff_hz}
        cutoff["cutoff_error_hz"] = audio.cutoff_hz(lossless, sound, geometry.sample_rate) - cutoff_hz
        holes = hole_scores(before.numpy(), after.numpy(), magnitude.numpy(), bins)
        rows.append(first | {"system": system} | errors | cutoff | holes)
    return rows


@torch.no_grad()
def emulation(
    setup: Settings, network: MaskUNet | WaveUNet, geometry: Geometry, lossless: np.ndarray, coded: np.ndarray
) -> tuple[torch.Tensor, np.ndarray]:
    """What the network makes of `lossless` [shape=(n,)]: linear magnitudes [shape=(patches, bins, frames)] and samples.

    A spectral network's sound has the phase of `coded`, as in MM'19 Section 4.3.
    """
    if isinstance(network, WaveUNet):
        sound = through(network, lossless)
        return audio.analyse(sound, geometry).abs().clamp(max=1), sound
    seen = scale(audio.analyse(lossless, geometry).abs().clamp(max=1), setup.domain)
    magnitude = unscale(network(seen.unsqueeze(1)).squeeze(1), setup.domain)
    spectrum = audio.with_phase(magnitude, audio.analyse(coded, geometry))
    return magnitude, np.asarray(audio.synthesise(spectrum, len(lossless), geometry))


def histories(trained: Sequence[Trained]) -> pd.DataFrame:
    """Labels, epoch, training_loss, validation_loss and validation_l1 of every epoch of every network."""
    tables = [pd.DataFrame(each.run.record.get("history", [])).assign(**each.labels) for each in trained]
    return pd.concat([own.assign(epoch=range(1, len(own) + 1)) for own in tables], ignore_index=True)


def keep(setup: Settings, trained: list[Trained]) -> None:
    """Learning curves, and the patches and sounds of MM'19 Figure 2."""
    study.save(setup, HISTORY, histories(trained))
    corpus = data.music(setup, setup.mm19.geometry.sample_rate)
    with torch_threads(1):
        items = different([*corpus.items("test"), *corpus.items("validation")])
        patches = [_figure2(setup, trained, corpus, item) for item in items]
    study.save(setup, PATCHES, pd.concat(patches, ignore_index=True))


LOSS_NETWORKS = Study(
    "loss_networks",
    lambda setup: [cell(setup, name) for name in setup.teachers],
    pieces,
    score,
    by=("teacher", "system"),
    measures=("l1", "l1_samples", "cutoff_error_hz", "hole_precision", "hole_recall"),
    keep=keep,
    kept=(HISTORY, PATCHES, "excerpts/figure2_*"),
)


def against_baselines(setup: Settings, scores: pd.DataFrame) -> pd.DataFrame:
    """Each network against identity and low-pass on all held-out pieces, in the error that it was trained with.

    Columns: teacher, baseline, measure, ratio (of mean errors), and as `contrast` gives them mean, low, high of the
    difference network - baseline, and seeds: of a network trained once there is no interval.
    """
    tables = []
    for teacher, own in scores.groupby("teacher", sort=False):
        measure = own_error(setup, str(teacher))
        means = own.groupby("system")[measure].mean()
        for baseline in BASELINES:
            found = contrast(own, "emulation", baseline, measure, ["teacher"], label="system")
            tables.append(found.assign(baseline=baseline, ratio=means["emulation"] / means[baseline]))
    table = pd.concat(tables, ignore_index=True)
    return table[["teacher", "baseline", "measure", "ratio", "mean", "low", "high", "seeds"]]


def _coded(setup: Settings) -> dict[str, Codec]:
    codecs_learnt = [teacher.codec for teacher in setup.teachers.values()]
    return {f"{codec.name}_{codec.bitrate // 1000}k": codec for codec in codecs_learnt}


def figure2_names(setup: Settings) -> dict[str, str]:
    """What the rows of MM'19 Figure 2 are called: lossless, every codec, and every teacher's network."""
    coded = {system: codecs.title(codec) for system, codec in _coded(setup).items()}
    return {"lossless": "lossless"} | coded | {name: teacher.title for name, teacher in setup.teachers.items()}


def _figure2(setup: Settings, trained: list[Trained], corpus: Corpus, item: Item) -> pd.DataFrame:
    """The loudest patch of a piece as decibels, one row per system and bin, and its sounds, at MM'19's sample rate."""
    geometry = setup.mm19.geometry
    lossless = corpus.load(item)
    sounds = {system: codec.roundtrip(lossless, geometry.sample_rate) for system, codec in _coded(setup).items()}
    sounds = {"lossless": lossless} | sounds
    for each in (each for each in trained if each.usable):
        own, *_, (_, made) = Piece(each, cell(setup, each.labels["teacher"]).data, item).heard(setup)
        sounds[each.labels["teacher"]] = audio.resample(made, own.sample_rate, geometry.sample_rate)
    kept, tables = audio.loudest(lossless, geometry.patch_samples), []
    frequency_hz = np.arange(geometry.bins) * geometry.sample_rate / geometry.window
    for system, samples in sounds.items():
        study.save_sound(setup, f"figure2_{item.name}_{system}", samples[kept], geometry.sample_rate)
        decibels = 20 * torch.log10(audio.analyse(samples[kept], geometry)[0].abs().clamp(min=1e-6))
        labels = {"item": item.name, "title": short_title(item), "system": system, "frequency_hz": frequency_hz}
        frames = pd.DataFrame(np.round(decibels.numpy(), 1)).add_prefix("frame")
        tables.append(pd.concat([pd.DataFrame(labels), frames], axis=1))
    return pd.concat(tables, ignore_index=True)

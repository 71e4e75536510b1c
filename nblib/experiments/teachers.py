"""The codec networks: each teacher's codec learnt once, then frozen (MM'19 Section 4, IJCNN'20 Section IV)."""

from collections.abc import Sequence
from dataclasses import replace

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
from nblib.experiments.overview import codec_title, different, keep_excerpts, low_passed, short_title
from nblib.losses import LossSpec
from nblib.networks import WaveUNet, through
from nblib.provenance import torch_threads
from nblib.settings import Settings
from nblib.study import Cell, Row, Study, Trained
from nblib.training import Run, RunConfig, Source

HISTORY, PATCHES = "loss_network_history.csv", "figure2_patches.csv.gz"
BASELINES = ("identity", "low_pass")
Piece = tuple[Trained, Source, Item]  # a network and what it is heard on; no worker opens the corpus anew


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


def cells(setup: Settings) -> list[Cell]:
    """A network per teacher."""
    return [cell(setup, name) for name in setup.teachers]


def run(setup: Settings, name: str) -> Run:
    """One teacher's network, trained or loaded, to build upon; `TrainingDiverged` where it came to nothing."""
    (trained,) = study.train(setup, [cell(setup, name)])
    if not trained.usable:
        wrong = f"loss network {name} ({trained.run.hash}): {trained.run.status}"
        raise TrainingDiverged(f"{wrong}; lower its learning rate or change the seed")
    return trained.run


def pieces(setup: Settings, trained: Sequence[Trained]) -> list[Piece]:
    """Every usable network with every held-out piece."""
    sources = [(each, cell(setup, each.labels["teacher"]).data) for each in trained if each.usable]
    held_out = ("validation", "test")
    return [(each, own, item) for each, own in sources for split in held_out for item in own.corpus.items(split)]


@torch.no_grad()
def emulation(setup: Settings, piece: Piece) -> tuple[Geometry, dict[str, np.ndarray], torch.Tensor]:
    """The spectrogram that a network is measured by; a piece "lossless", "coded" and as the network's "emulation".

    Samples [shape=(n,)], and the emulation's linear magnitudes [shape=(patches, bins, frames)]. A spectral network's
    sound has the phase of the coded one (MM'19 Section 4.3).
    """
    trained, source, item = piece
    geometry, network, lossless = source.geometry, trained.run.network(), source.corpus.load(item)
    coded = setup.teachers[trained.labels["teacher"]].codec.roundtrip(lossless, geometry.sample_rate)
    if isinstance(network, WaveUNet):
        geometry, sound = replace(setup.mm19.geometry, sample_rate=geometry.sample_rate), through(network, lossless)
        magnitude = audio.analyse(sound, geometry).abs().clamp(max=1)
    else:
        seen = scale(audio.analyse(lossless, geometry).abs().clamp(max=1), setup.domain)
        magnitude = unscale(network(seen.unsqueeze(1)).squeeze(1), setup.domain)
        spectrum = audio.with_phase(magnitude, audio.analyse(coded, geometry))
        sound = audio.synthesise(spectrum, len(lossless), geometry).numpy()
    return geometry, {"lossless": lossless, "coded": coded, "emulation": sound}, magnitude


def score(setup: Settings, trained: list[Trained], piece: Piece) -> list[Row]:
    """What the network makes of a piece, beside the piece as it is and cut at the codec's cut-off.

    `l1` is of scaled magnitudes, `l1_samples` of samples: a spectral network's sound has the codec's phase.
    """
    geometry, sounds, emulated = emulation(setup, piece)
    lossless, coded = sounds["lossless"], sounds["coded"]
    cutoff_hz = audio.cutoff_hz(lossless, coded, geometry.sample_rate)
    before, after = (audio.analyse(samples, geometry).abs().clamp(max=1) for samples in (lossless, coded))
    cut, bins = low_passed(audio.analyse(lossless, geometry), cutoff_hz, geometry)
    low_pass = audio.synthesise(cut, len(lossless), geometry).numpy()
    systems = {"identity": (before, lossless), "low_pass": (cut.abs().clamp(max=1), low_pass)}
    first = piece[0].row | {"split": piece[2].split, "item": piece[2].name}
    rows = []
    for system, (magnitude, sound) in (systems | {"emulation": (emulated, sounds["emulation"])}).items():
        errors = {"l1": float((scale(magnitude, setup.domain) - scale(after, setup.domain)).abs().mean())}
        errors |= {"l1_samples": float(np.abs(sound - coded).mean()), "codec_cutoff_hz": cutoff_hz}
        errors["cutoff_error_hz"] = audio.cutoff_hz(lossless, sound, geometry.sample_rate) - cutoff_hz
        holes = hole_scores(before.numpy(), after.numpy(), magnitude.numpy(), bins)
        rows.append(first | {"system": system} | errors | holes)
    return rows


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
        study.save(setup, PATCHES, pd.concat([_figure2(setup, trained, corpus, item) for item in items]))


MEASURES = ("l1", "l1_samples", "cutoff_error_hz", "hole_precision", "hole_recall")
FILES = (HISTORY, PATCHES, "excerpts/figure2_*")
LOSS_NETWORKS = Study("loss_networks", cells, pieces, score, ("teacher", "system"), MEASURES, keep, FILES)


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
    columns = ["teacher", "baseline", "measure", "ratio", "mean", "low", "high", "seeds"]
    return pd.concat(tables, ignore_index=True)[columns]


def _coded(setup: Settings) -> dict[str, Codec]:
    return {f"{each.codec.name}_{each.codec.bitrate // 1000}k": each.codec for each in setup.teachers.values()}


def figure2_names(setup: Settings) -> dict[str, str]:
    """What the rows of MM'19 Figure 2 are called: lossless, every codec, and every teacher's network."""
    coded = {system: codec_title(codec) for system, codec in _coded(setup).items()}
    return {"lossless": "lossless"} | coded | {name: teacher.title for name, teacher in setup.teachers.items()}


def _figure2(setup: Settings, trained: list[Trained], corpus: Corpus, item: Item) -> pd.DataFrame:
    """The loudest patch of a piece as decibels, one row per system and bin, and its sounds, at MM'19's sample rate."""
    geometry, lossless, rate = setup.mm19.geometry, corpus.load(item), corpus.sample_rate
    sounds = {"lossless": lossless}
    sounds |= {system: codec.roundtrip(lossless, rate) for system, codec in _coded(setup).items()}
    for each in (each for each in trained if each.usable):
        teacher = each.labels["teacher"]
        heard, made, _ = emulation(setup, (each, cell(setup, teacher).data, item))
        sounds[teacher] = audio.resample(made["emulation"], heard.sample_rate, rate)
    frequency_hz = np.arange(geometry.bins) * rate / geometry.window
    frames = {}
    for system, samples in keep_excerpts(setup, f"figure2_{item.name}", sounds, rate, geometry.patch_samples).items():
        decibels = 20 * torch.log10(audio.analyse(samples, geometry)[0].abs().clamp(min=1e-6)).numpy()
        own = pd.DataFrame(np.round(decibels, 1), index=frequency_hz).add_prefix("frame")
        frames[item.name, short_title(item), system] = own
    return pd.concat(frames, names=["item", "title", "system", "frequency_hz"]).reset_index()

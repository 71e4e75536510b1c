"""The codec networks: trained once per profile and corpus, then frozen (MM'19 Section 4, IJCNN'20 Section IV)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch

from nblib import audio
from nblib.audio import Geometry, scale, unscale
from nblib.corpora import Item, MusicCorpus
from nblib.errors import TrainingDiverged, check_choice
from nblib.evaluation import hole_scores
from nblib.evaluation.intervals import paired_interval
from nblib.experiments import results
from nblib.experiments.overview import short_title
from nblib.experiments.settings import Settings
from nblib.networks import MaskUNet, WaveUNet, through
from nblib.parallel import parallel_map
from nblib.patches import codec_pairs, sample_codec_pairs
from nblib.provenance import config_hash, torch_threads
from nblib.training import LossSpec, NetworkSpec, Run, RunConfig, Training
from nblib.training.sweep import train_all

TABLE, HISTORY, PATCHES = "loss_networks.csv", "loss_network_history.csv", "figure2_patches.csv.gz"
IJCNN20, SPECTRAL, TIME_DOMAIN = "ijcnn20", "mm19_spectral", "mm19_time_domain"
NETWORKS = {
    IJCNN20: "IJCNN'20, spectral",
    SPECTRAL: "MM'19, spectral",
    TIME_DOMAIN: "MM'19, time domain",
}
OWN_ERROR = {IJCNN20: "l1", SPECTRAL: "l1", TIME_DOMAIN: "l1_samples"}  # what each was trained with
SYSTEMS = ("lossless", "mp3", SPECTRAL, TIME_DOMAIN)  # the rows of MM'19 Figure 2


@dataclass(frozen=True)
class _Part:
    """What one loss network is, and the geometry of its patches and of the spectrograms that it is measured by."""

    network: NetworkSpec
    training: Training
    patches: Geometry
    spectrogram: Geometry


def _part(setup: Settings, name: str) -> _Part:
    check_choice("loss network", name, NETWORKS)
    mm19 = setup.mm19
    if name == IJCNN20:
        return _Part(setup.loss_network, setup.loss_training, setup.geometry, setup.geometry)
    if name == SPECTRAL:
        return _Part(mm19.spectral, mm19.spectral_training, mm19.geometry, mm19.geometry)
    return _Part(mm19.time_domain, mm19.time_domain_training, mm19.time_geometry, mm19.geometry)


def _corpus(setup: Settings, name: str) -> MusicCorpus:
    return setup.music_corpus(_part(setup, name).patches.sample_rate)


def config(setup: Settings, name: str = IJCNN20) -> RunConfig:
    """The run of one of the profile's loss networks."""
    part = _part(setup, name)
    return RunConfig(
        label=f"loss network {name}",
        network=part.network,
        loss=LossSpec("l1"),
        training=part.training,
        geometry=part.patches,
        domain=setup.domain,
        data=config_hash([_corpus(setup, name).fingerprint, setup.codec.identity]),
        seed=setup.seed,
    )


def train(setup: Settings, names: tuple[str, ...] = (IJCNN20,), log: Callable[[str], None] = print) -> list[Run]:
    """The trained loss networks of these `names`, in their order.

    Raises
    ------
    TrainingDiverged
        One diverged or collapsed: nothing can be built on it.
    """
    configs = [config(setup, name) for name in names]
    sources = [
        partial(
            sample_codec_pairs if run.network.on_samples else codec_pairs,
            _corpus(setup, name),
            setup.codec,
            run.geometry,
        )
        for name, run in zip(names, configs, strict=True)
    ]
    runs = train_all(configs, sources, setup.device, log)
    for name, run in zip(names, runs, strict=True):
        if run.status in ("diverged", "collapsed"):
            raise TrainingDiverged(
                f"loss network {name} ({run.hash}): {run.status}; lower its learning rate or change the seed"
            )
    return runs


def make(setup: Settings, log: Callable[[str], None] = print) -> None:
    """Train or load the networks, score them on held-out pieces, and write their tables and excerpts."""
    runs = dict(zip(NETWORKS, train(setup, tuple(NETWORKS), log), strict=True))
    results.save_runs(setup, "loss network", list(runs.values()))
    files = (TABLE, HISTORY, PATCHES, "excerpts/figure2_*")
    made_from = [[run.hash, _corpus(setup, name).fingerprint] for name, run in runs.items()]
    results.once(setup, made_from, files, partial(_write, setup, runs))


def _write(setup: Settings, runs: dict[str, Run]) -> None:
    rows: list[dict[str, object]] = []
    histories = []
    for name, run in runs.items():
        corpus = _corpus(setup, name)
        items = [item for split in ("validation", "test") for item in corpus.items(split)]
        for part in parallel_map(partial(_score_item, setup, name, run), items):
            rows += part
        history = pd.DataFrame(run.record["history"])
        histories.append(history.assign(network=name, epoch=range(1, len(history) + 1)))
    results.save(setup, TABLE, pd.DataFrame(rows))
    results.save(setup, HISTORY, pd.concat(histories, ignore_index=True))
    networks = {name: runs[name].network() for name in (SPECTRAL, TIME_DOMAIN)}
    with torch_threads(1):
        patches = [_example(setup, networks, item) for item in different_pieces(_corpus(setup, SPECTRAL))]
    results.save(setup, PATCHES, pd.concat(patches, ignore_index=True))


def results_table(setup: Settings, source: str, log: Callable[[str], None] = print) -> pd.DataFrame:
    """One row per network, held-out piece and system (identity, low-pass at the codec's cut-off, emulation).

    `l1` is of scaled magnitudes, `l1_samples` of samples; a spectral network's sound has the codec's phase.
    """
    if results.wants_run(source):
        make(setup, log)
    return results.read(setup, TABLE)


def against_baselines(scores: pd.DataFrame) -> pd.DataFrame:
    """Each network against identity and low-pass on all held-out pieces, in the error that it was trained with.

    Columns: network, baseline, measure, ratio (of mean errors), and mean, low, high of the paired difference network -
    baseline with its 95 % interval over pieces.
    """
    table = []
    for network, own in scores.groupby("network", sort=False):
        measure = OWN_ERROR[str(network)]
        errors = own.pivot(index="item", columns="system", values=measure)
        for baseline in ("identity", "low_pass"):
            difference = (errors["emulation"] - errors[baseline]).to_numpy()[None]
            ratio = errors["emulation"].mean() / errors[baseline].mean()
            row = {"network": network, "baseline": baseline, "measure": measure, "ratio": ratio}
            table.append(row | paired_interval(difference))
    return pd.DataFrame(table)


def different_pieces(corpus: MusicCorpus, count: int = 3) -> list[Item]:
    """The first `count` held-out items of different character, from the test split as far as it reaches.

    Where there are fewer characters, the next items fill up.
    """
    items = [*corpus.items("test"), *corpus.items("validation")]
    characters: dict[object, Item] = {}
    for item in items:
        characters.setdefault(item.info.get("character", item.group), item)
    chosen = list(characters.values())[:count]
    return chosen + [item for item in items if item not in chosen][: count - len(chosen)]


@torch.no_grad()
def emulate(setup: Settings, network: MaskUNet, spectrum: torch.Tensor) -> torch.Tensor:
    """The network's linear magnitudes [shape=(patches, bins, frames)] for a complex spectrum of that shape."""
    scaled = scale(spectrum.abs().clamp(max=1), setup.domain)
    return unscale(network(scaled.unsqueeze(1)).squeeze(1), setup.domain)


def emulation(
    setup: Settings, network: MaskUNet | WaveUNet, geometry: Geometry, lossless: np.ndarray, coded: np.ndarray
) -> tuple[torch.Tensor, np.ndarray]:
    """What the network makes of `lossless` [shape=(n,)]: linear magnitudes [shape=(patches, bins, frames)] and samples.

    A spectral network's sound has the phase of `coded`, as in MM'19 Section 4.3.
    """
    if isinstance(network, WaveUNet):
        sound = through(network, lossless)
        return audio.analyse(sound, geometry).abs().clamp(max=1), sound
    magnitude = emulate(setup, network, audio.analyse(lossless, geometry))
    spectrum = audio.with_phase(magnitude, audio.analyse(coded, geometry))
    return magnitude, np.asarray(audio.synthesise(spectrum, len(lossless), geometry))


def _score_item(setup: Settings, name: str, run: Run, item: Item) -> list[dict[str, object]]:
    geometry = _part(setup, name).spectrogram
    lossless = _corpus(setup, name).load(item)
    coded = setup.codec.roundtrip(lossless, geometry.sample_rate)
    cutoff_hz = audio.cutoff_hz(lossless, coded, geometry.sample_rate)
    cutoff_bin = min(geometry.bins, round(cutoff_hz * geometry.window / geometry.sample_rate) + 1)
    before, after = (audio.analyse(samples, geometry).abs().clamp(max=1) for samples in (lossless, coded))
    cut = audio.analyse(lossless, geometry)
    cut[:, cutoff_bin:] = 0
    systems = {
        "identity": (before, lossless),
        "low_pass": (cut.abs().clamp(max=1), np.asarray(audio.synthesise(cut, len(lossless), geometry))),
        "emulation": emulation(setup, run.network(), geometry, lossless, coded),
    }
    target = scale(after, setup.domain)
    rows: list[dict[str, object]] = []
    for system, (magnitude, sound) in systems.items():
        holes = hole_scores(before.numpy(), after.numpy(), magnitude.numpy(), cutoff_bin)
        rows.append(
            {"network": name, "run": run.hash, "seed": setup.seed, "device": run.record["device"]}
            | results.time_columns(run)
            | {"split": item.split, "item": item.name, "system": system}
            | {"l1": float((scale(magnitude, setup.domain) - target).abs().mean())}
            | {"l1_samples": float(np.abs(sound - coded).mean()), "codec_cutoff_hz": cutoff_hz}
            | {"cutoff_error_hz": audio.cutoff_hz(lossless, sound, geometry.sample_rate) - cutoff_hz, **holes}
        )
    return rows


def _example(setup: Settings, networks: dict[str, MaskUNet | WaveUNet], item: Item) -> pd.DataFrame:
    """The loudest patch of a piece as decibels, one row per system and bin, and its sounds."""
    geometry = setup.mm19.geometry
    lossless = _corpus(setup, SPECTRAL).load(item)
    coded = setup.codec.roundtrip(lossless, geometry.sample_rate)
    sounds = {"lossless": lossless, "mp3": coded} | {
        name: emulation(setup, network, geometry, lossless, coded)[1] for name, network in networks.items()
    }
    loudest = int(audio.analyse(lossless, geometry).abs().square().sum(dim=(1, 2)).argmax())
    start = loudest * geometry.frames * geometry.hop
    tables = []
    for system, samples in sounds.items():
        excerpt = samples[start : start + geometry.patch_samples]
        results.save_sound(setup, f"figure2_{item.name}_{system}", excerpt, geometry.sample_rate)
        decibels = 20 * torch.log10(audio.analyse(samples, geometry)[loudest].abs().clamp(min=1e-6))
        table = pd.DataFrame(np.round(decibels.numpy(), 1)).add_prefix("frame")
        table.insert(0, "frequency_hz", np.arange(len(table)) * geometry.sample_rate / geometry.window)
        table.insert(0, "system", system)
        table.insert(0, "title", short_title(item))
        table.insert(0, "item", item.name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)

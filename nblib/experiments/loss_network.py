"""The codec network: trained once per profile and corpus, then frozen (MM'19 Section 4, IJCNN'20 Section IV)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import torch

from nblib import audio
from nblib.audio import scale, unscale
from nblib.corpora import Item, MusicCorpus
from nblib.errors import TrainingDiverged
from nblib.evaluation import hole_scores
from nblib.experiments import results
from nblib.experiments.overview import short_title
from nblib.experiments.settings import Settings
from nblib.networks import MaskUNet
from nblib.parallel import parallel_map
from nblib.patches import codec_pairs
from nblib.provenance import config_hash, torch_threads
from nblib.training import LossSpec, Run, RunConfig, train_or_load

TABLE, HISTORY, PATCHES = "loss_networks.csv", "loss_network_history.csv", "figure2_patches.csv.gz"
SYSTEMS = ("lossless", "mp3", "emulated")  # the rows of MM'19 Figure 2


def config(setup: Settings) -> RunConfig:
    """The run of the profile's loss network."""
    return RunConfig(
        label="loss network",
        network=setup.loss_network,
        loss=LossSpec("l1"),
        training=setup.loss_training,
        geometry=setup.geometry,
        domain=setup.domain,
        data=config_hash([setup.music_corpus().fingerprint, setup.codec.identity]),
        seed=setup.seed,
        threads=2,
    )


def train(setup: Settings, log: Callable[[str], None] = print) -> Run:
    """The trained loss network.

    Raises
    ------
    TrainingDiverged
        It diverged or collapsed: nothing can be built on it.
    """
    data = partial(codec_pairs, setup.music_corpus(), setup.codec, setup.geometry)
    run = train_or_load(config(setup), data, setup.device, log)
    if run.status in ("diverged", "collapsed"):
        raise TrainingDiverged(f"loss network {run.hash}: {run.status}; lower its learning rate or change the seed")
    return run


def make(setup: Settings, log: Callable[[str], None] = print) -> None:
    """Train or load the network, score it on held-out pieces, and write its tables and excerpts."""
    run = train(setup, log)
    corpus = setup.music_corpus()
    results.save_runs(setup, "loss network", [run])
    files = (TABLE, HISTORY, PATCHES, "excerpts/figure2_*")
    results.once(setup, [run.hash, corpus.fingerprint], files, partial(_write, setup, corpus, run))


def _write(setup: Settings, corpus: MusicCorpus, run: Run) -> None:
    items = [item for split in ("validation", "test") for item in corpus.items(split)]
    rows = [row for part in parallel_map(partial(_score_item, setup, corpus, run), items) for row in part]
    results.save(setup, TABLE, pd.DataFrame(rows))
    history = pd.DataFrame(run.record["history"])
    results.save(setup, HISTORY, history.assign(epoch=range(1, len(history) + 1)))
    network = run.network()
    with torch_threads(1):
        patches = [_example(setup, corpus, network, item) for item in different_pieces(corpus)]
    results.save(setup, PATCHES, pd.concat(patches, ignore_index=True))


def results_table(setup: Settings, source: str, log: Callable[[str], None] = print) -> pd.DataFrame:
    """One row per held-out piece and system (identity, low-pass at the codec's cut-off, emulation)."""
    if results.wants_run(source):
        make(setup, log)
    return results.read(setup, TABLE)


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


def _spectra(
    setup: Settings, corpus: MusicCorpus, network: MaskUNet, item: Item
) -> tuple[np.ndarray, np.ndarray, dict[str, torch.Tensor]]:
    lossless = corpus.load(item)
    coded = setup.codec.roundtrip(lossless, corpus.sample_rate)
    spectra = {"lossless": audio.analyse(lossless, setup.geometry), "mp3": audio.analyse(coded, setup.geometry)}
    spectra["emulated"] = audio.with_phase(emulate(setup, network, spectra["lossless"]), spectra["mp3"])
    return lossless, coded, spectra


def _score_item(setup: Settings, corpus: MusicCorpus, run: Run, item: Item) -> list[dict[str, object]]:
    lossless, coded, spectra = _spectra(setup, corpus, run.network(), item)
    cutoff_hz = audio.cutoff_hz(lossless, coded, setup.geometry.sample_rate)
    bin_hz = setup.geometry.sample_rate / setup.geometry.window
    cutoff_bin = min(setup.geometry.bins, round(cutoff_hz / bin_hz) + 1)
    magnitude = {name: spectrum.abs().clamp(max=1) for name, spectrum in spectra.items()}
    low_pass = magnitude["lossless"].clone()
    low_pass[:, cutoff_bin:] = 0
    estimates = {"identity": magnitude["lossless"], "low_pass": low_pass, "emulation": magnitude["emulated"]}
    target = scale(magnitude["mp3"], setup.domain)
    errors = {name: float((scale(value, setup.domain) - target).abs().mean()) for name, value in estimates.items()}
    rows: list[dict[str, object]] = []
    for system, estimate in estimates.items():
        sound = audio.synthesise(audio.with_phase(estimate, spectra["mp3"]), len(lossless), setup.geometry)
        found_hz = audio.cutoff_hz(lossless, np.asarray(sound), setup.geometry.sample_rate)
        holes = hole_scores(magnitude["lossless"].numpy(), magnitude["mp3"].numpy(), estimate.numpy(), cutoff_bin)
        rows.append(
            {"network": "spectral", "run": run.hash, "seed": setup.seed, "device": run.record["device"]}
            | {"split": item.split, "item": item.name, "system": system, "l1": errors[system]}
            | {"l1_over_identity": errors[system] / errors["identity"], "codec_cutoff_hz": cutoff_hz}
            | {"cutoff_error_hz": found_hz - cutoff_hz, **holes}
        )
    return rows


def _example(setup: Settings, corpus: MusicCorpus, network: MaskUNet, item: Item) -> pd.DataFrame:
    """The loudest patch of a piece as decibels, one row per system and bin, and its three sounds."""
    lossless, coded, spectra = _spectra(setup, corpus, network, item)
    loudest = int(spectra["lossless"].abs().square().sum(dim=(1, 2)).argmax())
    start = loudest * setup.geometry.frames * setup.geometry.hop
    emulated = np.asarray(audio.synthesise(spectra["emulated"], len(lossless), setup.geometry))
    tables = []
    for system, samples in zip(SYSTEMS, (lossless, coded, emulated), strict=True):
        results.save_sound(
            setup, f"figure2_{item.name}_{system}", samples[start : start + setup.geometry.patch_samples]
        )
        decibels = 20 * torch.log10(spectra[system][loudest].abs().clamp(min=1e-6))
        table = pd.DataFrame(np.round(decibels.numpy(), 1)).add_prefix("frame")
        table.insert(0, "frequency_hz", np.arange(len(table)) * setup.geometry.sample_rate / setup.geometry.window)
        table.insert(0, "system", system)
        table.insert(0, "title", short_title(item))
        table.insert(0, "item", item.name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)

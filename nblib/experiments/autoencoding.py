"""Models A to D: one autoencoder trained with each loss of MM'19 Section 6, equations (1) to (4); Tables 2 and 3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from nblib import data, study
from nblib.audio import Geometry, band_limit, loudest, resample
from nblib.corpora import Corpus, Item
from nblib.evaluation import frame_snr, peaq_basic, si_sdr_db
from nblib.experiments import teachers
from nblib.experiments.overview import different, short_title
from nblib.losses import ALL, CodecLoss, LossSpec
from nblib.networks import through
from nblib.provenance import torch_threads
from nblib.settings import Settings
from nblib.study import Cell, Row, Study, Trained, untrained
from nblib.training import RunConfig, Source

HISTORY, EXCERPTS = "autoencoder_history.csv", "figure4"
LOSSLESS = "lossless"
HALF_RATE = "half_rate"  # half of the variables without any network: resampled to half the rate and back
MODELS = {"model_a": "Model A", "model_b": "Model B", "model_c": "Model C", "model_d": "Model D"}
LOSSES = {  # `teacher` by its name
    "model_a": LossSpec("l1"),
    "model_b": LossSpec("spectrogram"),
    "model_c": LossSpec("spectral_codec", "mm19_spectral", ALL, prediction=True),
    "model_d": LossSpec("codec", "mm19_time_domain", ALL, prediction=True),
}
MEASURES = ("snr_db", "snr_20log_db", "psnr_db", "snr_10ln", "si_sdr_db", "two_f", "nmr_db")


def patch_geometry(setup: Settings, model: str) -> Geometry:
    """Of a model's training patches: 66,048 samples for Models A, B and C, 16,384 for Model D (Section 6.1)."""
    return setup.mm19.time_geometry if model == "model_d" else setup.mm19.geometry


def loss_terms(setup: Settings) -> pd.DataFrame:
    """What each model's loss compares, read from the losses themselves: MM'19 equations (1) to (4), Figure 3.

    Columns: system; through ("samples", "magnitude", "C^S" or "C^T"); term (of a network "prediction" or "features");
    terms, the number of l1 distances in it; share, what they together come to once the weights are set.
    """
    rows = []
    for model, spec in LOSSES.items():
        network = teachers.loss_network(setup, spec.teacher).network if spec.teacher else None
        loss = spec.build(setup.mm19.geometry, setup.domain, network and network.build())
        layers = loss.layers if isinstance(loss, CodecLoss) else ()
        for name, share in zip(loss.names, loss.shares, strict=True):
            view = "samples" if name == "l1" else name
            row = {"system": model, "through": view, "term": view, "terms": 1, "share": share}
            if network and name in layers:
                row["through"] = "C^T" if network.on_samples else "C^S"
                row["term"] = "prediction" if name == layers[-1] else "features"
            rows.append(row)
    return pd.DataFrame(rows).groupby(["system", "through", "term"], sort=False, as_index=False).sum()


def corpus(setup: Settings) -> Corpus:
    """The music at MM'19's sample rate."""
    return data.music(setup, setup.mm19.geometry.sample_rate)


def cells(setup: Settings, limit_hz: int, replicates: int) -> list[Cell]:
    """A network per seed and model, on material band-limited to `limit_hz`; their loss networks come first.

    Raises
    ------
    TrainingDiverged
        A loss network diverged or collapsed.
    """
    runs = {spec.teacher: teachers.run(setup, spec.teacher).hash for spec in LOSSES.values() if spec.teacher}
    made = []
    for seed in setup.seeds(replicates):
        for model, spec in LOSSES.items():
            loss = replace(spec, teacher=runs.get(spec.teacher, ""), unit_epochs=setup.mm19.unit_epochs)
            source = Source(corpus(setup), patch_geometry(setup, model), limit_hz)
            network, training, patches = setup.mm19.autoencoder, setup.mm19.training, source.fingerprint
            config = RunConfig(network, loss, training, source.geometry, setup.domain, patches, seed)
            made.append(Cell({"system": model, "limit_hz": limit_hz, "seed": seed}, config, source))
    return made


def narrow(setup: Settings) -> list[Cell]:
    """Models A to D on material of 3 kHz, as all of MM'19 but Section 8.1 has them."""
    return cells(setup, setup.mm19.limit_hz, setup.mm19.replicates)


def limited(music: Corpus, item: Item, limit_hz: int) -> np.ndarray:
    """A piece as the models see it: band-limited to `limit_hz` [shape=(n,)]."""
    with torch_threads(1):
        return band_limit(music.load(item), music.sample_rate, limit_hz)


def restored(trained: Sequence[Trained], original: np.ndarray) -> list[tuple[Row, np.ndarray]]:
    """First columns and sound of `original` [shape=(n,)] through every usable network: silence cannot be judged."""
    with torch_threads(1):
        return [(each.row, through(each.run.network(), original)) for each in trained if each.usable]


def pieces(setup: Settings, trained: Sequence[Trained]) -> list[tuple[Corpus, Item]]:
    """The test pieces, each with its corpus, so that no worker opens that anew."""
    return [(corpus(setup), item) for item in corpus(setup).items("test")]


def score(setup: Settings, trained: list[Trained], piece: tuple[Corpus, Item]) -> list[Row]:
    """The SNR of Table 3 and its variants, averaged over frames; SI-SDR, 2f and NMR of the piece."""
    music, item = piece
    original, rate = limited(music, item, setup.mm19.limit_hz), music.sample_rate
    half = resample(resample(original, rate, rate // 2), rate // 2, rate)[: len(original)]
    systems = [(untrained(HALF_RATE, trained[0].labels, "system"), half), *restored(trained, original)]
    sounds = np.stack([sound for _, sound in systems])
    heard = peaq_basic(np.broadcast_to(original, sounds.shape), sounds, rate)
    rows = []
    for number, (system, sound) in enumerate(systems):
        measured = frame_snr(original, sound, setup.mm19.geometry.patch_samples)
        measured |= {"si_sdr_db": si_sdr_db(original, sound)}
        measured |= {"two_f": float(heard["two_f"][number]), "nmr_db": float(heard["TotalNMRB"][number])}
        rows.append(system | {"item": item.name} | measured)
    return rows


def keep(setup: Settings, trained: list[Trained]) -> None:
    """Learning curves, and the sounds of Figure 4."""
    study.save(setup, HISTORY, teachers.histories(trained))
    save_excerpts(setup, trained, different(corpus(setup).items("test")), setup.mm19.limit_hz, EXCERPTS)


SNR = Study(
    "snr",
    narrow,
    pieces,
    score,
    by=("system", "limit_hz"),
    measures=MEASURES,
    keep=keep,
    kept=(HISTORY, f"{EXCERPTS}_pieces.csv", f"excerpts/{EXCERPTS}_*"),
)


def first_of_each(trained: Sequence[Trained]) -> list[Trained]:
    """Of each model the first usable network, to look at and to listen to."""
    firsts = {each.labels["system"]: each for each in reversed(trained) if each.usable}
    return [firsts[model] for model in MODELS if model in firsts]


def save_excerpts(setup: Settings, trained: list[Trained], items: list[Item], limit_hz: int, name: str) -> None:
    """The loudest part of each piece, as it is and through the first of each model, for `excerpts` to read."""
    rows, rate = [], setup.mm19.geometry.sample_rate
    for item in items:
        original = limited(corpus(setup), item, limit_hz)
        kept = loudest(original, setup.mm19.geometry.patch_samples)
        for row, sound in [({"system": LOSSLESS}, original), *restored(first_of_each(trained), original)]:
            study.save_sound(setup, f"{name}_{item.name}_{row['system']}", sound[kept], rate)
            rows.append({"item": item.name, "title": short_title(item), "system": row["system"]})
    study.save(setup, f"{name}_pieces.csv", pd.DataFrame(rows))


def excerpts(setup: Settings, name: str) -> dict[str, dict[str, np.ndarray]]:
    """What `save_excerpts` wrote under `name`: by the systems' titles, then the pieces'."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for row in study.read(setup, f"{name}_pieces.csv").itertuples():
        own = found.setdefault(({LOSSLESS: "lossless"} | MODELS)[str(row.system)], {})
        own[str(row.title)] = study.read_sound(setup, f"{name}_{row.item}_{row.system}")
    return found

"""Models A to D: one autoencoder trained with each loss of MM'19 Section 6, equations (1) to (4); Tables 2 and 3."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from nblib.audio import Geometry, analyse, band_limit, resample
from nblib.corpora import Item, MusicCorpus
from nblib.errors import TrainingDiverged
from nblib.evaluation import frame_snr, peaq_basic, si_sdr_db
from nblib.evaluation.intervals import paired_interval
from nblib.experiments import loss_network, results
from nblib.experiments.loss_network import SPECTRAL, TIME_DOMAIN
from nblib.experiments.overview import short_title
from nblib.experiments.settings import Settings
from nblib.losses import CodecLoss
from nblib.losses.codec import ALL
from nblib.networks import through
from nblib.parallel import parallel_map
from nblib.patches import sample_patches
from nblib.provenance import config_hash, torch_threads
from nblib.training import LossSpec, Run, RunConfig
from nblib.training.sweep import train_all

TABLE, HISTORY, EXCERPTS = "snr.csv", "autoencoder_history.csv", "figure4"
LOSSLESS = "lossless"
MODELS = {"model_a": "Model A", "model_b": "Model B", "model_c": "Model C", "model_d": "Model D"}
HALF_RATE = "half_rate"  # half of the variables without any network: resampled to half the rate and back
NO_SEED = -1
MEASURES = ("snr_db", "snr_20log_db", "psnr_db", "snr_10ln", "si_sdr_db", "two_f", "nmr_db")


def losses(setup: Settings, spectral_run: str, time_run: str) -> dict[str, LossSpec]:
    """Equations (1) to (4); `spectral_run` and `time_run` are the hashes of the loss networks' runs."""
    epochs = setup.mm19.unit_epochs
    return {
        "model_a": LossSpec("l1"),
        "model_b": LossSpec("spectrogram", unit_epochs=epochs),
        "model_c": LossSpec("spectral_codec", spectral_run, ALL, prediction=True, unit_epochs=epochs),
        "model_d": LossSpec("codec", time_run, ALL, prediction=True, unit_epochs=epochs),
    }


def loss_terms(setup: Settings) -> pd.DataFrame:
    """What each model's loss compares, read from the losses themselves: MM'19 equations (1) to (4), Figure 3.

    Columns: system; through ("samples", "magnitude", "C^S" or "C^T"); term (of a network "prediction" or "features");
    terms, the number of l1 distances in it; share, what they together come to once the weights are set.
    """
    networks = {"model_c": ("C^S", setup.mm19.spectral), "model_d": ("C^T", setup.mm19.time_domain)}
    rows = []
    for model, spec in losses(setup, "", "").items():
        view, network = networks.get(model, ("samples", None))
        built = network and network.build()
        loss = spec.around(built, setup.mm19.geometry, setup.domain)
        layers = loss.layers if isinstance(loss, CodecLoss) else ()
        for name, share in zip(loss.names, loss.shares, strict=True):
            through_what = view if name in layers else "samples" if name == "l1" else name
            term = ("prediction" if name == layers[-1] else "features") if name in layers else through_what
            rows.append({"system": model, "through": through_what, "term": term, "terms": 1, "share": share})
    table = pd.DataFrame(rows)
    return table.groupby(["system", "through", "term"], sort=False, as_index=False).sum()


def patch_geometry(setup: Settings, model: str) -> Geometry:
    """Of a model's training patches: 66,048 samples for Models A, B and C, 16,384 for Model D (Section 6.1)."""
    return setup.mm19.time_geometry if model == "model_d" else setup.mm19.geometry


def corpus(setup: Settings) -> MusicCorpus:
    """The music at MM'19's sample rate."""
    return setup.music_corpus(setup.mm19.geometry.sample_rate)


def configs(setup: Settings, specs: dict[str, LossSpec], limit_hz: int, replicates: int) -> list[RunConfig]:
    """One run per seed and model, on material band-limited to `limit_hz`."""
    return [
        RunConfig(
            label=f"{MODELS[model]} {limit_hz} Hz seed {seed}",
            network=setup.mm19.autoencoder,
            loss=spec,
            training=setup.mm19.training,
            geometry=patch_geometry(setup, model),
            domain=setup.domain,
            data=config_hash([corpus(setup).fingerprint, limit_hz]),
            seed=seed,
        )
        for seed in range(setup.seed, setup.seed + replicates)
        for model, spec in specs.items()
    ]


def train(setup: Settings, limit_hz: int, replicates: int, log: Callable[[str], None] = print) -> list[Run]:
    """The runs of `configs`, trained or loaded, the loss networks before them.

    Raises
    ------
    TrainingDiverged
        A loss network diverged or collapsed.
    """
    spectral, time_domain = loss_network.train(setup, (SPECTRAL, TIME_DOMAIN), log)
    chosen = configs(setup, losses(setup, spectral.hash, time_domain.hash), limit_hz, replicates)
    sources = {
        geometry: partial(sample_patches, corpus(setup), limit_hz, geometry)
        for geometry in (setup.mm19.geometry, setup.mm19.time_geometry)
    }
    return train_all(chosen, [sources[config.geometry] for config in chosen], setup.device, log)


def model_of(run: Run) -> str:
    """Which of `MODELS` a run trained."""
    kinds = {"l1": "model_a", "spectrogram": "model_b", "spectral_codec": "model_c", "codec": "model_d"}
    return kinds[run.record["config"]["loss"]["kind"]]


def usable(runs: list[Run]) -> list[Run]:
    """The runs that have a network to hear; `results.failed` names the others."""
    return [run for run in runs if run.status != "diverged"]


def first_of_each(setup: Settings, runs: list[Run]) -> dict[str, Run]:
    """The run of the first seed of each model, to look at and to listen to.

    Raises
    ------
    TrainingDiverged
        One of them has no network.
    """
    first = {model_of(run): run for run in runs if run.record["config"]["seed"] == setup.seed}
    for run in first.values():
        if run.status == "diverged":
            raise TrainingDiverged(f"{run.record['label']}: {run.record['reason']}")
    return first


def limited(setup: Settings, item: Item, limit_hz: int) -> np.ndarray:
    """A piece as the models see it: band-limited to `limit_hz` [shape=(n,)]."""
    with torch_threads(1):
        return band_limit(corpus(setup).load(item), corpus(setup).sample_rate, limit_hz)


def make(setup: Settings, log: Callable[[str], None] = print) -> None:
    """Train or load Models A to D, score every test piece, and write tables and the sounds of Figure 4."""
    runs = train(setup, setup.mm19.limit_hz, setup.mm19.replicates, log)
    results.save_runs(setup, "autoencoder", runs)
    made_from = [[run.hash for run in runs], corpus(setup).fingerprint]
    files = (TABLE, HISTORY, f"{EXCERPTS}_pieces.csv", f"excerpts/{EXCERPTS}_*")
    results.once(setup, made_from, files, partial(_write, setup, runs))


def _write(setup: Settings, runs: list[Run]) -> None:
    parts = parallel_map(partial(_score_item, setup, runs), corpus(setup).items("test"))
    rows = pd.DataFrame([row for part in parts for row in part])
    results.save(setup, TABLE, rows.sort_values(["system", "seed", "item"], kind="stable"))
    histories = [
        pd.DataFrame(run.record.get("history", [])).assign(
            system=model_of(run), seed=run.record["config"]["seed"], epoch=lambda table: range(1, len(table) + 1)
        )
        for run in runs
    ]
    results.save(setup, HISTORY, pd.concat(histories, ignore_index=True))
    pieces = loss_network.different_pieces(corpus(setup))
    save_excerpts(setup, first_of_each(setup, runs), pieces, setup.mm19.limit_hz, EXCERPTS)


def save_excerpts(setup: Settings, runs: dict[str, Run], items: list[Item], limit_hz: int, name: str) -> None:
    """The loudest patch of each piece, as it is and through each of `runs`, for `excerpts` to read."""
    geometry = setup.mm19.geometry
    for item in items:
        original = limited(setup, item, limit_hz)
        loudest = int(analyse(original, geometry).abs().square().sum(dim=(1, 2)).argmax())
        kept = slice(loudest * geometry.frames * geometry.hop, None)
        with torch_threads(1):
            sounds = {LOSSLESS: original} | {model: through(run.network(), original) for model, run in runs.items()}
        for system, samples in sounds.items():
            excerpt = samples[kept][: geometry.patch_samples]
            results.save_sound(setup, f"{name}_{item.name}_{system}", excerpt, geometry.sample_rate)
    titles = [{"item": item.name, "title": short_title(item)} for item in items]
    results.save(setup, f"{name}_pieces.csv", pd.DataFrame(titles))


def excerpts(setup: Settings, name: str) -> dict[str, dict[str, np.ndarray]]:
    """What `save_excerpts` wrote under `name`: by the systems' titles, then the pieces'."""
    pieces = results.read(setup, f"{name}_pieces.csv")
    return {
        title: {
            str(piece.title): results.read_sound(setup, f"{name}_{piece.item}_{system}")
            for piece in pieces.itertuples()
        }
        for system, title in ({LOSSLESS: "lossless"} | MODELS).items()
    }


def _score_item(setup: Settings, runs: list[Run], item: Item) -> list[dict[str, object]]:
    original = limited(setup, item, setup.mm19.limit_hz)
    rate = corpus(setup).sample_rate
    half = resample(resample(original, rate, rate // 2), rate // 2, rate)[: len(original)].astype(np.float32)
    none: dict[str, object] = {"seed": None, "run": None, "device": None, "status": "none"}
    systems, sounds = [{"system": HALF_RATE} | none], [half]
    for run in usable(runs):
        who = {"system": model_of(run), "seed": run.record["config"]["seed"], "run": run.hash}
        systems.append(who | {"device": run.record["device"], "status": run.status} | results.time_columns(run))
        sounds.append(through(run.network(), original))
    heard = peaq_basic(np.broadcast_to(original, (len(sounds), len(original))), np.stack(sounds), rate)
    rows = []
    for number, (system, sound) in enumerate(zip(systems, sounds, strict=True)):
        measured = frame_snr(original, sound, setup.mm19.geometry.patch_samples)
        measured |= {"si_sdr_db": si_sdr_db(original, sound)}
        measured |= {"two_f": float(heard["two_f"][number]), "nmr_db": float(heard["TotalNMRB"][number])}
        rows.append(system | {"item": item.name} | measured)
    return rows


def results_table(setup: Settings, source: str, log: Callable[[str], None] = print) -> pd.DataFrame:
    """One row per system (Models A to D and `HALF_RATE`), seed and test piece.

    Columns: system, seed, run, device, status, training_seconds, loss_share, item, frames, frames_left_out (digital
    silence) and `MEASURES`: the SNR of Table 3 and its variants, averaged over frames; SI-SDR, 2f and NMR of the piece.
    """
    if results.wants_run(source):
        make(setup, log)
    return results.read(setup, TABLE).astype({"seed": "Int64"})


def intervals(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Per system the mean of `measure` over seeds and pieces with a 95 % interval over both: mean, low, high."""
    table = []
    for system, own in rows.groupby("system", sort=False):
        values = _by_seed(own, measure).replace([np.inf, -np.inf], np.nan)
        table.append({"system": system, "measure": measure} | paired_interval(values.to_numpy(float)))
    return pd.DataFrame(table)


def differences(rows: pd.DataFrame, measure: str, one: str, other: str) -> dict[str, float]:
    """Mean of `one` minus `other` in `measure`, paired by seed and piece, with a 95 % interval over both.

    An `other` without seeds (the original) stands against every seed.
    """
    first, second = (_by_seed(rows[rows["system"] == system], measure) for system in (one, other))
    return paired_interval((first - (second.loc[NO_SEED] if NO_SEED in second.index else second)).to_numpy(float))


def _by_seed(own: pd.DataFrame, measure: str) -> pd.DataFrame:
    return own.assign(seed=own["seed"].fillna(NO_SEED)).pivot(index="seed", columns="item", values=measure)

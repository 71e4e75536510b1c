"""Models A to D on material of 5 kHz (MM'19 Section 8.1, Figure 5), and their aliasing (Section 8.2)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from nblib.corpora import Item
from nblib.evaluation import aliasing, clicks_per_second, frame_snr, recovered_bandwidth
from nblib.experiments import autoencoding, results
from nblib.experiments.autoencoding import LOSSLESS, corpus, limited, model_of
from nblib.experiments.settings import Settings
from nblib.networks import through
from nblib.parallel import parallel_map
from nblib.provenance import seed_everything
from nblib.training import Run

TABLE, ALIASING = "broadband.csv", "aliasing.csv"
EXCERPTS = "figure5"
UNTRAINED = "untrained"  # the autoencoder as training finds it
SWEEP_STEP_HZ = 200  # between the tones of the sweep


def train(setup: Settings, log: Callable[[str], None] = print) -> list[Run]:
    """Models A to D trained on material band-limited to 5 kHz."""
    return autoencoding.train(setup, setup.mm19.broadband_limit_hz, setup.mm19.broadband_replicates, log)


def make(setup: Settings, log: Callable[[str], None] = print) -> None:
    """Train or load the models of both band limits, and write the tables of clicks, bandwidth and aliasing."""
    wide = train(setup, log)
    narrow = autoencoding.train(setup, setup.mm19.limit_hz, setup.mm19.replicates, log)
    results.save_runs(setup, "broadband", wide)
    made_from = [[run.hash for run in [*wide, *narrow]], corpus(setup).fingerprint]
    files = (TABLE, ALIASING, f"{EXCERPTS}_pieces.csv", f"excerpts/{EXCERPTS}_*")
    results.once(setup, made_from, files, partial(_write, setup, wide, narrow))


def _write(setup: Settings, wide: list[Run], narrow: list[Run]) -> None:
    items = corpus(setup).items("test")
    rows = [row for part in parallel_map(partial(_score_item, setup, wide), items) for row in part]
    results.save(setup, TABLE, pd.DataFrame(rows).sort_values(["system", "seed", "item"], kind="stable"))
    limits = (setup.mm19.limit_hz, setup.mm19.broadband_limit_hz)
    sweeps: list[tuple[Run | None, int]] = [
        (run, limit)
        for limit, runs in zip(limits, (narrow, wide), strict=True)
        for run in [None, *autoencoding.usable(runs)]
    ]
    tones = [tone for part in parallel_map(partial(_sweep, setup), sweeps) for tone in part]
    results.save(setup, ALIASING, pd.DataFrame(tones))
    first = autoencoding.first_of_each(setup, wide)
    autoencoding.save_excerpts(setup, first, [example(setup)], setup.mm19.broadband_limit_hz, EXCERPTS)


def example(setup: Settings) -> Item:
    """The test piece of which the largest share of power lies above the 3 kHz of the other experiments."""

    def share(item: Item) -> float:
        power = np.abs(np.fft.rfft(limited(setup, item, setup.mm19.broadband_limit_hz))) ** 2
        above = round(len(power) * setup.mm19.limit_hz / (corpus(setup).sample_rate / 2))
        return float(power[above:].sum() / power.sum())

    return max(corpus(setup).items("test"), key=share)


def _score_item(setup: Settings, runs: list[Run], item: Item) -> list[dict[str, object]]:
    geometry, limit_hz = setup.mm19.geometry, setup.mm19.broadband_limit_hz
    original = limited(setup, item, limit_hz)
    nothing: dict[str, object] = {"system": LOSSLESS, "seed": None, "run": None, "device": None, "status": "none"}
    heard = [(nothing, original)]
    for run in autoencoding.usable(runs):
        who = {"system": model_of(run), "seed": run.record["config"]["seed"], "run": run.hash}
        who |= {"device": run.record["device"], "status": run.status} | results.time_columns(run)
        heard.append((who, through(run.network(), original)))
    return [
        system
        | {"item": item.name, "snr_db": frame_snr(original, sound, geometry.patch_samples)["snr_db"]}
        | {"clicks_per_second": clicks_per_second(sound, geometry.sample_rate, limit_hz)}
        | recovered_bandwidth(original, sound, geometry, limit_hz)
        for system, sound in heard
    ]


def _sweep(setup: Settings, job: tuple[Run | None, int]) -> list[dict[str, object]]:
    run, limit_hz = job
    who: dict[str, object] = {"limit_hz": limit_hz, "system": UNTRAINED, "seed": setup.seed, "run": None}
    if run is None:
        seed_everything(setup.seed, "weights")  # as training does
        network: Any = setup.mm19.autoencoder.build()
    else:
        network = run.network()
        who |= {"system": model_of(run), "seed": run.record["config"]["seed"], "run": run.hash}
    tones = np.arange(SWEEP_STEP_HZ / 2, limit_hz, SWEEP_STEP_HZ).tolist()
    rate = setup.mm19.geometry.sample_rate
    return [who | tone for tone in aliasing(partial(through, network), tones, rate, 2**network.num_layers)]


def results_table(setup: Settings, source: str, log: Callable[[str], None] = print) -> pd.DataFrame:
    """One row per system (`LOSSLESS`, Models A to D), seed and test piece.

    Columns: system, seed, run, device, status, item, training_seconds, loss_share, snr_db, clicks_per_second,
    level_bandwidth_hz, waveform_bandwidth_hz, offered_bandwidth_hz.
    """
    if results.wants_run(source):
        make(setup, log)
    return results.read(setup, TABLE).astype({"seed": "Int64"})


def sweep_means(setup: Settings) -> pd.DataFrame:
    """Per band limit and model the mean power of all tones and seeds in each column of `ALIASING`, in dB."""
    tones = results.read(setup, ALIASING)
    columns = ["gain_db", "aliasing_db", "distortion_db", "aliasing_over_output_db"]
    powers = tones.assign(**{name: 10 ** (tones[name] / 10) for name in columns})
    means = powers.groupby(["limit_hz", "system"])[columns].mean()
    return means.apply(lambda power: 10 * np.log10(power))

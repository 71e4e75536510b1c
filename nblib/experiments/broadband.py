"""Models A to D on material of 5 kHz (MM'19 Section 8.1, Figure 5), and their aliasing (Section 8.2)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from nblib import study
from nblib.corpora import Corpus, Item
from nblib.evaluation import aliasing, clicks_per_second, frame_snr, recovered_bandwidth
from nblib.experiments.autoencoding import LOSSLESS, cells, corpus, limited, narrow, pieces, restored, save_excerpts
from nblib.networks import through
from nblib.parallel import parallel_map
from nblib.provenance import seed_everything
from nblib.settings import Settings
from nblib.study import Labels, Row, Study, Trained, untrained

ALIASING, EXCERPTS = "aliasing.csv", "figure5"
UNTRAINED = "untrained"  # the autoencoder as training finds it
SWEEP_STEP_HZ = 200  # between the tones of the sweep


def score(setup: Settings, trained: list[Trained], piece: tuple[Corpus, Item]) -> list[Row]:
    """SNR, clicks and bandwidth of a piece as it is and through every model."""
    geometry, limit_hz = setup.mm19.geometry, setup.mm19.broadband_limit_hz
    original = limited(*piece, limit_hz)
    return [
        system
        | {"item": piece[1].name, "snr_db": frame_snr(original, sound, geometry.patch_samples)["snr_db"]}
        | {"clicks_per_second": clicks_per_second(sound, geometry.sample_rate, limit_hz)}
        | recovered_bandwidth(original, sound, geometry, limit_hz)
        for system, sound in [
            (untrained(LOSSLESS, trained[0].labels, "system"), original),
            *restored(trained, original),
        ]
    ]


def keep(setup: Settings, trained: list[Trained]) -> None:
    """Aliasing of the models of both band limits, and the sounds of Figure 5."""
    limits = (setup.mm19.limit_hz, setup.mm19.broadband_limit_hz)
    sweeps: list[Trained | int] = [*limits, *study.train(setup, narrow(setup)), *trained]
    tones = [tone for part in parallel_map(partial(_sweep, setup), sweeps) for tone in part]
    study.save(setup, ALIASING, pd.DataFrame(tones))
    save_excerpts(setup, trained, [example(setup)], setup.mm19.broadband_limit_hz, EXCERPTS)


BROADBAND = Study(
    "broadband",
    lambda setup: cells(setup, setup.mm19.broadband_limit_hz, setup.mm19.broadband_replicates),
    pieces,
    score,
    by=("system", "limit_hz"),
    measures=("snr_db", "clicks_per_second", "level_bandwidth_hz", "waveform_bandwidth_hz"),
    keep=keep,
    kept=(ALIASING, f"{EXCERPTS}_pieces.csv", f"excerpts/{EXCERPTS}_*"),
)


def example(setup: Settings) -> Item:
    """The test piece of which the largest share of power lies above the 3 kHz of the other experiments."""

    def share(item: Item) -> float:
        power = np.abs(np.fft.rfft(limited(corpus(setup), item, setup.mm19.broadband_limit_hz))) ** 2
        above = round(len(power) * setup.mm19.limit_hz / (corpus(setup).sample_rate / 2))
        return float(power[above:].sum() / power.sum())

    return max(corpus(setup).items("test"), key=share)


def _sweep(setup: Settings, what: Trained | int) -> list[Row]:
    """A row per tone through a network, or through the untrained one up to a limit (Hz)."""
    labels: Labels = {"system": UNTRAINED, "limit_hz": what, "seed": setup.seed}
    seed_everything(setup.seed, "weights")  # as training does
    network: Any = setup.mm19.autoencoder.build()
    status = "none"
    if isinstance(what, Trained):
        if not what.usable:
            return []
        labels, status, network = what.labels, what.run.status, what.run.network()
    tones = np.arange(SWEEP_STEP_HZ / 2, labels["limit_hz"], SWEEP_STEP_HZ).tolist()
    found = aliasing(partial(through, network), tones, setup.mm19.geometry.sample_rate, 2**network.num_layers)
    return [dict(labels) | {"status": status} | tone for tone in found]


def sweep_means(tones: pd.DataFrame) -> pd.DataFrame:
    """Per band limit and model the mean power of all tones and seeds in each column of `ALIASING`, in dB."""
    columns = ["gain_db", "aliasing_db", "distortion_db", "aliasing_over_output_db"]
    powers = tones.assign(**{name: 10 ** (tones[name] / 10) for name in columns})
    means = powers.groupby(["limit_hz", "system"])[columns].mean()
    return means.apply(lambda power: 10 * np.log10(power))

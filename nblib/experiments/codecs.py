"""What codecs remove, for notebook 02: lag, cut-off, spectral holes and error of coded music."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.signal import correlate

from nblib import audio, data, study
from nblib.audio import Codec, Geometry, scale
from nblib.corpora import Corpus
from nblib.evaluation import hole_scores
from nblib.evaluation.spectra import audible, holes
from nblib.experiments.overview import different, short_title
from nblib.settings import Settings

MEASURES, HOLES = "codec_measures.csv", "codec_holes.csv"
RATES = (16_000, 22_050)  # Hz: MM'19's and IJCNN'20's
SECONDS = 12  # of each piece
OTHERS = (*(Codec("mp3", 1000 * kbps) for kbps in (16, 24, 32, 64)), Codec("aac", 16_000), Codec("opus", 16_000))


def title(codec: Codec) -> str:
    """Such as "MP3, 16 kbps"."""
    return f"{codec.name.upper()}, {codec.bitrate // 1000} kbps"


def lag_samples(reference: np.ndarray, coded: np.ndarray) -> int:
    """By how many samples `coded` lags behind `reference` [shape=(n,)]: the peak of their cross-correlation."""
    return int(np.argmax(correlate(coded, reference, mode="full", method="fft"))) - (len(reference) - 1)


def low_passed(spectrum: torch.Tensor, cutoff_hz: float, geometry: Geometry) -> tuple[torch.Tensor, int]:
    """A spectrum [shape=(..., bins, frames)] without what lies above a cut-off, and how many bins are left."""
    bins = min(geometry.bins, round(cutoff_hz * geometry.window / geometry.sample_rate) + 1)
    return torch.cat([spectrum[..., :bins, :], torch.zeros_like(spectrum[..., bins:, :])], dim=-2), bins


def tables(setup: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Per sample rate, codec and piece what `measure` gives; and the share of holes at each frequency."""
    if setup.source == "run":
        corpora = {rate: data.music(setup, rate) for rate in RATES}
        made_from = ["codecs", *(corpus.fingerprint for corpus in corpora.values())]
        study.once(setup, made_from, ("codec_*.csv", "excerpts/codec_*"), partial(_write, setup, corpora))
    return study.read(setup, MEASURES), study.read(setup, HOLES)


def excerpts(setup: Settings) -> dict[str, dict[str, np.ndarray]]:
    """The loudest part of each piece at 16 kHz, lossless and through the papers' codec, by system, then by title."""
    pieces = study.read(setup, MEASURES).drop_duplicates("item")
    return {
        name: {str(row.title): study.read_sound(setup, f"codec_{row.item}_{part}") for row in pieces.itertuples()}
        for part, name in (("lossless", "lossless"), ("coded", title(setup.codec)))
    }


def _write(setup: Settings, corpora: Mapping[int, Corpus]) -> None:
    rows, shares = [], []
    codecs = dict.fromkeys([*(teacher.codec for teacher in setup.teachers.values()), *OTHERS])
    for rate, corpus in corpora.items():
        geometry = replace(setup.geometry, sample_rate=rate)
        pieces = [(item, corpus.load(item)[: SECONDS * rate]) for item in different(corpus.items("test"))]
        for codec in codecs:
            pairs = [(lossless, codec.roundtrip(lossless, rate)) for _, lossless in pieces]
            about: dict[str, Any] = {"rate": rate, "codec": title(codec), "bitrate": codec.bitrate}
            shares.append(hole_shares(pairs, geometry).assign(**about))
            for (item, _), pair in zip(pieces, pairs, strict=True):
                known = about | {"item": item.name, "title": short_title(item)}
                rows.append(known | measure(*pair, geometry, setup.domain))
                kept = audio.loudest(pair[0], geometry.patch_samples)
                for part, samples in zip(("lossless", "coded"), pair, strict=True):
                    if (rate, codec) == (RATES[0], setup.codec):
                        study.save_sound(setup, f"codec_{item.name}_{part}", samples[kept], rate)
    study.save(setup, MEASURES, pd.DataFrame(rows))
    study.save(setup, HOLES, pd.concat(shares, ignore_index=True))


def measure(lossless: np.ndarray, coded: np.ndarray, geometry: Geometry, domain: str) -> dict[str, Any]:
    """Length difference, lag, cut-off, holes under it, and l1 of a pair's scaled magnitudes [shape=(n,) each].

    ``low_pass_l1`` is that of the lossless recording without what lies above the cut-off.
    """
    before, after = (audio.analyse(samples, geometry).abs().clamp(max=1) for samples in (lossless, coded))
    cutoff_hz = audio.cutoff_hz(lossless, coded, geometry.sample_rate)
    cut, bins = low_passed(before, cutoff_hz, geometry)
    l1, low_pass_l1 = (float((scale(each, domain) - scale(after, domain)).abs().mean()) for each in (before, cut))
    return {
        "length_difference": len(coded) - len(lossless),
        "lag_samples": lag_samples(lossless, coded),
        "cutoff_hz": cutoff_hz,
        "hole_share": hole_scores(before.numpy(), after.numpy(), after.numpy(), bins)["hole_share"],
        "l1": l1,
        "low_pass_l1": low_pass_l1,
    }


def hole_shares(pairs: list[tuple[np.ndarray, np.ndarray]], geometry: Geometry) -> pd.DataFrame:
    """Share of the audible points that a codec emptied in pairs lossless, coded: columns frequency_hz, hole_share."""
    spectra = [[audio.analyse(each, geometry).abs().numpy() for each in pair] for pair in pairs]
    emptied = np.sum([holes(before, after).sum(axis=(0, 2)) for before, after in spectra], axis=0)
    whole = np.sum([audible(before).sum(axis=(0, 2)) for before, _ in spectra], axis=0)
    shares = np.divide(emptied, whole, out=np.full(geometry.bins, np.nan), where=whole > 0)
    frequency_hz = np.arange(geometry.bins) * geometry.sample_rate / geometry.window
    return pd.DataFrame({"frequency_hz": frequency_hz, "hole_share": shares})

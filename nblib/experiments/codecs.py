"""What codecs remove, for notebook 02: lag, cut-off, spectral holes and error of coded material."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.signal import correlate

from nblib import audio
from nblib.audio import Codec, Geometry, scale
from nblib.evaluation import hole_scores
from nblib.evaluation.spectra import audible, holes


def lag_samples(reference: np.ndarray, coded: np.ndarray) -> int:
    """By how many samples `coded` lags behind `reference` [shape=(n,)]: the peak of their cross-correlation."""
    return int(np.argmax(correlate(coded, reference, mode="full", method="fft"))) - (len(reference) - 1)


def measure(lossless: np.ndarray, codec: Codec, geometry: Geometry, domain: str) -> dict[str, float]:
    """Length difference, lag, cut-off, share of holes under it, and l1 of scaled magnitudes for one recording.

    Parameters
    ----------
    lossless : np.ndarray [shape=(n,)]
        At ``geometry.sample_rate``.
    """
    coded = codec.roundtrip(lossless, geometry.sample_rate)
    pair = [audio.analyse(samples, geometry).abs().clamp(max=1) for samples in (lossless, coded)]
    cutoff_hz = audio.cutoff_hz(lossless, coded, geometry.sample_rate)
    below = round(cutoff_hz * geometry.window / geometry.sample_rate) + 1
    return {
        "length_difference": len(coded) - len(lossless),
        "lag_samples": lag_samples(lossless, coded),
        "cutoff_hz": cutoff_hz,
        "hole_share": hole_scores(pair[0].numpy(), pair[1].numpy(), pair[1].numpy(), below)["hole_share"],
        "l1": float((scale(pair[0], domain) - scale(pair[1], domain)).abs().mean()),
    }


def compare(
    recordings: dict[str, np.ndarray], codecs: list[Codec], geometry: Geometry, domain: str = audio.DEFAULT_DOMAIN
) -> pd.DataFrame:
    """One row per codec and recording: `measure` beside codec, bitrate (bit/s) and item."""
    return pd.DataFrame(
        {"codec": codec.name, "bitrate": codec.bitrate, "item": name} | measure(samples, codec, geometry, domain)
        for codec in codecs
        for name, samples in recordings.items()
    )


def distance_to_coded(
    recordings: dict[str, np.ndarray], codec: Codec, geometry: Geometry, domain: str = audio.DEFAULT_DOMAIN
) -> pd.DataFrame:
    """l1 of scaled magnitudes to the coded recording: of the lossless one, and of it band-limited at the cut-off."""
    rows: list[dict[str, object]] = []
    for name, samples in recordings.items():
        coded = codec.roundtrip(samples, geometry.sample_rate)
        cutoff_hz = round(audio.cutoff_hz(samples, coded, geometry.sample_rate))
        sounds = {"lossless": samples, "band_limited": audio.band_limit(samples, geometry.sample_rate, cutoff_hz)}
        target = scale(audio.analyse(coded, geometry).abs(), domain)
        errors = {
            system: float((scale(audio.analyse(sound, geometry).abs(), domain) - target).abs().mean())
            for system, sound in sounds.items()
        }
        rows.append({"item": name, "cutoff_hz": cutoff_hz} | errors)
    return pd.DataFrame(rows)


def hole_share_by_frequency(recordings: dict[str, np.ndarray], codecs: list[Codec], geometry: Geometry) -> pd.DataFrame:
    """Share of the audible time-frequency points that a codec emptied: columns codec, frequency_hz, hole_share."""
    tables = []
    for codec in codecs:
        emptied, whole = np.zeros(geometry.bins), np.zeros(geometry.bins)
        for samples in recordings.values():
            coded = codec.roundtrip(samples, geometry.sample_rate)
            before, after = (audio.analyse(each, geometry).abs().numpy() for each in (samples, coded))
            emptied += holes(before, after).sum(axis=(0, 2))
            whole += audible(before).sum(axis=(0, 2))
        shares = np.divide(emptied, whole, out=np.full(geometry.bins, np.nan), where=whole > 0)
        label = f"{codec.name} {codec.bitrate // 1000} kbps"
        frequency = np.arange(geometry.bins) * geometry.sample_rate / geometry.window
        tables.append(pd.DataFrame({"codec": label, "frequency_hz": frequency, "hole_share": shares}))
    return pd.concat(tables, ignore_index=True)

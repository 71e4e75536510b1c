"""What is in a corpus, in numbers: for notebook 01."""

from __future__ import annotations

import librosa
import numpy as np
import pandas as pd

from nblib.corpora.base import SPLITS, Corpus, Item


def short_title(item: Item) -> str:
    """What a figure calls an item: its character or noise, and its title or name, in at most 32 letters."""
    kind = item.info.get("character") or item.info.get("noise_kind") or item.info.get("noise_source")
    name = str(item.info.get("title", item.name)).split(" (")[0]
    title = f"{kind}: {name}" if kind else name
    return title if len(title) <= 32 else title[:31] + "…"


def split_table(corpus: Corpus) -> pd.DataFrame:
    """Items and groups (pieces, speakers) of each split, and how many groups it shares with another split."""
    groups = {split: {item.group for item in corpus.items(split)} for split in SPLITS}
    rows = []
    for split in SPLITS:
        elsewhere = set().union(*(groups[other] for other in SPLITS if other != split))
        sizes = {"items": len(corpus.items(split)), "groups": len(groups[split])}
        rows.append({"split": split, **sizes, "groups_shared": len(groups[split] & elsewhere)})
    return pd.DataFrame(rows)


def sound_numbers(samples: np.ndarray, sample_rate: int) -> dict[str, float]:
    """Length, level and colour of a signal [shape=(n,)].

    Returns
    -------
    dict
        ``seconds``; ``rms_dbfs``, ``peak_dbfs`` (full scale 1 = 0 dB); ``centroid_hz`` (mean spectral centroid by
        librosa); ``rolloff_hz``, the frequency under which 99 % of the power lies.
    """
    spectrum = np.abs(librosa.stft(samples, n_fft=1024, hop_length=512, center=False))
    centroid = librosa.feature.spectral_centroid(S=spectrum, sr=sample_rate)
    power = np.cumsum(np.square(spectrum).sum(axis=1))
    rolloff = np.searchsorted(power, 0.99 * power[-1]) * sample_rate / 1024
    return {
        "seconds": len(samples) / sample_rate,
        "rms_dbfs": float(10 * np.log10(np.square(samples).mean())),
        "peak_dbfs": float(20 * np.log10(np.abs(samples).max())),
        "centroid_hz": float(centroid.mean()),
        "rolloff_hz": float(rolloff),
    }

"""What is in the corpora, for notebook 01: splits, and a few excerpts with their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import librosa
import numpy as np
import pandas as pd

from nblib import audio, data, study
from nblib.corpora import SPLITS, Corpus, Item, measured_snr_db
from nblib.entries import TASKS
from nblib.settings import Settings

SPLIT_TABLE, EXAMPLES = "corpus_splits.csv", "corpus_examples.csv"
KINDS = ("character", "noise_kind", "noise_source", "range")  # what `Item.info` may tell an item's kind by


def _kind(item: Item) -> str:
    return next((str(item.info[name]) for name in KINDS if item.info.get(name)), "")


def short_title(item: Item) -> str:
    """What a figure calls an item: its kind, and its title or name, in at most 32 letters."""
    name = str(item.info.get("title", item.name)).split(" (")[0]
    title = ": ".join(filter(None, (_kind(item), name)))
    return title if len(title) <= 32 else title[:31] + "…"


def different(items: Sequence[Item], count: int = 3) -> list[Item]:
    """The first item of each of up to `count` kinds (character, noise, voice range), filled up by the next items."""
    kinds: dict[str, Item] = {}
    for item in items:
        kinds.setdefault(_kind(item) or item.group, item)
    chosen = list(kinds.values())[:count]
    return chosen + [item for item in items if item not in chosen][: count - len(chosen)]


def tables(setup: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Splits of every corpus (see `split_table`) and, of a few test items, what is known and measured."""
    if setup.source == "run":
        corpora = {"music": data.music(setup)} | {task: data.mixtures(setup, task) for task in TASKS}
        made_from = ["corpora", *(corpus.fingerprint for corpus in corpora.values())]
        study.once(setup, made_from, ("corpus_*.csv", "excerpts/corpus_*"), partial(_write, setup, corpora))
    return study.read(setup, SPLIT_TABLE), study.read(setup, EXAMPLES)


def excerpts(setup: Settings, corpus: str) -> dict[str, dict[str, np.ndarray]]:
    """The sounds of the examples of `corpus`: by part (music, or target and mixture), then by title."""
    own = study.read(setup, EXAMPLES).query("corpus == @corpus")
    return {
        part: {str(row.title): study.read_sound(setup, f"corpus_{row.item}_{part}") for row in own.itertuples()}
        for part in (("music",) if corpus == "music" else ("target", "mixture"))
    }


def _write(setup: Settings, corpora: Mapping[str, Corpus]) -> None:
    splits = [split_table(corpus).assign(corpus=name) for name, corpus in corpora.items()]
    chosen = [(name, corpus, item) for name, corpus in corpora.items() for item in different(corpus.items("test"))]
    study.save(setup, SPLIT_TABLE, pd.concat(splits))
    study.save(setup, EXAMPLES, pd.DataFrame([_example(setup, *each) for each in chosen]))


def _example(setup: Settings, name: str, corpus: Corpus, item: Item) -> dict[str, Any]:
    """What is known and measured of an item, whose loudest part is kept as long as a patch."""
    found, measured = corpus.load(item), {}
    parts = {"music": found}
    if name != "music":
        parts = {"target": found.target, "mixture": found.mixture}
        measured["measured_snr_db"] = measured_snr_db(found.target, found.noise)
        measured["sum_error"] = float(np.abs(found.target + found.noise - found.mixture).max())
    kept = audio.loudest(next(iter(parts.values())), setup.geometry.patch_samples)
    for part, samples in parts.items():
        study.save_sound(setup, f"corpus_{item.name}_{part}", samples[kept], corpus.sample_rate)
    known = {"corpus": name, "item": item.name, "group": item.group} | dict(item.info) | {"title": short_title(item)}
    return known | sound_numbers(list(parts.values())[-1], corpus.sample_rate) | measured


def split_table(corpus: Corpus) -> pd.DataFrame:
    """Items and groups (pieces, speakers) of each split, how many groups another split has too, and the source."""
    groups = {split: {item.group for item in corpus.items(split)} for split in SPLITS}
    everywhere = [group for own in groups.values() for group in own]
    rows = [
        {"split": split, "items": len(corpus.items(split)), "groups": len(own)}
        | {"groups_shared": sum(everywhere.count(group) > 1 for group in own)}
        for split, own in groups.items()
    ]
    return pd.DataFrame(rows).assign(name=corpus.name, licence=corpus.licence, citation=corpus.citation)


def sound_numbers(samples: np.ndarray, sample_rate: int) -> dict[str, float]:
    """Length (s), level (dB of full scale) and colour of a signal [shape=(n,)].

    ``centroid_hz`` is the mean spectral centroid by librosa, under ``rolloff_hz`` lies 99 % of the power.
    """
    spectrum = np.abs(librosa.stft(samples, n_fft=1024, hop_length=512, center=False))
    power = np.cumsum(np.square(spectrum).sum(axis=1))
    return {
        "seconds": len(samples) / sample_rate,
        "rms_dbfs": float(10 * np.log10(np.square(samples).mean())),
        "peak_dbfs": float(20 * np.log10(np.abs(samples).max())),
        "centroid_hz": float(librosa.feature.spectral_centroid(S=spectrum, sr=sample_rate).mean()),
        "rolloff_hz": float(np.searchsorted(power, 0.99 * power[-1]) * sample_rate / 1024),
    }

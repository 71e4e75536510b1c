"""What notebooks 01 and 02 show: corpora and their splits, and what codecs remove: lag, cut-off, holes and error."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import librosa
import numpy as np
import pandas as pd
import torch
from scipy.signal import correlate

from nblib import audio, data, study
from nblib.audio import Codec, Geometry, scale
from nblib.corpora import SPLITS, Corpus, Item, measured_snr_db
from nblib.entries import TASKS
from nblib.evaluation import hole_scores
from nblib.evaluation.spectra import audible, holes
from nblib.settings import Settings

Sounds = dict[str, np.ndarray]
RATES = (16_000, 22_050)  # Hz: MM'19's and IJCNN'20's
OTHERS = (*(Codec("mp3", 1000 * kbps) for kbps in (16, 24, 32, 64)), Codec("aac", 16_000), Codec("opus", 16_000))


def _kind(item: Item) -> str:
    kinds = (item.info.get(name) for name in ("character", "noise_kind", "noise_source", "range"))
    return str(next(filter(None, kinds), ""))


def short_title(item: Item) -> str:
    """What a figure calls an item: its kind, and its title or name, in at most 32 letters."""
    name = str(item.info.get("title", item.name)).split(" (")[0]
    title = ": ".join(filter(None, (_kind(item), name)))
    return title if len(title) <= 32 else title[:31] + "…"


def codec_title(codec: Codec) -> str:
    """Such as "MP3, 16 kbps"."""
    return f"{codec.name.upper()}, {codec.bitrate // 1000} kbps"


def different(items: Sequence[Item], count: int = 3) -> list[Item]:
    """The first item of each of up to `count` kinds (character, noise, voice range), filled up by the next items."""
    kinds: dict[str, Item] = {}
    for item in items:
        kinds.setdefault(_kind(item) or item.group, item)
    chosen = list(kinds.values())[:count]
    return chosen + [item for item in items if item not in chosen][: count - len(chosen)]


def keep_excerpts(setup: Settings, prefix: str, sounds: Sounds, rate: int, length: int) -> Sounds:
    """Of each sound [shape=(n,)] the `length` samples where the first is loudest, saved as excerpt ``prefix_name``."""
    part = audio.loudest(next(iter(sounds.values())), length)
    for name, samples in sounds.items():
        study.save_sound(setup, f"{prefix}_{name}", samples[part], rate)
    return {name: samples[part] for name, samples in sounds.items()}


def excerpts(setup: Settings, prefix: str, pieces: pd.DataFrame, systems: Mapping[str, str]) -> dict[str, Sounds]:
    """Excerpts ``prefix_item_system`` [shape=(n,)] by the titles of `systems`, then those of `pieces` (item, title)."""
    titles = pieces.drop_duplicates("item").set_index("item")["title"]
    return {
        title: {str(piece): study.read_sound(setup, f"{prefix}_{item}_{system}") for item, piece in titles.items()}
        for system, title in systems.items()
    }


def corpus_tables(setup: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Splits of every corpus (see `split_table`) and, of a few test items, what is known and measured."""
    names = ("corpus_splits.csv", "corpus_examples.csv")

    def write() -> None:
        chosen = [(name, own, item) for name, own in corpora.items() for item in different(own.items("test"))]
        study.save(setup, names[0], pd.concat([split_table(own).assign(corpus=name) for name, own in corpora.items()]))
        study.save(setup, names[1], pd.DataFrame([_example(setup, *each) for each in chosen]))

    if setup.source == "run":
        corpora = {"music": data.music(setup)} | {task: data.mixtures(setup, task) for task in TASKS}
        made_from = ["corpora", *(corpus.fingerprint for corpus in corpora.values())]
        study.once(setup, made_from, ("corpus_*.csv", "excerpts/corpus_*"), write)
    return study.read(setup, names[0]), study.read(setup, names[1])


def _example(setup: Settings, name: str, corpus: Corpus, item: Item) -> dict[str, Any]:
    """What is known and measured of an item, whose loudest part is kept as long as a patch."""
    found, measured = corpus.load(item), {}
    parts = {"music": found}
    if name != "music":
        parts = {"target": found.target, "mixture": found.mixture}
        measured["measured_snr_db"] = measured_snr_db(found.target, found.noise)
        measured["sum_error"] = float(np.abs(found.target + found.noise - found.mixture).max())
    keep_excerpts(setup, f"corpus_{item.name}", parts, corpus.sample_rate, setup.geometry.patch_samples)
    known = {"corpus": name, "item": item.name, "group": item.group, **item.info, "title": short_title(item)}
    return known | sound_numbers(parts.popitem()[1], corpus.sample_rate) | measured


def split_table(corpus: Corpus) -> pd.DataFrame:
    """Items and groups (pieces, speakers) of each split, how many groups another split has too, and the source."""
    items = pd.DataFrame([(split, item.group) for split in SPLITS for item in corpus.items(split)])
    items = items.set_axis(["split", "group"], axis=1)
    items["shared"] = items["group"].where(items.groupby("group")["split"].transform("nunique") > 1)
    counts = {"items": ("group", "size"), "groups": ("group", "nunique"), "groups_shared": ("shared", "nunique")}
    table = items.groupby("split", sort=False).agg(**counts).reset_index()
    return table.assign(name=corpus.name, licence=corpus.licence, citation=corpus.citation)


def sound_numbers(samples: np.ndarray, sample_rate: int) -> dict[str, float]:
    """Length (s), level (dB of full scale), mean spectral centroid and what 99 % of the power lies under (Hz)."""
    spectrum = np.abs(librosa.stft(samples, n_fft=1024, hop_length=512, center=False))
    power = np.cumsum(np.square(spectrum).sum(axis=1))
    return {
        "seconds": len(samples) / sample_rate,
        "rms_dbfs": float(10 * np.log10(np.square(samples).mean())),
        "peak_dbfs": float(20 * np.log10(np.abs(samples).max())),
        "centroid_hz": float(librosa.feature.spectral_centroid(S=spectrum, sr=sample_rate).mean()),
        "rolloff_hz": float(np.searchsorted(power, 0.99 * power[-1]) * sample_rate / 1024),
    }


def codec_tables(setup: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Per sample rate, codec and piece what `measure` gives; and the share of holes at each frequency."""
    names = ("codec_measures.csv", "codec_holes.csv")

    def write() -> None:
        codecs = dict.fromkeys([*(teacher.codec for teacher in setup.teachers.values()), *OTHERS])
        tables = [_coded(setup, corpora[rate], codec) for rate in RATES for codec in codecs]
        for name, parts in zip(names, zip(*tables, strict=True), strict=True):
            study.save(setup, name, pd.concat(parts, ignore_index=True))

    if setup.source == "run":
        corpora = {rate: data.music(setup, rate) for rate in RATES}
        made_from = ["codecs", *(corpus.fingerprint for corpus in corpora.values())]
        study.once(setup, made_from, ("codec_*.csv", "excerpts/codec_*"), write)
    return study.read(setup, names[0]), study.read(setup, names[1])


def _coded(setup: Settings, corpus: Corpus, codec: Codec) -> tuple[pd.DataFrame, pd.DataFrame]:
    rate, geometry = corpus.sample_rate, replace(setup.geometry, sample_rate=corpus.sample_rate)
    about: dict[str, Any] = {"rate": rate, "codec": codec_title(codec), "bitrate": codec.bitrate}
    rows, pairs = [], []
    for item in different(corpus.items("test")):
        lossless = corpus.load(item)[: 12 * rate]
        pairs.append((lossless, codec.roundtrip(lossless, rate)))
        measured = measure(*pairs[-1], geometry, setup.domain)
        rows.append(about | {"item": item.name, "title": short_title(item)} | measured)
        if (rate, codec) == (RATES[0], setup.codec):
            sounds = dict(zip(("lossless", "coded"), pairs[-1], strict=True))
            keep_excerpts(setup, f"codec_{item.name}", sounds, rate, geometry.patch_samples)
    return pd.DataFrame(rows), hole_shares(pairs, geometry).assign(**about)


def measure(lossless: np.ndarray, coded: np.ndarray, geometry: Geometry, domain: str) -> dict[str, Any]:
    """Length difference, lag, cut-off, holes under it, and l1 of a pair's scaled magnitudes [shape=(n,) each].

    ``low_pass_l1`` is that of the lossless recording without what lies above the cut-off.
    """
    before, after = (audio.analyse(samples, geometry).abs().clamp(max=1) for samples in (lossless, coded))
    cutoff_hz = audio.cutoff_hz(lossless, coded, geometry.sample_rate)
    cut, bins = low_passed(before, cutoff_hz, geometry)
    l1, low_pass_l1 = (float((scale(each, domain) - scale(after, domain)).abs().mean()) for each in (before, cut))
    found = {"length_difference": len(coded) - len(lossless), "lag_samples": lag_samples(lossless, coded)}
    hole_share = hole_scores(before.numpy(), after.numpy(), after.numpy(), bins)["hole_share"]
    return found | {"cutoff_hz": cutoff_hz, "hole_share": hole_share, "l1": l1, "low_pass_l1": low_pass_l1}


def lag_samples(reference: np.ndarray, coded: np.ndarray) -> int:
    """By how many samples `coded` lags behind `reference` [shape=(n,)]: the peak of their cross-correlation."""
    return int(np.argmax(correlate(coded, reference, mode="full", method="fft"))) - (len(reference) - 1)


def low_passed(spectrum: torch.Tensor, cutoff_hz: float, geometry: Geometry) -> tuple[torch.Tensor, int]:
    """A spectrum [shape=(..., bins, frames)] without what lies above a cut-off, and how many bins are left."""
    bins = min(geometry.bins, round(cutoff_hz * geometry.window / geometry.sample_rate) + 1)
    return torch.cat([spectrum[..., :bins, :], torch.zeros_like(spectrum[..., bins:, :])], dim=-2), bins


def hole_shares(pairs: list[tuple[np.ndarray, np.ndarray]], geometry: Geometry) -> pd.DataFrame:
    """Share of the audible points that a codec emptied in pairs lossless, coded: columns frequency_hz, hole_share."""
    spectra = [[audio.analyse(each, geometry).abs().numpy() for each in pair] for pair in pairs]
    emptied = np.sum([holes(before, after).sum(axis=(0, 2)) for before, after in spectra], axis=0)
    whole = np.sum([audible(before).sum(axis=(0, 2)) for before, _ in spectra], axis=0)
    shares = np.divide(emptied, whole, out=np.full(geometry.bins, np.nan), where=whole > 0)
    frequency_hz = np.arange(geometry.bins) * geometry.sample_rate / geometry.window
    return pd.DataFrame({"frequency_hz": frequency_hz, "hole_share": shares})

"""What notebooks 01 and 02 show: corpora and their splits, and what codecs remove: cut-off, holes and error."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import librosa
import numpy as np
import pandas as pd
from scipy.signal import correlate

from nblib import audio, study
from nblib.audio import Codec, Geometry, scale
from nblib.corpora import SPLITS, Corpus, Item, measured_snr_db
from nblib.entries import TASKS
from nblib.evaluation.spectra import hole_scores, holes
from nblib.settings import Settings
from nblib.study import Row, Sounds, Study, keep_sounds, recordings
from nblib.training import Run

RATES = (16_000, 22_050)  # Hz: MM'19's and IJCNN'20's
OTHERS = (*(Codec("mp3", 1000 * kbps) for kbps in (16, 24, 32, 64)), Codec("aac", 16_000), Codec("opus", 16_000))
SPLIT_TABLE, HOLES = "corpus_splits.csv", "codec_holes.csv"
MUSIC = "music"


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
    firsts = {_kind(item) or item.group: item for item in reversed(items)}.values()
    return sorted(items, key=lambda item: item not in firsts)[:count]


def keep_excerpts(setup: Settings, name: str, pieces: Sequence[tuple[Item, Sounds]]) -> None:
    """The loudest patch of each piece, at MM'19's sample rate, by its systems; for `excerpts` to read."""
    geometry, rows = setup.mm19.geometry, []
    for item, sounds in pieces:
        keep_sounds(setup, f"{name}_{item.name}", sounds, geometry.sample_rate, geometry.patch_samples)
        rows += [{"item": item.name, "title": short_title(item), "system": system} for system in sounds]
    study.save(setup, f"{name}_pieces.csv", pd.DataFrame(rows))


def excerpts(
    setup: Settings, name: str, systems: Mapping[str, str], pieces: pd.DataFrame | None = None
) -> dict[str, Sounds]:
    """Excerpts [shape=(n,)] by the titles of `systems`, then those of `pieces` (item, title), or of all that was kept.

    Of systems of which nothing was kept there are none.
    """
    if pieces is None:
        pieces = study.read(setup, f"{name}_pieces.csv")
        systems = {system: systems[system] for system in pieces["system"].unique()}
    titles = pieces.drop_duplicates("item").set_index("item")["title"]
    return {
        title: {str(piece): study.read_sound(setup, f"{name}_{item}_{system}") for item, piece in titles.items()}
        for system, title in systems.items()
    }


def _example(setup: Settings, trained: list[Run], piece: tuple[Corpus, str, Item]) -> list[Row]:
    """What is known and measured of an item, whose loudest part is kept; under rolloff_hz lies 99 % of the power."""
    corpus, name, item = piece
    rate, found = corpus.sample_rate, corpus.load(item)
    row: Row = {"corpus": name, "item": item.name, "group": item.group, **item.info, "title": short_title(item)}
    parts = {MUSIC: found} if name == MUSIC else {"target": found.target, "mixture": found.mixture}
    keep_sounds(setup, f"corpus_{item.name}", parts, rate, setup.geometry.patch_samples)
    samples = list(parts.values())[-1]
    spectrum = np.abs(librosa.stft(samples, n_fft=1024, hop_length=512, center=False))
    power = np.cumsum(np.square(spectrum).sum(axis=1))
    row["seconds"] = len(samples) / rate
    row["rms_dbfs"] = float(10 * np.log10(np.square(samples).mean()))
    row["peak_dbfs"] = float(20 * np.log10(np.abs(samples).max()))
    row["centroid_hz"] = float(librosa.feature.spectral_centroid(S=spectrum, sr=rate).mean())
    row["rolloff_hz"] = float(np.searchsorted(power, 0.99 * power[-1]) * rate / 1024)
    if name != MUSIC:
        row["measured_snr_db"] = measured_snr_db(found.target, found.noise)
        row["sum_error"] = float(np.abs(found.target + found.noise - found.mixture).max())
    return [row]


def split_table(corpus: Corpus) -> pd.DataFrame:
    """Items and groups (pieces, speakers) of each split, how many groups another split has too, and the source."""
    items = pd.DataFrame({"split": split, "group": item.group} for split in SPLITS for item in corpus.items(split))
    items["shared"] = items["group"].where(items.groupby("group")["split"].transform("nunique") > 1)
    counts = {"items": ("group", "size"), "groups": ("group", "nunique"), "groups_shared": ("shared", "nunique")}
    table = items.groupby("split", sort=False).agg(**counts).reset_index()
    return table.assign(name=corpus.name, licence=corpus.licence, citation=corpus.citation)


def _examples(setup: Settings) -> list[tuple[Corpus, str, Item]]:
    corpora = {kind: recordings(setup, kind) for kind in (MUSIC, *TASKS)}
    return [(own, name, item) for name, own in corpora.items() for item in different(own.items("test"))]


def _keep_splits(setup: Settings, trained: list[Run]) -> None:
    corpora = {name: own for own, name, _ in _examples(setup)}
    study.save(setup, SPLIT_TABLE, pd.concat([split_table(own).assign(corpus=name) for name, own in corpora.items()]))


KEPT = (SPLIT_TABLE, "excerpts/corpus_*")
CORPORA = Study("corpus_examples", lambda setup: [], _examples, _example, ("corpus",), (), _keep_splits, KEPT)


def _codecs(setup: Settings) -> list[tuple[Corpus, Codec]]:
    codecs = dict.fromkeys([*(teacher.codec for teacher in setup.teachers.values()), *OTHERS])
    return [(recordings(setup, MUSIC, rate), codec) for rate in RATES for codec in codecs]


def _pairs(corpus: Corpus, codec: Codec) -> list[tuple[Item, np.ndarray, np.ndarray]]:
    """Twelve seconds of a few test pieces, lossless and coded."""
    found = [(item, corpus.load(item)[: 12 * corpus.sample_rate]) for item in different(corpus.items("test"))]
    return [(item, lossless, codec.roundtrip(lossless, corpus.sample_rate)) for item, lossless in found]


def _coded(setup: Settings, trained: list[Run], piece: tuple[Corpus, Codec]) -> list[Row]:
    """What a codec does to a few pieces; of the papers' codec the sounds are kept."""
    (corpus, codec), rows = piece, []
    rate, geometry = corpus.sample_rate, replace(setup.geometry, sample_rate=corpus.sample_rate)
    for item, lossless, coded in _pairs(*piece):
        identity, low_pass = against_codec(lossless, coded, geometry, setup.domain)
        row: Row = {"rate": rate, "codec": codec_title(codec), "bitrate": codec.bitrate, "item": item.name}
        row |= {"title": short_title(item), "length_difference": len(coded) - len(lossless)}
        row["lag_samples"] = int(correlate(coded, lossless, method="fft").argmax()) - (len(lossless) - 1)
        row |= {"cutoff_hz": identity["codec_cutoff_hz"], "hole_share": identity["hole_share"]}
        rows.append(row | {"l1": identity["l1"], "low_pass_l1": low_pass["l1"]})
        if (rate, codec) == (RATES[0], setup.codec):
            sounds = {"lossless": lossless, "coded": coded}
            keep_sounds(setup, f"codec_{item.name}", sounds, rate, geometry.patch_samples)
    return rows


def against_codec(lossless: np.ndarray, coded: np.ndarray, geometry: Geometry, domain: str, **others: Any) -> list[Row]:
    """Errors of "identity" (the piece [shape=(n,)]), "low_pass" (it cut at the codec's cut-off) and `others` by name.

    Those are linear magnitudes [shape=(patches, bins, frames)] and samples; l1 is of scaled magnitudes, and holes are
    scored under the cut-off.
    """
    cutoff_hz = audio.cutoff_hz(lossless, coded, geometry.sample_rate)
    bins = min(geometry.bins, round(cutoff_hz * geometry.window / geometry.sample_rate) + 1)
    whole, after = audio.analyse(lossless, geometry), audio.analyse(coded, geometry).abs().clamp(max=1)
    before, cut = whole.abs().clamp(max=1), whole.clone()
    cut[..., bins:, :] = 0
    low_pass = cut.abs().clamp(max=1), audio.synthesise(cut, len(lossless), geometry).numpy()
    rows = []
    for system, (magnitude, sound) in {"identity": (before, lossless), "low_pass": low_pass, **others}.items():
        row: Row = {"system": system, "l1": float((scale(magnitude, domain) - scale(after, domain)).abs().mean())}
        row |= {"l1_samples": float(np.abs(sound - coded).mean()), "codec_cutoff_hz": cutoff_hz}
        row["cutoff_error_hz"] = audio.cutoff_hz(lossless, sound, geometry.sample_rate) - cutoff_hz
        rows.append(row | hole_scores(before.numpy(), after.numpy(), magnitude.numpy(), bins))
    return rows


def _keep_holes(setup: Settings, trained: list[Run]) -> None:
    """The share of the audible points that each codec emptied, by frequency."""
    tables = []
    for corpus, codec in _codecs(setup):
        geometry = replace(setup.geometry, sample_rate=corpus.sample_rate)
        spectra = [[audio.analyse(each, geometry).abs().numpy() for each in pair] for _, *pair in _pairs(corpus, codec)]
        audible, emptied = np.sum([np.sum(holes(*pair), axis=(1, 3)) for pair in spectra], axis=0)
        shares = pd.DataFrame({"frequency_hz": np.arange(geometry.bins) * geometry.sample_rate / geometry.window})
        shares["hole_share"] = pd.Series(emptied) / audible
        tables.append(shares.assign(rate=corpus.sample_rate, codec=codec_title(codec), bitrate=codec.bitrate))
    study.save(setup, HOLES, pd.concat(tables))


CODEC_BY, CODEC_KEPT = ("rate", "codec", "bitrate"), (HOLES, "excerpts/codec_*")
CODECS = Study("codec_measures", lambda setup: [], _codecs, _coded, CODEC_BY, (), _keep_holes, CODEC_KEPT)

"""One corpus type for music, noisy speech and songs, over the rows that a layout finds."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nblib.audio import read, resample
from nblib.corpora.choosing import choose
from nblib.corpora.items import SPLITS, Item, limited, mix
from nblib.corpora.layouts import LAYOUTS, Layout
from nblib.corpora.reading import sounds
from nblib.corpora.rows import Row
from nblib.corpora.survey import SHORTEST, Wanted
from nblib.errors import CorpusError, ParameterError, check_choice, check_whole
from nblib.provenance import config_hash, random_generator

VERSION = 2
"""Raised with any change that changes a sample."""


@dataclass(frozen=True)
class Corpus:
    """Recordings of one kind, split so that no group is in two splits; made by `open_corpus`.

    Attributes
    ----------
    name, licence, citation : str
        The layout's, or what ``LICENCE.txt`` and ``CITATION.bib`` in its folder say.
    sample_rate : int
        In Hz, of what `load` gives.
    fingerprint : str
        Twelve hexadecimal digits; changes with the settings and with any sample in use, not with the place.
    skipped : mapping of str to str
        What was met and not used, with the reason; a pair at another SNR is no reason to be listed.
    """

    name: str
    licence: str
    citation: str
    sample_rate: int
    seed: int
    fingerprint: str
    skipped: Mapping[str, str] = field(repr=False)
    rows: Mapping[str, Row] = field(repr=False)

    def items(self, split: str | None = None) -> list[Item]:
        """The items of one split, or all; a larger size only adds items at a split's end.

        An item's `info` holds ``file``, ``start`` and ``seconds`` of the part in use, where it applies ``title``,
        ``speaker``, ``noise_kind`` or ``noise_source``, ``snr_db`` (see `labelled_snr_db` for pairs, else
        `measured_snr_db`), a song's ``vocals`` ("present", "very quiet", "silent"), and further columns of
        ``items.csv``. A score against silent vocals is not defined.
        """
        if split is not None:
            check_choice("split", split, SPLITS)
        return [_item(row) for row in self.rows.values() if split in (None, row.split)]

    def load(self, item: Item) -> Any:
        """Music: mono samples [shape=(n,)], float32 in [-1, 1]; else a `Mixture`. At `sample_rate`.

        A pure function of files, settings and the item's name. A peak over full scale (in mixtures: over 0.99) makes
        the whole quieter.

        Raises
        ------
        AudioError
            A file changed since the corpus was opened and cannot be read any more.
        CorpusError
            The item is not of this corpus.
        """
        if item.name not in self.rows:
            raise CorpusError(f"{item.name!r} is no item of {self.name}: take one from items()")
        row = self.rows[item.name]
        parts, own_rate = sounds(row)
        target, *mixture = (resample(part, own_rate, self.sample_rate) for part in parts)
        if mixture:
            return limited(target, mixture[0] - target)
        if row.noise is None:
            return target / np.float32(max(1.0, float(np.abs(target).max())))
        recorded, own_rate = read(row.noise)
        length = -(-len(target) * own_rate // self.sample_rate)
        segment = noise_segment(recorded, length, random_generator(self.seed, "noise segment", row.label))
        return mix(target, resample(segment, own_rate, self.sample_rate)[: len(target)], row.snr_db or 0.0)


def open_corpus(
    kind: str,
    root: str | Path,
    *,
    sample_rate: int,
    seed: int,
    sizes: Mapping[str, int],
    seconds: float | None = None,
    snr_db: float = 0.0,
) -> Corpus:
    """The recordings of a kind below `root`, by the first of `LAYOUTS` that is there and can be used.

    What is in use is read once. Warnings name what is skipped, what to know of a recording in use (a filter's edge,
    silent vocals), and a layout that was there and could not be used.

    Parameters
    ----------
    kind : {"music", "speech", "vocals"}
        Lossless music; clean speech with noise; vocals with their accompaniment.
    root : str or Path
        The folder that holds the recordings, see `nblib.corpora.layouts`.
    sample_rate : int
        In Hz.
    seed : int
        Deals groups to splits, draws the order, and what is mixed with what.
    sizes : mapping of str to int
        Most items in a split; all of a split that it does not name.
    seconds : float >= 1, optional
        Of music the most that is used, from the start of each file; of songs the length of the part in which the vocals
        (where silent: the accompaniment) have most energy. By default all.
    snr_db : float
        Of speech: mixed at this, or only pairs at this.

    Raises
    ------
    ParameterError
        A parameter is out of range.
    CorpusError
        No layout is there or can be used; the message says what was looked for.
    """
    check_choice("kind", kind, LAYOUTS)
    check_whole("sample_rate", sample_rate, 1)
    for split, size in sizes.items():
        check_choice("sizes", split, SPLITS)
        check_whole(f"sizes[{split!r}]", size)
    if seconds is not None and not seconds >= SHORTEST:
        raise ParameterError(f"seconds={seconds!r}: at least {SHORTEST:g} s are needed, or None for all")
    if not str(root) or not Path(root).is_dir():
        raise CorpusError(f"{str(root)!r}: no such folder; give the one that holds the recordings (--data-root)")
    wanted = Wanted(kind, sample_rate, seed, sizes, seconds, snr_db)
    problems: list[str] = []
    for layout in LAYOUTS[kind]:
        try:
            rows = layout.find(Path(root))
            if rows is None:
                continue
            corpus = _corpus(layout, rows, wanted)
        except CorpusError as error:
            problems.append(f"{layout.name}: {error}")
            continue
        if problems:
            warnings.warn(f"{'; '.join(problems)}\n taking {layout.name} instead", stacklevel=2)
        return corpus
    looked_for = "; ".join(layout.looks_for for layout in LAYOUTS[kind])
    raise CorpusError("\n".join([f"{root}: no {kind} that can be used; looked for {looked_for}", *problems]))


def _corpus(layout: Layout, rows: list[Row], wanted: Wanted) -> Corpus:
    chosen, skipped = choose(rows, wanted)
    used = [row for split in SPLITS for row in chosen[split]]
    _warn(layout.name, "skipped", skipped)
    _warn(layout.name, "to be looked at, though used", {row.label: row.note for row in used if row.note})
    content = [(row.name, row.group, row.split, row.digest, row.start, row.seconds, row.snr_db) for row in used]
    settings = [VERSION, wanted.kind, wanted.sample_rate, wanted.seed, importlib.metadata.version("soxr")]
    beside = {name: rows[0].folder / name for name in ("LICENCE.txt", "CITATION.bib")}
    texts = {name: path.read_text(encoding="utf-8").strip() for name, path in beside.items() if path.is_file()}
    return Corpus(
        name=layout.name,
        licence=texts.get("LICENCE.txt", layout.licence),
        citation=texts.get("CITATION.bib", layout.citation),
        sample_rate=wanted.sample_rate,
        seed=wanted.seed,
        fingerprint=config_hash([settings, content]),
        skipped=skipped,
        rows={row.name: row for row in used},
    )


def _item(row: Row) -> Item:
    part = {"file": row.file, "start": round(row.start, 3), "seconds": round(row.seconds or 0.0, 3)}
    snr_db = {} if row.snr_db is None else {"snr_db": row.snr_db}
    return Item(row.name, row.group, str(row.split), {**row.info, **part, **snr_db})


def _warn(name: str, what: str, reasons: Mapping[str, str]) -> None:
    if reasons:
        lines = [f"\n  {label}: {reason}" for label, reason in list(reasons.items())[:10]]
        more = f"\n  and {len(reasons) - 10} more" * (len(reasons) > 10)
        warnings.warn(f"{name}: {len(reasons)} {what}{''.join(lines)}{more}", stacklevel=4)


def noise_segment(samples: np.ndarray, length: int, random: np.random.Generator) -> np.ndarray:
    """`length` samples of a recording [shape=(n,)], tiled if it is shorter, from a place that is not near-silent.

    Drawn among the places, an eighth of `length` apart, that are at most 10 dB below the whole recording.
    """
    if len(samples) <= length:
        return np.resize(samples, length)
    starts = np.append(np.arange(0, len(samples) - length, max(1, length // 8)), len(samples) - length)
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    heard = energy[starts + length] - energy[starts]
    loud = starts[heard >= min(0.1 * energy[-1] * length / len(samples), heard.max())]
    start = int(loud[random.integers(len(loud))])
    return samples[start : start + length]

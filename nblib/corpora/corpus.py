"""One corpus type for music, noisy speech and songs, over the rows that a layout finds."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nblib.audio import read, resample
from nblib.corpora.choosing import choose
from nblib.corpora.items import SPLITS, Item, limited, mix
from nblib.corpora.layouts import LAYOUTS
from nblib.corpora.rows import Row
from nblib.corpora.survey import Survey, Wanted, sounds
from nblib.errors import CorpusError, ParameterError, check_choice, check_whole
from nblib.provenance import config_hash, random_generator

VERSION = 2  # raised with any change that changes a sample
LICENCES = pd.read_csv(Path(__file__).with_name("licences.csv"), index_col="layout").T.to_dict()


@dataclass(frozen=True)
class Corpus:
    """Recordings of one kind, split so that no group is in two splits; made by `open_corpus`.

    `fingerprint` has twelve hexadecimal digits and changes with the settings and with any sample in use, not with the
    place. `skipped` has what was met and cannot be used, with the reason. `sample_rate` is in Hz.
    """

    name: str
    sample_rate: int
    seed: int
    fingerprint: str
    skipped: Mapping[str, str] = field(repr=False)
    rows: Mapping[str, Row] = field(repr=False)
    licence: str
    citation: str

    def items(self, split: str | None = None) -> list[Item]:
        """The items of one split, or all; a larger size only adds items at a split's end.

        `info` holds ``file``, ``start`` and ``seconds`` of the part in use, where they apply ``title``, ``speaker``,
        ``noise_kind`` or ``noise_source``, ``snr_db``, ``vocals`` ("present", "very quiet", "silent": a score against
        silence is not defined), and further columns of ``items.csv``.
        """
        if split is not None:
            check_choice("split", split, SPLITS)
        return [row.item() for row in self.rows.values() if split in (None, row.split)]

    def load(self, item: Item) -> Any:
        """Music: mono samples [shape=(n,)], float32 in [-1, 1]; else a `Mixture`. The same at every call.

        A peak over full scale (in mixtures over 0.99) makes the whole quieter. Raises `CorpusError` for an item of
        another corpus, `AudioError` where a file has changed since and cannot be read.
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
        segment = noise_segment(recorded, length, random_generator(self.seed, "noise segment", row.file))
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

    Warnings name what is skipped, what to know of recordings in use, and a layout that could not be used; `CorpusError`
    says what was looked for where none could.

    Parameters
    ----------
    kind : {"music", "speech", "vocals"}
        Lossless music; clean speech with noise; vocals with their accompaniment.
    sample_rate, seed : int
        Hz; the seed deals groups to splits, draws the order, and what is mixed with what.
    sizes : mapping of str to int
        Most items in a split; all of a split that it does not name.
    seconds : float >= 1, optional
        Of music the most that is used, from the start of each file; of songs the length of the part in which the vocals
        (where silent: the accompaniment) have most energy. By default all.
    snr_db : float
        Of speech: mixed at this, or only pairs at this.
    """
    check_choice("kind", kind, LAYOUTS)
    check_whole("sample_rate", sample_rate, 1)
    for split, size in sizes.items():
        check_choice("sizes", split, SPLITS)
        check_whole(f"sizes[{split!r}]", size)
    if seconds is not None and not seconds >= 1:
        raise ParameterError(f"seconds={seconds!r}: at least 1 s is needed, or None for all")
    if not Path(root).is_dir():
        raise CorpusError(f"{root}: no such folder; give the one that holds the recordings (--data-root)")
    wanted = Wanted(kind, sample_rate, seed, sizes, seconds, snr_db)
    problems: list[str] = []
    for looks_for, find in LAYOUTS[kind].items():
        try:
            rows = find(Path(root))
            corpus = None if rows is None else _corpus(find.__name__, rows, wanted)
        except CorpusError as error:
            problems.append(str(error))
            continue
        if corpus and problems:
            warnings.warn(f"{problems[-1]}\ntaking {looks_for} instead", stacklevel=2)
        if corpus:
            return corpus
    looked_for = f"{root}: no {kind} that can be used; looked for {'; '.join(LAYOUTS[kind])}"
    raise CorpusError("\n".join([looked_for, *problems]))


def _corpus(name: str, rows: list[Row], wanted: Wanted) -> Corpus:
    survey = Survey(wanted)
    used = choose(rows, survey)
    notes = {row.file: row.note for row in used if row.note}
    for what, reasons in (("skipped", survey.skipped), ("used, but", notes)):
        if reasons:
            lines = "".join(f"\n  {file}: {reason}" for file, reason in list(reasons.items())[:10])
            more = f"\n  and {len(reasons) - 10} more" * (len(reasons) > 10)
            warnings.warn(f"{name}: {len(reasons)} {what}{lines}{more}", stacklevel=3)
    texts: dict[str, str] = {"licence": "that of the recordings", "citation": ""} | LICENCES.get(name, {})
    for text, file in (("licence", "LICENCE.txt"), ("citation", "CITATION.bib")):
        if (path := rows[0].folder / file).is_file():
            texts[text] = path.read_text(encoding="utf-8").strip()
    settings = [VERSION, wanted.kind, wanted.sample_rate, wanted.seed, importlib.metadata.version("soxr")]
    content = [(row.name, row.group, row.split, row.digest, row.start, row.seconds, row.snr_db) for row in used]
    fingerprint = config_hash([settings, content])
    by_name = {row.name: row for row in used}
    return Corpus(name, wanted.sample_rate, wanted.seed, fingerprint, survey.skipped, by_name, **texts)


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

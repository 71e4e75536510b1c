"""One corpus type for music, noisy speech and songs, over those of a layout's rows that are in use."""

import importlib.metadata
import itertools
import math
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile

from nblib.audio import read, resample
from nblib.corpora.layouts import LAYOUTS, SPLITS, Item, Row, complete, sound_files
from nblib.corpora.survey import SNR_DB, Survey, limited, mix, noise_segment, sounds
from nblib.errors import CorpusError, check_choice
from nblib.provenance import config_hash, random_generator

VERSION = 2  # raised with any change that changes a sample
SPEECH_FRACTIONS = (4000 / 5800, 1200 / 5800, 600 / 5800)  # IJCNN'20 Section IV, as of songs; of music MM'19 Section 3
DEALT = {  # what a kind's groups are, and the fractions that go to train, validation and test
    "music": ("music", (0.7, 0.2, 0.1)),
    "speech": ("speakers", SPEECH_FRACTIONS),
    "noise": ("noise sources", SPEECH_FRACTIONS),
    "vocals": ("songs", (100 / 150, 25 / 150, 25 / 150)),
}


@dataclass(frozen=True)
class Corpus:
    """Recordings of one kind, no group of them in two splits; made by `open_corpus`."""

    name: str
    sample_rate: int  # Hz
    seed: int
    fingerprint: str  # changes with the settings and any sample in use, not with the place
    skipped: Mapping[str, str] = field(repr=False)  # what cannot be used, and why
    rows: Mapping[str, Row] = field(repr=False)
    licence: str
    citation: str

    def items(self, split: str | None = None) -> list[Item]:
        """The items of one split, or all; a larger size only adds items at a split's end."""
        check_choice("split", split or "train", SPLITS)
        rows = [row for row in self.rows.values() if split in (None, row.split)]
        return [Item(row.name, row.group, str(row.split), row.info) for row in rows]

    def load(self, item: Item) -> Any:
        """Music: mono samples [shape=(n,)], float32, made quieter to lie in [-1, 1]; else a `Mixture`, `limited`."""
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
        return mix(target, resample(segment, own_rate, self.sample_rate)[: len(target)], SNR_DB)


def open_corpus(
    kind: str, root: str | Path, *, sample_rate: int, seed: int, sizes: Mapping[str, int], seconds: float | None = None
) -> Corpus:
    """Recordings of "music" (lossless), "speech" (with noise, at 0 dB) or "vocals" (in songs) below `root`.

    The seed deals groups to splits, draws the order, and what is mixed with what. `sizes` has the most items of a
    split, all where it does not name one. Of music the first `seconds` are used, of songs those in which the vocals
    (where silent: the rest) have most energy; all without. Warnings name what is skipped and what to know of the rest.
    """
    if not Path(root).is_dir():
        raise CorpusError(f"{root}: no such folder; give the one that holds the recordings (--data-root)")
    problems = [f"{root}: no {kind} that can be used; looked for {'; '.join(LAYOUTS[kind])}"]
    for looks_for, find in LAYOUTS[kind].items():
        survey = Survey(kind, sample_rate, seed, sizes, seconds)
        try:
            if (rows := find(Path(root))) is not None:
                corpus = _corpus(find.__name__, choose(rows, survey), survey)
                if problems[1:]:
                    warnings.warn(f"{problems[-1]}\ntaking {looks_for} instead", stacklevel=2)
                return corpus
        except CorpusError as error:
            problems.append(str(error))
    raise CorpusError("\n".join(problems))


def _corpus(name: str, used: list[Row], survey: Survey) -> Corpus:
    for what, reasons in (("skipped", survey.skipped), ("used, but", {row.file: row.note for row in used if row.note})):
        if reasons:
            warnings.warn(f"{name}: {len(reasons)} {what}{_listed(reasons)}", stacklevel=3)
    known = pd.read_csv(Path(__file__).with_name("licences.csv"), index_col="layout").T
    texts: dict[str, str] = {"licence": "that of the recordings", "citation": ""} | dict(known.get(name, {}))
    for text, file in (("licence", "LICENCE.txt"), ("citation", "CITATION.bib")):
        if (path := used[0].folder / file).is_file():
            texts[text] = path.read_text(encoding="utf-8").strip()
    settings = [VERSION, survey.kind, survey.sample_rate, survey.seed, importlib.metadata.version("soxr")]
    content = [(row.name, row.group, row.split, row.digest, row.start, row.seconds, row.snr_db) for row in used]
    fingerprint, by_name = config_hash([settings, content]), {row.name: row for row in used}
    return Corpus(name, survey.sample_rate, survey.seed, fingerprint, survey.skipped, by_name, **texts)


def _listed(reasons: Mapping[str, str]) -> str:
    first = [f"\n  {file}: {reason}" for file, reason in list(reasons.items())[:10]]
    return "".join(first) + f"\n  and {len(reasons) - 10} more" * (len(reasons) > 10)


def choose(rows: list[Row], survey: Survey) -> list[Row]:
    """The rows in use, split by split."""
    complete(rows, survey.skipped)
    parts = [part for row in rows for part in cut(row)]
    survey(row for row in parts if row.problem)
    usable = [row for row in parts if not row.problem]
    # Speech is read no further than needed; elsewhere no copy may lie in another split.
    usable = [row for row in usable if row.snr_db in (None, SNR_DB)] if survey.kind == "speech" else survey(usable)
    chosen: list[Row] = []
    try:
        for split, dealt in deal(usable, survey, survey.kind).items():
            kept = taken(dealt, split, survey.sizes.get(split), survey)
            add_noise(kept, split, survey)
            for row in kept:
                row.split, start, seconds = split, round(row.start, 3), round(row.seconds or 0.0, 3)
                row.info = {**row.info, "file": row.file, "start": start, "seconds": seconds}
                if row.snr_db is not None:
                    row.info["snr_db"] = row.snr_db
            chosen += kept
    except CorpusError as error:
        snrs = sorted(row.snr_db for row in parts if row.snr_db is not None and row.mixture)
        found = f" (wanted 0 dB, found {snrs[0]:g} to {snrs[-1]:g} dB)" if snrs and survey.kind == "speech" else ""
        raise CorpusError(f"{error}{found}; {len(survey.skipped)} skipped{_listed(survey.skipped)}") from error
    return chosen


def cut(row: Row) -> list[Row]:
    """Equal parts of speech that is to be mixed here, none over 4 s; other rows as they are."""
    if row.noise is None or row.problem:
        return [row]
    try:
        seconds = float(soundfile.info(row.sound).duration)
        row.problem = f"too short: {seconds:.2f} s, 1 s is needed" * (seconds < 1)
    except (soundfile.SoundFileError, OSError) as error:
        row.problem, seconds = f"cannot be read as sound ({error})", 0.0
    count = max(1, math.ceil(seconds / 4))
    length, names = seconds / count, [f"{row.file} part {place}" for place in range(count)] if count > 1 else [row.file]
    return [replace(row, file=name, start=place * length, seconds=length) for place, name in enumerate(names)]


def deal(rows: Sequence[Row], survey: Survey, kind: str) -> dict[str, list[Row]]:
    """`rows` by wanted splits; those without one follow their group, other groups the seed deals out.

    Movable ones, too, where a wanted split would have no song with vocals; their silent ones train.
    """
    splits = [split for split in SPLITS if survey.sizes.get(split, 1)]
    is_sung = {split: any(row.info.get("vocals") != "silent" for row in rows if row.split == split) for split in splits}
    if not all(is_sung.values()) and any(row.movable for row in rows):
        warnings.warn(f"too few songs with vocals to keep the list's split ({is_sung}): dealt out anew", stacklevel=4)
        for row in rows:
            if row.movable:
                row.split = "train" if row.info["vocals"] == "silent" else None
    given: dict[str, str] = {}
    for row in rows:
        if row.split and given.setdefault(row.group, row.split) != row.split:
            text = f"{row.file} is for {row.split} and shares its group {row.group!r} with one for {given[row.group]}"
            raise CorpusError(f"{text}; give both one split in items.csv, or each a group of its own")
    rest, (what, fractions) = [row.group for row in rows if row.group not in given], DEALT[kind]
    if rest or not given:
        given |= split_groups(rest, fractions, survey.seed, what)
    return {split: [row for row in rows if given[row.group] == split] for split in splits}


def split_groups(groups: Sequence[str], fractions: tuple[float, float, float], seed: int, what: str) -> dict[str, str]:
    """Deal `groups` out to train, validation and test in about `fractions`, at least one each, the order by `seed`."""
    if len(different := sorted(set(groups))) < 3:
        found = f"{what}: {len(different)} group(s) found ({', '.join(different) or 'none'})"
        raise CorpusError(f"{found}, at least 3 are needed to split: add recordings of others")
    order = [different[index] for index in random_generator(seed, "split", what).permutation(len(different))]
    validation, test = (max(1, round(fraction * len(order))) for fraction in fractions[1:])
    validation, test = (1, 1) if test + validation >= len(order) else (validation, test)
    splits = ["test"] * test + ["validation"] * validation + ["train"] * (len(order) - test - validation)
    return dict(zip(order, splits, strict=True))


def taken(rows: Sequence[Row], what: str, limit: int | None, survey: Survey) -> list[Row]:
    """Usable ones of `rows` in an order drawn from the seed, groups in turn, beginnings first, silent vocals last."""
    drawn = [rows[place] for place in random_generator(survey.seed, "order", what).permutation(len(rows))]
    drawn.sort(key=lambda row: (row.info.get("vocals") == "silent", row.start if row.noise else 0.0))
    turns = defaultdict[str, Iterator[int]](itertools.count)
    if not (kept := survey(sorted(drawn, key=lambda row: next(turns[row.group])), limit)):
        raise CorpusError(f"no usable recording for {what}")
    return kept


def add_noise(rows: list[Row], split: str, survey: Survey) -> None:
    """Give rows that name a folder of noise one of the split's recordings from there each; the sources take turns."""
    if (pool := rows[0].noise) is None:
        return
    found = [Row(pool, file := path.relative_to(pool).as_posix(), source_of(file), path) for path in sound_files(pool)]
    heard = taken(deal(found, survey, "noise")[split], "noise", len(rows), survey)
    for row, noise in zip(rows, itertools.cycle(heard), strict=False):
        row.noise, row.digest, row.snr_db = noise.sound, row.digest + noise.digest, SNR_DB
        row.info = {**row.info, "noise_source": noise.group, "noise": noise.file}


def source_of(file: str) -> str:
    """A noise recording's source: its path less suffix and the number at its end, if a letter stands before that."""
    return re.sub(r"(?<=[^\W\d_])[-_ ]*\d+$", "", file.rsplit(".", 1)[0])

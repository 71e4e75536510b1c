"""From a layout's rows to those in use: splits by group, an order by the seed, sizes, noise to mix with."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle

import numpy as np
import soundfile

from nblib.corpora.items import SPLITS, split_groups
from nblib.corpora.rows import Row, joined, sound_files
from nblib.corpora.survey import Survey, Wanted
from nblib.errors import CorpusError
from nblib.provenance import random_generator

SPEECH_FRACTIONS = (4000 / 5800, 1200 / 5800, 600 / 5800)  # IJCNN'20, Section IV
DEALT = {  # what the groups are, and into which fractions they are dealt out: MM'19 Section 3, IJCNN'20 Section IV
    "music": ("music", (0.7, 0.2, 0.1)),
    "speech": ("speakers", SPEECH_FRACTIONS),
    "vocals": ("songs", (100 / 150, 25 / 150, 25 / 150)),
}
LONGEST = 4.0  # seconds: longer speech that is mixed here is cut into equal parts no longer than this


def choose(rows: Sequence[Row], survey: Survey) -> list[Row]:
    """The rows in use, by split.

    A row's own split decides, else its group is dealt out by the seed. Within a split groups take turns in an order
    drawn from the seed, beginnings of recordings first and silent vocals last; a larger size only adds items.
    """
    wanted, limits = survey.wanted, survey.wanted.sizes
    found = [part for row in joined(rows, survey.skipped) for part in cut(row)]
    survey([row for row in found if row.problem])
    found = [replace(row, name=_name(row)) for row in found if not row.problem]
    usable = [row for row in found if wanted.kind != "speech" or row.snr_db in (None, wanted.snr_db)]
    if wanted.kind != "speech":  # speech is read no further than needed; of music, no copy may lie in another split
        usable = survey(usable)
    splits = [split for split in SPLITS if limits.get(split, 1)]
    try:
        dealt, chosen = deal(dealt_anew(usable, splits), wanted), []
        for split in splits:
            kept = survey(in_order(dealt[split], wanted.seed, split), limits.get(split))
            if not kept:
                raise CorpusError(f"no usable recording for {split}")
            chosen += with_noise([replace(row, split=split) for row in kept], split, survey)
    except CorpusError as error:
        known = [row.snr_db for row in found if row.snr_db is not None] + survey.passed
        steps = sorted(Counter(round(snr_db / 2.5) * 2.5 for snr_db in known).items())
        snrs = f" (wanted {wanted.snr_db:g} dB, found {', '.join(f'{step:g} dB: {count}' for step, count in steps)})"
        skipped = "".join(f"\n  {file}: {reason}" for file, reason in list(survey.skipped.items())[:10])
        raise CorpusError(f"{error}{snrs * bool(steps)}; {len(survey.skipped)} skipped{skipped}") from error
    return chosen


def _name(row: Row) -> str:
    """The file's letters and digits; a digest keeps those apart that come out alike."""
    name = re.sub(r"\W+", "-", row.key).strip("-")[:80]
    return name if name == row.file else f"{name}-{hashlib.sha256(row.file.encode()).hexdigest()[:6]}"


def cut(row: Row) -> list[Row]:
    """Equal parts of speech that is to be mixed here, none over `LONGEST`; other rows as they are."""
    if row.noise is None or row.problem:
        return [row]
    try:
        seconds = float(soundfile.info(row.sound).duration)
    except (soundfile.SoundFileError, OSError) as error:
        return [replace(row, problem=f"cannot be read as sound ({error})")]
    if seconds < 1:
        return [replace(row, problem=f"too short: {seconds:.2f} s, 1 s is needed")]
    parts = int(np.ceil(seconds / LONGEST))
    files = [f"{row.file} part {part}" if parts > 1 else row.file for part in range(parts)]
    length = seconds / parts
    return [replace(row, file=file, start=part * length, seconds=length) for part, file in enumerate(files)]


def dealt_anew(rows: Sequence[Row], splits: Sequence[str]) -> list[Row]:
    """`rows`, movable ones without a split where a wanted split would have no song with vocals; silent ones train."""
    is_sung = {split: any(row.info.get("vocals") != "silent" for row in rows if row.split == split) for split in splits}
    if all(is_sung.values()) or not any(row.movable for row in rows):
        return list(rows)
    warnings.warn(f"too few songs with vocals to keep the list's split ({is_sung}): dealt out anew", stacklevel=5)
    splits_of = {True: "train", False: None}
    return [replace(row, split=splits_of[row.info["vocals"] == "silent"]) if row.movable else row for row in rows]


def deal(rows: Sequence[Row], wanted: Wanted) -> dict[str, list[Row]]:
    """`rows` by split; those without one follow their group, the other groups are dealt out by the seed."""
    given: dict[str, str] = {}
    for row in rows:
        if row.split and given.setdefault(row.group, row.split) != row.split:
            raise CorpusError(
                f"{row.file} is for {row.split} and shares its group {row.group!r} with a recording for "
                f"{given[row.group]}; give both one split in items.csv, or each a group of its own"
            )
    rest = [row.group for row in rows if row.group not in given]
    if rest or not given:
        what, fractions = DEALT[wanted.kind]
        given |= split_groups(rest, fractions, wanted.seed, what)
    return {split: [row for row in rows if given[row.group] == split] for split in SPLITS}


def in_order(rows: Sequence[Row], seed: int, what: str) -> list[Row]:
    """`rows` in an order drawn from the seed, groups in turn."""
    drawn = [rows[int(place)] for place in random_generator(seed, "order", what).permutation(len(rows))]
    drawn.sort(key=lambda row: (row.info.get("vocals") == "silent", row.start if row.noise else 0.0))
    turns: Counter[str] = Counter()
    ranks: list[tuple[int, int]] = []
    for row in drawn:
        ranks.append((turns[row.group], len(ranks)))
        turns[row.group] += 1
    return [drawn[place] for _, place in sorted(ranks)]


def with_noise(rows: list[Row], split: str, survey: Survey) -> list[Row]:
    """Rows that name a folder of noise, each with one of the split's recordings from there; the sources take turns."""
    wanted, pool = survey.wanted, rows[0].noise
    if pool is None:
        return rows
    files = [path.relative_to(pool).as_posix() for path in sound_files(pool)]
    sources = split_groups([source_of(file) for file in files], SPEECH_FRACTIONS, wanted.seed, "noise sources")
    own = [Row(pool, file, source_of(file), pool / file) for file in files if sources[source_of(file)] == split]
    heard = survey(in_order(own, wanted.seed, "noise"), len(rows))
    if not heard:
        raise CorpusError(f"{pool}: no usable recording for {split}")
    mixed = []
    for row, noise in zip(rows, cycle(heard), strict=False):
        info, digest = {**row.info, "noise_source": noise.group, "noise": noise.file}, row.digest + noise.digest
        mixed.append(replace(row, noise=noise.sound, digest=digest, snr_db=wanted.snr_db, info=info))
    return mixed


def source_of(file: str) -> str:
    """A noise recording's source: its path less suffix and the number at its end, if a letter stands before that."""
    return re.sub(r"(?<=[^\W\d_])[-_ ]*\d+$", "", file.rsplit(".", 1)[0])

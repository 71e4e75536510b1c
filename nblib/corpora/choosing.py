"""From a layout's rows to those in use: names, splits by group, an order by the seed, sizes, noise to mix with."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import soundfile

from nblib.corpora.items import SPLITS, split_groups
from nblib.corpora.rows import Row, joined, sound_files
from nblib.corpora.survey import SHORTEST, Survey, Wanted, look
from nblib.errors import CorpusError
from nblib.provenance import random_generator

FRACTIONS = {
    "music": (0.7, 0.2, 0.1),  # MM'19, Section 3
    "speech": (4000 / 5800, 1200 / 5800, 600 / 5800),  # IJCNN'20, Section IV
    "vocals": (100 / 150, 25 / 150, 25 / 150),  # IJCNN'20, Section IV
}
GROUPS = {"music": "pieces", "speech": "speakers", "vocals": "songs"}

LONGEST = 4.0
"""Seconds: longer recordings of speech to be mixed are cut into equal parts no longer than this."""

CENSUS = 200
"""Pairs that are measured to say which SNRs there are."""

Dealt = dict[str, list[Row]]


def choose(rows: Sequence[Row], wanted: Wanted) -> tuple[Dealt, dict[str, str]]:
    """The rows in use by split, and what is skipped and why.

    Splits come from the rows where they have one, else the groups are dealt out by the seed. Within a split, groups take
    turns in an order drawn from the seed, first parts of recordings first, so that a larger size only adds items.

    Raises
    ------
    CorpusError
        Fewer than three groups, a group in two splits, or nothing usable for a split that is wanted.
    """
    skipped: dict[str, str] = {}
    survey = Survey(wanted, skipped)
    found = named([part for row in joined(rows, skipped) for part in cut(row)])
    survey([row for row in found if row.problem])
    usable = [row for row in found if not row.problem]
    candidates = [row for row in usable if wanted.kind != "speech" or row.snr_db in (None, wanted.snr_db)]
    if wanted.kind == "music":  # all are read before they are dealt out: copies must not lie in two splits
        candidates = survey(candidates)
    splits = [split for split in SPLITS if wanted.sizes.get(split, 1)]
    try:
        if not usable or wanted.kind == "music" and not candidates:
            raise CorpusError("no usable recording")
        dealt = deal(candidates, wanted)
        moved = fill(dealt, splits, survey)
        chosen: Dealt = {split: [] for split in SPLITS}
        for split in splits:
            order = opening(in_order(dealt[split], wanted.seed, split), survey)
            kept = survey.first(order, wanted.sizes.get(split, len(order)))
            chosen[split] = [
                replace(row, split=split, note="; ".join(filter(None, (row.note, moved.get(row.name))))) for row in kept
            ]
            if not kept:
                raise CorpusError(f"no usable recording for {split}")
        return with_noise(chosen, wanted, survey), skipped
    except CorpusError as error:
        raise CorpusError(f"{error}{_listing(skipped)}{_census(usable, wanted)}") from error


def named(rows: Sequence[Row]) -> list[Row]:
    """`rows` with names fit for files: the label's letters and digits; a digest keeps those apart that come out alike."""
    labels = [row.key + row.label.removeprefix(row.file) for row in rows]
    slugs = [re.sub(r"\W+", "-", label).strip("-")[:80] for label in labels]
    counts = Counter(map(str.casefold, slugs))
    digests = [hashlib.sha256(row.label.encode()).hexdigest()[:6] for row in rows]
    return [
        replace(row, name=slug if counts[slug.casefold()] == 1 else f"{slug}-{digest}")
        for row, slug, digest in zip(rows, slugs, digests, strict=True)
    ]


def cut(row: Row) -> list[Row]:
    """Equal parts of speech that is to be mixed here, none over `LONGEST`; other rows as they are."""
    if row.noise is None or row.problem or row.seconds is not None:
        return [row]
    try:
        seconds = float(soundfile.info(row.sound).duration)
    except (soundfile.SoundFileError, OSError) as error:
        return [replace(row, problem=f"cannot be read as sound ({error})")]
    if seconds < SHORTEST:
        return [replace(row, problem=f"too short: {seconds:.2f} s, {SHORTEST:g} s are needed")]
    parts = max(1, int(np.ceil(seconds / LONGEST)))
    length = seconds / parts
    return [replace(row, start=part * length, seconds=length, info={**row.info, "part": part}) for part in range(parts)]


def deal(rows: Sequence[Row], wanted: Wanted) -> Dealt:
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
        given |= split_groups(rest, FRACTIONS[wanted.kind], wanted.seed, GROUPS[wanted.kind])
    return {split: [row for row in rows if given[row.group] == split] for split in SPLITS}


def in_order(rows: Sequence[Row], seed: int, what: str) -> list[Row]:
    """`rows` in an order drawn from the seed, first parts first, so that the groups take turns."""
    drawn = [rows[int(place)] for place in random_generator(seed, "order", what).permutation(len(rows))]
    drawn.sort(key=lambda row: int(row.info.get("part", 0)))
    counts: Counter[str] = Counter()
    turns = []
    for row in drawn:
        turns.append(counts[row.group])
        counts[row.group] += 1
    return [drawn[place] for place in sorted(range(len(drawn)), key=turns.__getitem__)]


def with_noise(chosen: Dealt, wanted: Wanted, survey: Survey) -> Dealt:
    """Each row that names a folder of noise with one of its split's recordings; the sources take turns."""
    pools = {row.noise for rows in chosen.values() for row in rows if row.noise}
    for pool in pools:
        files = [(path, path.relative_to(pool).as_posix()) for path in sound_files(pool)]
        found = [Row(pool, file, source_of(file), path) for path, file in files]
        if not found:
            raise CorpusError(f"{pool}: no usable recording")
        sources = split_groups([row.group for row in found], FRACTIONS["speech"], wanted.seed, "noise sources")
        for split, rows in chosen.items():
            own = in_order([row for row in found if sources[row.group] == split], wanted.seed, "noise")
            heard = survey.first(own, len(rows))
            if rows and not heard:
                raise CorpusError(f"{pool}: no usable recording for {split}")
            chosen[split] = [_mixed_with(row, heard[place % len(heard)], wanted) for place, row in enumerate(rows)]
    return chosen


def _mixed_with(row: Row, noise: Row, wanted: Wanted) -> Row:
    info = {**row.info, "noise_source": noise.group, "noise": noise.file}
    return replace(row, noise=noise.sound, digest=row.digest + noise.digest, info=info, snr_db=wanted.snr_db)


def source_of(file: str) -> str:
    """A noise recording's source: its path less suffix and the number at its end, if a letter stands before that."""
    return re.sub(r"(?<=[^\W\d_])[-_ ]*\d+$", "", file.rsplit(".", 1)[0])


def fill(dealt: Dealt, wanted: Sequence[str], survey: Survey) -> dict[str, str]:
    """Give a split that has no vocals, or no song, a movable one from the fullest split that has more; what was moved.

    Moved is the last song by name with present vocals; where the giver would keep none such, the last with any vocals;
    a silent one only where a split is empty and nothing else is left. `dealt` is changed.
    """
    moved: dict[str, str] = {}
    for split in reversed([split for split in SPLITS if split in wanted]):
        if not any(row.movable for rows in dealt.values() for row in rows) or _first_sung(dealt[split], survey):
            continue
        vocals = ["present", "very quiet"] + ["silent"] * (not survey(dealt[split]))
        spare = _spare(dealt, split, vocals, survey)
        if spare:
            giver, name = spare
            row = next(row for row in dealt[giver] if row.name == name)
            dealt[giver].remove(row)
            dealt[split] = sorted([*dealt[split], row], key=lambda each: each.group.casefold())
            moved[name] = f"moved from {giver} to {split}, which had no vocals"
    return moved


def _spare(dealt: Dealt, split: str, vocals: Sequence[str], survey: Survey) -> tuple[str, str] | None:
    """A split that can give a song to `split`, and the song's name."""
    givers = sorted((each for each in SPLITS if each != split), key=lambda each: -len(dealt[each]))
    for most in range(1, len(vocals) + 1):
        for giver in givers:
            able = [row for row in survey(dealt[giver]) if row.info["vocals"] in vocals[:most] and row.movable]
            if len(able) > 1:
                return giver, able[-1].name
    return None


def _first_sung(rows: Sequence[Row], survey: Survey) -> Row | None:
    heard = (row for row in rows for found in survey([row]) if found.info.get("vocals") != "silent")
    return next(heard, None)


def opening(rows: Sequence[Row], survey: Survey) -> list[Row]:
    """`rows` with the first that has vocals in front, so that no limit cuts all singing off."""
    first = _first_sung(rows, survey)
    return [*([first] if first else []), *(row for row in rows if row is not first)]


def _listing(skipped: dict[str, str]) -> str:
    lines = [f"\n  {label}: {reason}" for label, reason in list(skipped.items())[:10]]
    return f"; {len(skipped)} skipped:{''.join(lines)}" if lines else ""


def _census(rows: Sequence[Row], wanted: Wanted) -> str:
    """Which SNRs the pairs of speech have, measured on up to `CENSUS` of them where nothing says it."""
    pairs = [row for row in rows if row.mixture]
    if wanted.kind != "speech" or not pairs:
        return ""
    anyhow = replace(wanted, snr_db=None)
    unknown = [look(anyhow, row) for row in pairs[:CENSUS] if row.snr_db is None]
    known = [row for row in (*pairs, *unknown) if isinstance(row, Row) and row.snr_db is not None]
    steps = Counter(round((row.snr_db or 0.0) / 2.5) * 2.5 for row in known)
    found = ", ".join(f"{snr:g} dB: {count}" for snr, count in sorted(steps.items()))
    speakers = len({row.group for row in pairs})
    return f"; wanted are pairs at {wanted.snr_db:g} dB, found {found or 'none'} from {speakers} speaker(s)"

"""How the loaders of real recordings choose files: groups in turn, checked no further than needed, skipped by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from nblib.errors import CorpusError
from nblib.parallel import parallel_map
from nblib.provenance import random_generator

LOSSLESS = (".flac", ".wav")
MANY = 400
"""Files from which on checking them is worth starting processes."""

Candidate = TypeVar("Candidate")
Kept = TypeVar("Kept")


def shuffled(things: Sequence[Candidate], seed: int, what: str) -> list[Candidate]:
    """`things` in an order drawn from the seed."""
    return [things[int(place)] for place in random_generator(seed, "order", what).permutation(len(things))]


def in_turns(things: Sequence[Candidate], group: Callable[[Candidate], str]) -> list[Candidate]:
    """`things` so that the groups take turns; within a group the order stays."""
    counts: dict[str, int] = {}
    turns = []
    for each in things:
        counts[group(each)] = turn = counts.get(group(each), -1) + 1
        turns.append(turn)
    return [things[place] for place in sorted(range(len(things)), key=lambda place: turns[place])]


def take(
    candidates: Sequence[Candidate],
    limit: int,
    check: Callable[[Candidate], Kept | str | None],
    name: Callable[[Candidate], str],
    skipped: dict[str, str],
) -> list[Kept]:
    """The first `limit` candidates that pass `check`, read no further than needed.

    `check` gives what to keep, the reason for a named skip, which goes to `skipped`, or None to pass over in silence.
    """
    kept: list[Kept] = []
    place = 0
    while len(kept) < limit and place < len(candidates):
        batch = candidates[place : place + limit - len(kept)]
        place += len(batch)
        for each, result in zip(batch, parallel_map(check, batch, None if len(batch) > MANY else 1), strict=True):
            if isinstance(result, str):
                skipped[name(each)] = result
            elif result is not None:
                kept.append(result)
    return kept


def entry(found: Mapping[str, Sequence[Kept]], name: str, corpus: str) -> Kept:
    """What stands behind an item's name, ``<split>-<number>``."""
    split, _, number = name.rpartition("-")
    if split not in found or not number.isdecimal() or int(number) >= len(found[split]):
        raise CorpusError(f"{name!r} is no item of {corpus}: take one from items()")
    return found[split][int(number)]


def lossless_files(root: Path, what: str) -> list[Path]:
    """All WAV and FLAC files below `root`, sorted, hidden ones left out."""
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder; give the folder that holds the {what} recordings")
    found = (path for path in root.rglob("*") if path.suffix.lower() in LOSSLESS and path.is_file())
    return sorted(path for path in found if not path.name.startswith("."))


def nothing_left(where: str, skipped: Mapping[str, str]) -> CorpusError:
    """The error for a folder without a usable recording; names up to five that were skipped."""
    shown = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:5])
    return CorpusError(
        f"{where}: no usable recording left ({len(skipped)} skipped{': ' + shown if shown else ''}); "
        "add WAV or FLAC recordings of at least a second, mono or stereo, or raise the sizes"
    )


def warn_skipped(name: str, skipped: Mapping[str, str]) -> None:
    """One warning for all skipped files, the first ten by name."""
    if skipped:
        lines = [f"{path}: {reason}" for path, reason in list(skipped.items())[:10]]
        more = [f"and {len(skipped) - 10} more, see .skipped"] if len(skipped) > 10 else []
        warnings.warn(f"{name}: {len(skipped)} skipped\n  " + "\n  ".join(lines + more), stacklevel=5)

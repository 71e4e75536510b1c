"""MUSDB18's tracks: the list of all 150, the split, what of it lies in a folder, and how a subset is dealt out.

``musdb18_split.csv`` has one line per track with MUSDB18's own set and our split. IJCNN'20 Section IV has 100 tracks
for training, 25 for validation and 25 for testing and does not publish which: it may have been any other split. The
rule here: MUSDB18's 100 training tracks are train; its 50 test tracks, sorted by name without regard to case, go
alternately to validation and test, validation first. Artists are not kept apart: MUSDB18's own sets share some (Hollow
Ground, Skelpolu, The Long Wait, Triviul), and the five with two tracks in its test set (BKS, PR, Secretariat, Speak
Softly, The Easton Ellises) have one in validation and one in test.

The names are the folders' of MUSDB18-HQ. They stand in the authors' list of tracks (sigsep/website, tracklist.csv,
which misspells two: "Jokers Jacks & Kings", "Set Free Me"), the 50 of the test set in the results of SiSEC 2018
(sigsep/sigsep-mus-2018).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from nblib.corpora.base import SPLITS
from nblib.corpora.stems import STEM_FILE, holds_stems
from nblib.errors import CorpusError

FILE = Path(__file__).with_name("musdb18_split.csv")
SETS = ("train", "test")
LEAST_TRACKS = 3
VOCALS = ("present", "very quiet", "silent")


@dataclass(frozen=True)
class Listed:
    """One line of the list: name, MUSDB18's own set, our split."""

    name: str
    set: str
    split: str


@dataclass(frozen=True)
class Track:
    """A track that was found: the list's name or its own, path below the root, set's folder, whether it is listed."""

    name: str
    path: str
    folder: str
    listed: bool


@dataclass(frozen=True)
class Song:
    """A track that can be used: crc32 of its samples, the excerpt in samples, SNR in dB, one of `VOCALS`."""

    track: Track
    digest: int
    start: int
    length: int
    snr_db: float
    vocals: str


Hear = Callable[[Sequence[Track]], list[Song | str]]
"""Reads tracks: for each what it is, or why it cannot be used."""


def key(name: str) -> str:
    """What stays of a name when case, spaces and punctuation are left out: copies differ in these."""
    return re.sub(r"[\W_]+", "", name.casefold())


def by_name(track: Track | Listed) -> tuple[str, str]:
    """Sorts tracks by name, without regard to case."""
    return track.name.casefold(), track.name


@cache
def split_list() -> Mapping[str, Listed]:
    """The 150 tracks of MUSDB18 by `key` of their names."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = [Listed(row["track"], row["set"], row["split"]) for row in csv.DictReader(file)]
    return MappingProxyType({key(row.name): row for row in rows})


def find_tracks(root: Path) -> tuple[list[Track], dict[str, str]]:
    """The tracks below ``<root>/train`` and ``<root>/test``, sorted by name, and what is passed over with the reason.

    Where a name is found twice, a folder of lossless stems comes before a stem file, and the list's set first.

    Raises
    ------
    CorpusError
        Neither folder is there, or fewer than three tracks.
    """
    folders = [root / each for each in SETS if (root / each).is_dir()]
    if not folders:
        raise CorpusError(
            f"{root}: neither train/ nor test/; unpack MUSDB18 (doi 10.5281/zenodo.1117372) or "
            "MUSDB18-HQ (doi 10.5281/zenodo.3338373) into it"
        )
    skipped: dict[str, str] = {}
    found: list[Track] = []
    for path in sorted(path for folder in folders for path in folder.iterdir() if not path.name.startswith(".")):
        if holds_stems(path):
            found.append(_track(root, path))
        elif path.is_dir():
            skipped[path.relative_to(root).as_posix()] = "holds no stem (mixture.wav, vocals.wav, ...)"
    first: dict[str, Track] = {}
    for track in sorted(found, key=lambda track: (track.path.endswith(STEM_FILE), _is_elsewhere(track))):
        kept = first.setdefault(key(track.name), track)
        if kept is not track:
            skipped[track.path] = f"the same track as {kept.path}"
    if len(first) < LEAST_TRACKS:
        raise CorpusError(
            f"{root}: {len(first)} track(s) in train/ and test/ ({', '.join(sorted(t.name for t in first.values()))}); "
            f"at least {LEAST_TRACKS} are needed for train, validation and test: unpack more of MUSDB18"
        )
    return sorted(first.values(), key=by_name), skipped


def _track(root: Path, path: Path) -> Track:
    name = path.name if path.is_dir() else path.name[: -len(STEM_FILE)]
    listed = split_list().get(key(name))
    return Track(
        listed.name if listed else name, path.relative_to(root).as_posix(), path.parent.name, listed is not None
    )


def _is_elsewhere(track: Track) -> bool:
    return track.listed and split_list()[key(track.name)].set != track.folder


def elsewhere(tracks: Sequence[Track]) -> list[Track]:
    """Those that lie in another folder than in MUSDB18."""
    return [track for track in tracks if _is_elsewhere(track)]


def missing(tracks: Sequence[Track]) -> dict[str, list[str]]:
    """The names of the list that are not among `tracks`, by split."""
    here = {key(track.name) for track in tracks}
    rows = [row for place, row in split_list().items() if place not in here]
    return {split: [row.name for row in rows if row.split == split] for split in SPLITS}


def deal(tracks: Sequence[Track]) -> dict[str, list[Track]]:
    """`tracks` by split: as listed, wherever they lie; others by folder, those in test/ alternately as in the list."""
    dealt: dict[str, list[Track]] = {split: [] for split in SPLITS}
    turn = 0
    for track in sorted(tracks, key=by_name):
        if track.listed:
            dealt[split_list()[key(track.name)].split].append(track)
        elif track.folder == "train":
            dealt["train"].append(track)
        else:
            dealt[("validation", "test")[turn % 2]].append(track)
            turn += 1
    return dealt


def fill(dealt: dict[str, list[Track]], wanted: Collection[str], hear: Hear) -> dict[str, tuple[str, str]]:
    """Give each split of `wanted` that has no vocals at all, or no track, one from the fullest split that has more.

    Moved is the last track by name with present vocals; where the giver would keep none such, the last with any vocals;
    a silent one only where a split is empty and nothing else is left. `dealt` is changed.

    Returns
    -------
    dict
        Name of each track that was moved: from where, to where.
    """
    moved = {}
    for split in ("test", "validation", "train"):
        if split not in wanted or any(_sings(hear, track) for track in dealt[split]):
            continue
        is_empty = not any(isinstance(song, Song) for song in hear(dealt[split]))
        giver, track = _spare(dealt, split, hear, is_empty)
        if track is not None:
            dealt[giver].remove(track)
            dealt[split] = sorted([*dealt[split], track], key=by_name)
            moved[track.name] = giver, split
    return moved


def opening(tracks: Sequence[Track], hear: Hear) -> list[Track]:
    """`tracks` with the first that has vocals in front, so that no limit cuts all singing off."""
    first = next((track for track in tracks if _sings(hear, track)), None)
    return [*([first] if first else []), *(track for track in tracks if track is not first)]


def _sings(hear: Hear, track: Track) -> bool:
    (song,) = hear([track])
    return isinstance(song, Song) and song.vocals != "silent"


def _spare(dealt: Mapping[str, list[Track]], split: str, hear: Hear, is_empty: bool) -> tuple[str, Track | None]:
    """The fullest split that can give a track to `split`, and the track."""
    givers = sorted((each for each in SPLITS if each != split), key=lambda each: -len(dealt[each]))
    for most in (1, 2) if not is_empty else (1, 2, 3):
        for giver in givers:
            songs = [song for song in hear(dealt[giver]) if isinstance(song, Song)]
            able = [song for song in songs if song.vocals in VOCALS[:most]]
            if len(able) > 1:
                return giver, able[-1].track
    return split, None

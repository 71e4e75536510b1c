"""MUSDB18 and MUSDB18-HQ: songs as vocals and accompaniment, in the layouts they are published in."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

from nblib.audio import SILENCE, check_signal, loudest, resample
from nblib.audio.io import check_rate
from nblib.corpora.base import SPLITS, Item, Mixture
from nblib.corpora.choosing import entry, shuffled, warn_skipped
from nblib.corpora.mixtures import check_sizes, limited, measured_snr_db
from nblib.corpora.musdb_split import (
    Song,
    Track,
    deal,
    elsewhere,
    fill,
    find_tracks,
    missing,
    opening,
    split_list,
)
from nblib.corpora.stems import read_stems
from nblib.errors import AudioError, CorpusError, ParameterError, check_choice
from nblib.parallel import parallel_map
from nblib.provenance import config_hash

VERY_QUIET_DB = -15.0
"""Energy of vocals over accompaniment in a whole track, below which vocals are called very quiet."""

SNR_LIMIT_DB = 120.0
"""`snr_db` is cut off here, so that silence keeps a finite number in CSV and JSON; 16-bit sound spans 96 dB."""

SHORTEST = 1.0
"""Seconds: shorter tracks are skipped."""

MANY = 12
"""Tracks from which on reading them is worth starting processes."""


@dataclass(frozen=True)
class Found:
    """What is used of a copy: the songs by split, what is skipped and why, and who was moved from where to where."""

    songs: Mapping[str, list[Song]]
    skipped: Mapping[str, str]
    moved: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Musdb:
    """The songs of MUSDB18 or MUSDB18-HQ, or of any part of it: target is the vocals, noise the accompaniment.

    Layouts, also side by side: ``{train,test}/<track>/{mixture,vocals}.wav`` or ``.flac`` (the other stems are not
    needed), and ``{train,test}/<track>.stem.mp4`` (five AAC streams). Channels are averaged. The accompaniment is
    mixture - vocals, so that ``mixture`` is the float32 sum of the other two, sample by sample (`limited`). Drums, bass
    and other sum up to it but for rounding in MUSDB18-HQ (66 to 78 dB below the mixture in eight 16-bit songs), apart
    from "PR - Oh No", whose left channel does not add up, and but for the coding error in MUSDB18, whose streams are
    coded one by one (34 to 44 dB below the mixture in the same eight songs as AAC at 256 kbps).

    The split is the list of `musdb_split`, 100/25/25; tracks in the wrong folder follow the list. Names are compared
    without case and punctuation. Tracks that are not listed follow their folder, those in test/ alternately to
    validation and test. Where a split would be empty, or silent throughout, a track is moved (`musdb_split.fill`). One
    warning says which tracks are moved, not listed or misplaced, how many of the 150 are missing, and whose vocals are
    silent or very quiet.

    An item's `info`: ``snr_db``, the energy of vocals over accompaniment in the excerpt in use, cut off at 120 dB
    either way; ``vocals`` of the whole track: "silent" (peak under 2^-16: instrumental), "very quiet" (energy over the
    accompaniment's under -15 dB) or "present"; ``title``, ``file``, ``start`` and ``seconds`` of the excerpt in s.
    Silent vocals are no reason to leave a track out of training; a score against a silent target is not defined, so
    evaluation should look at ``vocals``.

    Parameters
    ----------
    root : Path or str
        Holds ``train`` and ``test``.
    train, validation, test : int >= 0
        Most tracks in each split (IJCNN'20 Section IV: 100, 25, 25); at least one of them with vocals.
    seconds : float >= 1, optional
        Use of each track only the part of this length in which the vocals (where silent: the accompaniment) have most
        energy; by default whole tracks, as the paper.
    sample_rate : int
        In Hz; the dataset has 44,100.
    seed : int
        Draws the tracks where a split has more than asked for, and their order.

    Raises
    ------
    ParameterError
        A size is no whole number, or `seconds` is under 1.
    CorpusError
        From `items` and `load`: no such folders, fewer than three tracks, or too few that can be used.
    """

    root: Path | str
    train: int = 100
    validation: int = 25
    test: int = 25
    seconds: float | None = None
    sample_rate: int = 22_050
    seed: int = 0
    name = "musdb18"
    licence = (
        "per track (https://github.com/sigsep/website, tracklist.csv): 46 tracks of MedleyDB CC BY-NC-SA 4.0, 2 of The "
        "Easton Ellises CC BY-NC-SA 3.0, the others for academic purposes only"
    )
    citation = """@misc{musdb18, author = {Rafii, Zafar and Liutkus, Antoine and St{\\"o}ter, Fabian-Robert and
  Mimilakis, Stylianos Ioannis and Bittner, Rachel}, title = {The {MUSDB18} corpus for music separation}, month = dec,
  year = 2017, doi = {10.5281/zenodo.1117372}, note = {uncompressed: MUSDB18-HQ, doi 10.5281/zenodo.3338373}}"""

    def __post_init__(self) -> None:
        check_sizes(self)
        check_rate("sample_rate", self.sample_rate)
        if self.seconds is not None and not self.seconds >= SHORTEST:
            raise ParameterError(f"seconds={self.seconds!r}: at least {SHORTEST:g} s are needed, or None for all")

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits; changes with the settings and with any sample of a track in use."""
        settings = [self.name, self.sample_rate, self.seed, self.seconds, version("soxr")]
        return config_hash([settings, {split: list(self._found.songs[split]) for split in SPLITS}])

    @property
    def skipped(self) -> Mapping[str, str]:
        """The tracks that were met and not used, by path below the root, with the reason."""
        return self._found.skipped

    @property
    def missing(self) -> Mapping[str, Sequence[str]]:
        """The names of MUSDB18's tracks that are not in this copy, by split."""
        return missing(self._tracks[0])

    def items(self, split: str | None = None) -> list[Item]:
        """The items of one split, or all. The first call reads the chosen tracks once."""
        if split is not None:
            check_choice("split", split, SPLITS)
        songs = self._found.songs
        wanted = SPLITS if split is None else (split,)
        return [self._describe(each, number, song) for each in wanted for number, song in enumerate(songs[each])]

    def load(self, item: Item) -> Mixture:
        """Vocals, accompaniment and their sum, float32 [shape=(n,)]."""
        song = entry(self._found.songs, item.name, self.name)
        (mixture, vocals), own_rate = read_stems(Path(self.root) / song.track.path)
        target, noise = separated(mixture, vocals, own_rate, self.sample_rate)
        part = slice(song.start, song.start + song.length)
        return limited(target[part], noise[part])

    def _describe(self, split: str, number: int, song: Song) -> Item:
        info: dict[str, str | float | int] = {
            "snr_db": song.snr_db,
            "vocals": song.vocals,
            "title": song.track.name,
            "file": song.track.path,
            "start": round(song.start / self.sample_rate, 3),
            "seconds": round(song.length / self.sample_rate, 3),
        }
        return Item(f"{split}-{number:05d}", song.track.name, split, info)

    @cached_property
    def _tracks(self) -> tuple[list[Track], dict[str, str]]:
        return find_tracks(Path(self.root))

    @cached_property
    def _found(self) -> Found:
        tracks, skipped = self._tracks
        hear = Survey(partial(heard, Path(self.root), self.sample_rate, self.seconds))
        wanted = [split for split in SPLITS if getattr(self, split)]
        dealt = deal(tracks)
        moved = fill(dealt, wanted, hear)
        songs: dict[str, list[Song]] = {split: [] for split in SPLITS}
        for split in wanted:
            drawn = opening(shuffled(dealt[split], self.seed, split), hear)
            songs[split] = hear.first(drawn, getattr(self, split))
        skipped = skipped | hear.unusable
        if not all(songs[split] for split in wanted):
            reasons = "; ".join(f"{path}: {reason}" for path, reason in list(skipped.items())[:5])
            raise CorpusError(
                f"{self.root}: of {len(tracks)} tracks {len(hear.unusable)} cannot be used ({reasons}); too few are "
                f"left for {', '.join(wanted)}: copy these again, or unpack more of MUSDB18"
            )
        found = Found(songs, skipped, moved)
        self._warn(dealt, found)
        warn_skipped(self.name, skipped)
        return found

    def _warn(self, dealt: Mapping[str, list[Track]], found: Found) -> None:
        tracks = self._tracks[0]
        split = {track.name: each for each in SPLITS for track in dealt[each]}
        used = [song for each in SPLITS for song in found.songs[each]]
        absent = {each: len(names) for each, names in self.missing.items() if names}
        counts = ", ".join(f"{each} {count}" for each, count in absent.items())
        moves = (f"{name} ({giver} to {taker})" for name, (giver, taker) in found.moved.items())
        notes = {
            f"{sum(absent.values())} of MUSDB18's {len(split_list())} tracks are not there, see .missing": [counts],
            "not in MUSDB18's list, so put where their folder says": [
                f"{track.name} ({split[track.name]})" for track in tracks if not track.listed
            ],
            "in the wrong folder, put where MUSDB18's list says": [track.path for track in elsewhere(tracks)],
            "moved, since a split had no track with vocals": moves,
            "silent vocals": [song.track.name for song in used if song.vocals == "silent"],
            f"very quiet vocals, under {VERY_QUIET_DB:g} dB of the accompaniment": [
                song.track.name for song in used if song.vocals == "very quiet"
            ],
        }
        lines = [f"\n  {what}: {_names(names)}" for what, each in notes.items() if (names := [*filter(None, each)])]
        if lines:
            warnings.warn(f"{self.name} in {self.root}:{''.join(lines)}", stacklevel=5)


class Survey:
    """Reads tracks no more than once; many at a time on all cores."""

    def __init__(self, check: partial[Song | str]) -> None:
        self._check = check
        self._known: dict[Track, Song | str] = {}

    def __call__(self, tracks: Sequence[Track]) -> list[Song | str]:
        """For each track what it is, or why it cannot be used."""
        new = [track for track in tracks if track not in self._known]
        results = parallel_map(self._check, new, None if len(new) > MANY else 1)
        self._known.update(zip(new, results, strict=True))
        return [self._known[track] for track in tracks]

    def first(self, tracks: Sequence[Track], limit: int) -> list[Song]:
        """The first `limit` that can be used."""
        kept: list[Song] = []
        place = 0
        while len(kept) < limit and place < len(tracks):
            batch = tracks[place : place + limit - len(kept)]
            place += len(batch)
            kept += [song for song in self(batch) if isinstance(song, Song)]
        return kept

    @property
    def unusable(self) -> dict[str, str]:
        """Path and reason of what was read and cannot be used."""
        return {track.path: result for track, result in self._known.items() if isinstance(result, str)}


def heard(root: Path, sample_rate: int, seconds: float | None, track: Track) -> Song | str:
    """What a track holds within its excerpt, or why it cannot be used."""
    try:
        (mixture, vocals), own_rate = read_stems(root / track.path)
        check_signal(mixture, track.path, minimum_samples=round(SHORTEST * own_rate))
    except AudioError as error:
        return str(error)
    if np.array_equal(mixture, vocals):
        return "mixture and vocals are the same: there is nothing to separate"
    digest = zlib.crc32(vocals.tobytes(), zlib.crc32(mixture.tobytes()))
    is_quiet = measured_snr_db(vocals, mixture - vocals) < VERY_QUIET_DB
    vocals_are = "silent" if float(np.abs(vocals).max()) < SILENCE else "very quiet" if is_quiet else "present"
    target, noise = separated(mixture, vocals, own_rate, sample_rate)
    length = len(target) if seconds is None else min(len(target), round(seconds * sample_rate))
    part = loudest(noise if vocals_are == "silent" else target, length)
    snr_db = measured_snr_db(target[part], noise[part])
    return Song(
        track, digest, part.start, length, float(np.clip(round(snr_db, 2), -SNR_LIMIT_DB, SNR_LIMIT_DB)), vocals_are
    )


def separated(mixture: np.ndarray, vocals: np.ndarray, own_rate: int, to: int) -> tuple[np.ndarray, np.ndarray]:
    """Vocals and accompaniment [shape=(m,)] at the rate `to` (Hz), of mixture and vocals [shape=(n,)] at `own_rate`."""
    whole, target = (resample(part, own_rate, to) for part in (mixture, vocals))
    return target, whole - target


def _names(names: Iterable[str], limit: int = 10) -> str:
    known = list(names)
    return ", ".join(known[:limit]) + f" and {len(known) - limit} more" * (len(known) > limit)

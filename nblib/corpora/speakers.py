"""Real speech and real noise from two folders, mixed here: one folder per speaker, one folder of noise recordings."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import soundfile

from nblib.audio import check_signal, read, resample
from nblib.corpora.base import SPLITS, Item, Mixture, split_groups
from nblib.corpora.choosing import entry, in_turns, lossless_files, nothing_left, shuffled, take, warn_skipped
from nblib.corpora.mixtures import SPLIT_FRACTIONS, check_sizes, mix
from nblib.errors import AudioError, check_choice
from nblib.provenance import config_hash, random_generator

LONGEST = 4.0
"""Seconds: longer recordings are cut into equal parts no longer than this."""
SHORTEST = 1.0
"""Seconds: shorter recordings are skipped."""
NEAR_SILENT_DB = -60.0
"""Root mean square, dB of full scale, below which speech or noise is not used."""


@dataclass(frozen=True)
class Segment:
    """A part of a speech recording: `path` below the root, part number `part` of `parts` equal ones."""

    path: str
    speaker: str
    part: int
    parts: int
    digest: int = 0


@dataclass(frozen=True)
class Recording:
    """A noise recording: `path` below the root, the `source` it belongs to."""

    path: str
    source: str
    digest: int = 0


@dataclass(frozen=True)
class SpeakerNoiseFolders:
    """Speech of many speakers mixed with recorded noise, split by speaker and by noise source.

    Speech lies in ``<speech_root>/<speaker>/**`` (as in LibriSpeech and VCTK), noise in ``<noise_root>/**``, WAV or
    FLAC. Recordings over 4 s are cut into equal parts of 2 to 4 s. A noise source is a recording's path without the
    number at its end (``nol_hairDryer-018`` belongs to ``nol_hairDryer``, DEMAND's ``DKITCHEN/ch03`` to
    ``DKITCHEN/ch``); sources and speakers take turns. Files that cannot be used are skipped by name: see `skipped`.

    Parameters
    ----------
    speech_root, noise_root : Path or str
    train, validation, test : int >= 0
        Most mixtures in each split; fewer where the speech is used up. No part of the speech is used twice.
    sample_rate : int
        In Hz.
    seed : int
        Deals speakers and sources to the splits and draws pairs and noise segments.
    snr_db : float
        Energy of speech over energy of noise (`measured_snr_db`).

    Raises
    ------
    CorpusError
        From `items` and `load`: a folder is missing or holds nothing usable, or fewer than three speakers or sources.
    """

    speech_root: Path | str
    noise_root: Path | str
    train: int = 4000
    validation: int = 1200
    test: int = 600
    sample_rate: int = 22_050
    seed: int = 0
    snr_db: float = 0.0
    name = "speaker_noise_folders"
    licence = "that of the recordings in the two folders"
    citation = """@inproceedings{panayotov2015librispeech, title = {{LibriSpeech}: an {ASR} corpus based on public
  domain audio books}, author = {Panayotov, Vassil and Chen, Guoguo and Povey, Daniel and Khudanpur, Sanjeev},
  booktitle = {ICASSP}, pages = {5206--5210}, year = {2015}, note = {where the speech folder is LibriSpeech}}"""

    def __post_init__(self) -> None:
        check_sizes(self)

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits; changes with the settings and with any sample of a chosen file."""
        settings = [self.name, self.sample_rate, self.seed, self.snr_db]
        return config_hash([settings, {split: list(self._found[0][split]) for split in SPLITS}])

    @property
    def skipped(self) -> Mapping[str, str]:
        """The files that were met and not used, with the reason."""
        return self._found[1]

    def items(self, split: str | None = None) -> list[Item]:
        """The items of one split, or all. The first call reads the chosen files once."""
        if split is not None:
            check_choice("split", split, SPLITS)
        return [
            self._describe(each, number, *pair)
            for each in SPLITS
            if split in (None, each)
            for number, pair in enumerate(self._found[0][each])
        ]

    def load(self, item: Item) -> Mixture:
        """Target, noise and mixture of `item`, float32 [shape=(n,)]; a pure function of settings, files and name."""
        segment, recording = entry(self._found[0], item.name, self.name)
        target = resample(*_speech(Path(self.speech_root), segment), self.sample_rate)
        samples, own_rate = read(Path(self.noise_root) / recording.path)
        length = -(-len(target) * own_rate // self.sample_rate)
        random = random_generator(self.seed, "noise segment", item.name)
        added = resample(noise_segment(samples, length, random), own_rate, self.sample_rate)[: len(target)]
        return mix(target, added, self.snr_db)

    def _describe(self, split: str, number: int, segment: Segment, recording: Recording) -> Item:
        info: dict[str, str | float | int] = {
            "snr_db": self.snr_db,
            "speaker": segment.speaker,
            "speech": segment.path,
            "part": segment.part,
            "noise_source": recording.source,
            "noise": recording.path,
        }
        return Item(f"{split}-{number:05d}", segment.speaker, split, info)

    @cached_property
    def _found(self) -> tuple[dict[str, list[tuple[Segment, Recording]]], dict[str, str]]:
        skipped: dict[str, str] = {}
        segments = self._segments(skipped)
        recordings = _recordings(Path(self.noise_root))
        speaker_split = split_groups([each.speaker for each in segments], SPLIT_FRACTIONS, self.seed, "speakers")
        source_split = split_groups([each.source for each in recordings], SPLIT_FRACTIONS, self.seed, "noise sources")
        chosen = {}
        for split in SPLITS:
            own = [each for each in segments if speaker_split[each.speaker] == split]
            check = partial(_checked_segment, Path(self.speech_root))
            kept = take(own, getattr(self, split), check, lambda each: f"{each.path} part {each.part}", skipped)
            noises = shuffled([each for each in recordings if source_split[each.source] == split], self.seed, "noise")
            check_noise = partial(_checked_recording, Path(self.noise_root))
            heard = take(
                in_turns(noises, lambda each: each.source), len(kept), check_noise, lambda each: each.path, skipped
            )
            if getattr(self, split) and not (kept and heard):
                raise nothing_left(f"{self.speech_root} with {self.noise_root}: {split}", skipped)
            chosen[split] = [(segment, heard[place % len(heard)]) for place, segment in enumerate(kept)]
        warn_skipped(self.name, skipped)
        return chosen, skipped

    def _segments(self, skipped: dict[str, str]) -> list[Segment]:
        """All parts of all recordings in the order in which they are used: speakers take turns, first parts first."""
        root = Path(self.speech_root)
        found = []
        for path in lossless_files(root, "speech"):
            name = path.relative_to(root).as_posix()
            try:
                seconds = soundfile.info(path).duration
            except (soundfile.SoundFileError, OSError) as error:
                skipped[name] = f"cannot be read as sound ({error})"
                continue
            parts = max(1, int(np.ceil(seconds / LONGEST)))
            if "/" not in name:
                skipped[name] = "lies in no speaker's folder"
            elif seconds < SHORTEST:
                skipped[name] = f"too short: {seconds:.2f} s, {SHORTEST:g} s are needed"
            else:
                found += [Segment(name, name.split("/")[0], part, parts) for part in range(parts)]
        if not found:
            raise nothing_left(str(root), skipped)
        return in_turns(
            sorted(shuffled(found, self.seed, "speech"), key=lambda each: each.part), lambda each: each.speaker
        )


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


def source_of(name: str) -> str:
    """A noise recording's source: its path without suffix and without the number at its end."""
    return re.sub(r"(?<=[^\W\d_])[-_ ]*\d+$", "", name.rsplit(".", 1)[0])


def _recordings(root: Path) -> list[Recording]:
    names: Iterable[str] = (path.relative_to(root).as_posix() for path in lossless_files(root, "noise"))
    found = [Recording(name, source_of(name)) for name in names]
    if not found:
        raise nothing_left(str(root), {})
    return found


def _speech(root: Path, segment: Segment) -> tuple[np.ndarray, int]:
    samples, sample_rate = read(root / segment.path)
    edges = np.linspace(0, len(samples), segment.parts + 1).astype(int)
    return samples[edges[segment.part] : edges[segment.part + 1]], sample_rate


def _level_db(samples: np.ndarray) -> float:
    return 10 * float(np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))


def _problem(samples: np.ndarray, path: str) -> str | None:
    check_signal(samples, path)
    level = _level_db(samples)
    return f"near-silent: {level:.1f} dB of full scale" if level < NEAR_SILENT_DB else None


def _checked_segment(root: Path, segment: Segment) -> Segment | str:
    try:
        samples, _ = _speech(root, segment)
        problem = _problem(samples, segment.path)
    except AudioError as error:
        return str(error)
    digest = zlib.crc32(np.ascontiguousarray(samples).tobytes())
    return problem or Segment(segment.path, segment.speaker, segment.part, segment.parts, digest)


def _checked_recording(root: Path, recording: Recording) -> Recording | str:
    try:
        samples, _ = read(root / recording.path)
        problem = _problem(samples, recording.path)
    except AudioError as error:
        return str(error)
    return problem or Recording(recording.path, recording.source, zlib.crc32(samples.tobytes()))

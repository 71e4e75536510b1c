"""The embedded vocal corpus: a sung line with words over the other parts of the same score.

Works of music21's corpus, as in `scores`: the melody is taken out of the score and sung (`singing`), the ensemble plays
the rest in the singer's key and by the same clock. Nothing is downloaded and nothing is stored.

What it lacks against records of songs: one voice at a time, with no doubling or backing choir; no effects but a
room; words in English with espeak-ng's accents and timbres (see `singing`); melodies that were mostly written for
instruments; nothing above 11 kHz in the voice.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np

from nblib.audio import resample
from nblib.corpora import lyrics, noise, speech
from nblib.corpora.arranging import arrange
from nblib.corpora.base import SPLITS, Item, Mixture, split_groups
from nblib.corpora.ensembles import ENSEMBLES, Ensemble
from nblib.corpora.melodies import RANGES, Range, leader, top_line
from nblib.corpora.mixtures import PEAK, check_sizes, limited, measured_snr_db
from nblib.corpora.scorefiles import SHELVES, Score, Work, choose_works, read_score, shelf_works
from nblib.corpora.scores import SPLIT, ScoresCorpus, fade_ends, perform
from nblib.corpora.singing import sing
from nblib.errors import CorpusError, ParameterError, check_choice
from nblib.provenance import config_hash, derive_seed, random_generator

RECIPE = 2
"""Counts the changes to how songs are made; part of the fingerprint."""

SNR_DB = (-9.0, 1.0)
"""Vocals over accompaniment. 16 excerpts of 12 s, sung throughout, from seven real songs (MUSDB18's Music Delta)
measured -15 to 1 dB, half of them -9 to -4.6."""

NOTE_SECONDS = (0.32, 0.62)
"""Mean length of a sung note: songs have two to three notes a second."""

SINGING_PROGRAMS = ("choir", "voices")
ACCOMPANISTS = tuple(
    ensemble for ensemble in ENSEMBLES if not any(part in " ".join(ensemble.layers) for part in SINGING_PROGRAMS)
)
"""Ensembles without sampled voices: these would be vocals among what is to be taken away from vocals."""


class Plan(NamedTuple):
    """What is known of a song before its score is opened."""

    work: Work
    ensemble: Ensemble
    singer: Range
    voice: speech.Voice
    snr_db: float
    seed: int

    def verse(self, seconds: float) -> list[lyrics.Words]:
        """Words for more syllables than most songs of that length have."""
        return lyrics.verse(round(3 * seconds) + 4, random_generator(self.seed, "verse"))


@dataclass(frozen=True)
class EmbeddedSongs:
    """Songs of fixed length: a voice (the target) over the ensemble (the noise).

    Splits share no work and no voice. An item does not depend on how many others there are. Ranges and ensembles take
    turns: four songs hear all ranges.

    Parameters
    ----------
    train, validation, test : int >= 0
        Songs in each split.
    seconds : float >= 3
        Length of each.
    sample_rate : int
        Hz, 8,000 to 48,000; the voice is made at 22,050.
    seed : int

    Raises
    ------
    ParameterError
        A parameter is out of range.
    """

    train: int
    validation: int
    test: int
    seconds: float = 12.0
    sample_rate: int = speech.SAMPLE_RATE
    seed: int = 0
    name = "embedded_songs"
    licence = f"{ScoresCorpus.licence} Voices: {speech.LICENCE}; Praat (GPL-3.0-or-later) likewise."
    citation = f"""{ScoresCorpus.citation}
{speech.CITATION}
@article{{jadoul2018parselmouth, title = {{Introducing {{Parselmouth}}: A {{Python}} interface to {{Praat}}}},
  author = {{Jadoul, Yannick and Thompson, Bill and de Boer, Bart}}, journal = {{Journal of Phonetics}},
  volume = {{71}}, year = {{2018}}}}"""

    def __post_init__(self) -> None:
        check_sizes(self)
        if not 3 <= self.seconds < float("inf"):
            raise ParameterError(f"seconds={self.seconds!r}: give the length of a song, at least 3")
        if not 8_000 <= self.sample_rate <= 48_000:
            raise ParameterError(f"sample_rate={self.sample_rate!r}: give 8000 to 48000 Hz")

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits; changes with the settings, the recipe and the packages that make the samples."""
        packages = ("music21", "pretty_midi", "tinysoundfont", "soxr", "espeakng-loader", "praat-parselmouth")
        versions = {package: importlib.metadata.version(package) for package in packages}
        return config_hash([self.name, RECIPE, self, versions])

    def items(self, split: str | None = None) -> list[Item]:
        """The songs of one split, or all; nothing is sung yet.

        `info` holds ``snr_db``, ``title``, ``ensemble``, ``character``, ``singer`` (the voice), ``range`` and
        ``lyrics`` (sung as far as the melody reaches).
        """
        if split is not None:
            check_choice("split", split, SPLITS)
        wanted = [each for each in SPLITS if split in (None, each)]
        return [self._describe(each, number) for each in wanted for number in range(getattr(self, each))]

    def load(self, item: Item) -> Mixture:
        """Vocals, accompaniment and mixture of `item`, float32 [shape=(seconds * sample_rate,)].

        A pure function of settings and name; the vocals stand at the item's ``snr_db`` over the accompaniment.

        Raises
        ------
        CorpusError
            The item is not of this corpus, or its score cannot be read.
        """
        split, _, number = item.name.rpartition("-")
        if split not in SPLITS or not number.isdecimal():
            raise CorpusError(f"{item.name!r} is no item of {self.name}: take one from items()")
        plan = self._plan(split, int(number))
        random = random_generator(plan.seed, "arrangement")
        score = read_score(plan.work)
        ensemble = replace(plan.ensemble, onsets=_pace(score, random))
        performance = arrange(score, ensemble, self.seconds, random, plan.singer)
        if not performance.sung:
            raise CorpusError(f"{plan.work.path}: no melody to sing was found; choose another seed")
        vocals = sing(plan.voice, plan.singer, performance.sung, plan.verse(self.seconds), self.seconds, plan.seed)
        vocals = noise.reverberated(vocals, random, (0.3, 1.3), (6.0, 16.0))
        length = round(self.seconds * self.sample_rate)
        vocals = resample(vocals, speech.SAMPLE_RATE, self.sample_rate)[:length]
        vocals = np.pad(vocals, (0, length - len(vocals)))
        band = perform(performance, ensemble, self.seconds, self.sample_rate, random).astype(np.float64)
        return _at_level(vocals, band, plan.snr_db, self.sample_rate, float(random.uniform(-12, -1)))

    def _describe(self, split: str, index: int) -> Item:
        plan = self._plan(split, index)
        info: dict[str, str | float | int] = {
            "snr_db": plan.snr_db,
            "title": plan.work.title,
            "ensemble": plan.ensemble.name,
            "character": plan.ensemble.character,
            "singer": plan.voice.name,
            "range": plan.singer.name,
            "lyrics": " ".join(words.text for words in plan.verse(self.seconds)),
        }
        return Item(f"{split}-{index:05d}", plan.work.group, split, info)

    def _plan(self, split: str, index: int) -> Plan:
        seed = derive_seed(self.seed, "song", split, index)
        random = random_generator(seed, "plan")
        singer = RANGES[_turn(len(RANGES), index, self.seed, "ranges", split)]
        voices = _voices(self.seed)[split, singer.name in ("soprano", "alto")]
        return Plan(
            _works(self.seed, split, 64 * (index // 64 + 1))[index],
            ACCOMPANISTS[_turn(len(ACCOMPANISTS), index, self.seed, "accompanists", split)],
            singer,
            voices[int(random.integers(len(voices)))],
            round(float(random.uniform(*SNR_DB)), 2),
            seed,
        )


def _turn(count: int, index: int, *parts: str | int) -> int:
    """A number below `count`: any `count` consecutive indices from a multiple of it on draw each number once."""
    turn, place = divmod(index, count)
    return int(random_generator(*parts, turn).permutation(count)[place])


@lru_cache(maxsize=8)
def _voices(seed: int) -> dict[tuple[str, bool], list[speech.Voice]]:
    """The voices of each split, low and high."""
    table, dealt = speech.voices(seed), speech.split_voices(seed)
    return {
        (split, high): [
            voice
            for name, voice in table.items()
            if dealt[name] == split and (voice.variant in speech.HIGH_VARIANTS) == high
        ]
        for split in SPLITS
        for high in (True, False)
    }


@lru_cache(maxsize=32)
def _works(seed: int, split: str, count: int) -> tuple[Work, ...]:
    """The first `count` works of a split, in the mixture of kinds that `choose_works` keeps; the same for any count."""
    dealt = _dealt(seed)

    def of_split() -> Iterator[Work]:
        return (work for work in choose_works(2**31, seed) if dealt[work.group] == split)

    return tuple(islice(of_split(), count))


@lru_cache(maxsize=8)
def _dealt(seed: int) -> dict[str, str]:
    groups = [work.group for shelf in SHELVES for work in shelf_works(shelf)]
    return split_groups(groups, SPLIT, seed, "songs")


def _pace(score: Score, random: np.random.Generator) -> tuple[float, float]:
    """Note onsets a second at which the melody's notes have a length that can be sung (see `Ensemble.onsets`)."""
    melody, _ = top_line(score.voices[leader(list(score.voices))])
    quarters_per_second = float(np.mean(melody[:, 1])) / float(random.uniform(*NOTE_SECONDS))
    onsets = len(np.unique(np.concatenate([notes[:, 0] for notes in score.voices])))
    pace = quarters_per_second * onsets / max(score.length, 1.0)
    return pace, pace


def _at_level(vocals: np.ndarray, band: np.ndarray, snr_db: float, sample_rate: int, peak_db: float) -> Mixture:
    """Vocals at `snr_db` over the band, their sum's peak at `peak_db` of full scale."""
    for part in (vocals, band):
        fade_ends(part, sample_rate)
    band = band * 10 ** ((measured_snr_db(vocals, band) - snr_db) / 20)
    gain = min(PEAK, 10 ** (peak_db / 20)) / np.max(np.abs(vocals + band))
    return limited(vocals * gain, band * gain)

"""The embedded music: works of music21's bundled corpus, arranged and played by sampled instruments.

Nothing is downloaded and nothing is stored: a piece is a function of the settings and its name, bit for bit.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.signal import lfilter, oaconvolve

from nblib.audio import resample
from nblib.corpora.arranging import Performance, arrange
from nblib.corpora.base import Item, split_groups
from nblib.corpora.ensembles import ENSEMBLES, Ensemble
from nblib.corpora.scorefiles import Work, choose_works, read_score
from nblib.corpora.soundfont import play, render_rate
from nblib.errors import CorpusError, ParameterError
from nblib.provenance import config_hash, random_generator

VERSION = 2
"""Raised with any change that changes a sample."""

SPLIT = (0.7, 0.2, 0.1)  # MM'19, Section 3
FADE_SECONDS = 0.01


@dataclass(frozen=True)
class ScoresCorpus:
    """Pieces of real works for General MIDI ensembles, each piece a lossless mono track on the 16-bit grid.

    Ensemble, tempo, transposition, excerpt, velocities, human timing, room and level (peak -12 to -1 dBFS) are drawn
    from the seed. Pieces are split by work, 70/20/10 (MM'19, Section 3).

    Parameters
    ----------
    pieces : int >= 3
        With more pieces than works (some 3,000) a work comes again in another arrangement, in the same split.
    seconds : float > 0
        Length of each piece. A work that is shorter starts again from its beginning.
    sample_rate : int
        Hz, 8,000 to 48,000.
    seed : int

    Raises
    ------
    ParameterError
        A parameter is out of range.
    CorpusError
        The packages that bring the scores or the soundfont are missing, or the pieces come from fewer than 3 works.
    """

    pieces: int = 60
    seconds: float = 30.0
    sample_rate: int = 22_050
    seed: int = 0

    name = "scores"
    licence = (
        "Scores: music21's corpus, out of copyright works in encodings free to use, some not commercially (see "
        "music21/corpus/license.txt). Instruments: TimGM6mb.sf2 inside pretty_midi (GPL-2; see pretty_midi)."
    )
    citation = (
        "@inproceedings{cuthbert2010music21, title={music21: A Toolkit for Computer-Aided Musicology and Symbolic "
        "Music Data}, author={Cuthbert, Michael Scott and Ariza, Christopher}, booktitle={ISMIR}, year={2010}}"
    )

    def __post_init__(self) -> None:
        if self.pieces < 3:
            raise ParameterError(f"pieces={self.pieces!r}: at least 3 are needed for train, validation and test")
        if not 0 < self.seconds < float("inf"):
            raise ParameterError(f"seconds={self.seconds!r}: give the length of a piece, more than 0")
        if not 8_000 <= self.sample_rate <= 48_000:
            raise ParameterError(f"sample_rate={self.sample_rate!r}: give 8000 to 48000 Hz")

    @property
    def fingerprint(self) -> str:
        """Changes with the settings, the rules (`VERSION`) and the packages that hold scores and instruments."""
        packages = ("music21", "pretty_midi", "tinysoundfont", "soxr")
        versions = {package: importlib.metadata.version(package) for package in packages}
        return config_hash({"corpus": self, "version": VERSION, "packages": versions})

    def items(self, split: str | None = None) -> Sequence[Item]:
        """The pieces in a fixed order. `info` holds title, ensemble, character and the kind of work."""
        return [item for item, *_ in _plan(self.pieces, self.seed).values() if split in (None, item.split)]

    def load(self, item: Item) -> np.ndarray:
        """Play one piece: float32 [shape=(seconds * sample_rate,)] in [-1, 1], every value a multiple of 2**-15.

        Raises
        ------
        CorpusError
            The item is not of this corpus.
        """
        plan = _plan(self.pieces, self.seed)
        if item.name not in plan:
            raise CorpusError(f"{item.name!r} is not a piece of {self}; take one from its items()")
        _, work, ensemble = plan[item.name]
        generator = random_generator(self.seed, "scores", item.name)
        performance = arrange(read_score(work), ensemble, self.seconds, generator)
        played = perform(performance, ensemble, self.seconds, self.sample_rate, generator)
        return _master(played, self.sample_rate, generator)


def perform(
    performance: Performance, ensemble: Ensemble, seconds: float, sample_rate: int, generator: np.random.Generator
) -> np.ndarray:
    """What `ensemble` plays in its room [shape=(seconds * sample_rate,)], not limited to [-1, 1], its ends cut off.

    `generator` draws the room.
    """
    rate = render_rate(sample_rate)
    driven = _drive(play(performance.notes, performance.channels, seconds, rate), ensemble.drive)
    dry = resample(driven, rate, sample_rate)[: round(seconds * sample_rate)]
    return _in_a_room(dry, ensemble, sample_rate, generator)


@lru_cache(maxsize=8)
def _plan(pieces: int, seed: int) -> dict[str, tuple[Item, Work, Ensemble]]:
    works = list(choose_works(pieces, seed))
    splits = split_groups([work.group for work in works], SPLIT, seed, "scores")
    plan = {}
    for piece, work in enumerate(works):
        turn, place = divmod(piece, len(ENSEMBLES))
        ensemble = ENSEMBLES[random_generator(seed, "ensembles", turn).permutation(len(ENSEMBLES))[place]]
        name = f"{piece:05d}-{_slug(work.path.rsplit('.', 1)[0])}-{_slug(ensemble.name)}"
        info = {"title": work.title, "ensemble": ensemble.name, "character": ensemble.character, "kind": work.shelf}
        plan[name] = (Item(name, work.group, splits[work.group], info), work, ensemble)
    return plan


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def _drive(samples: np.ndarray, drive: float) -> np.ndarray:
    """Compress what is louder than most, as amplifiers and records do; at the synthesiser's higher rate."""
    if not drive:
        return samples
    level = float(np.percentile(np.abs(samples), 99.5)) or 1.0
    gain = np.float32(1.5 * drive / level)
    return np.tanh(samples * gain) / gain


def _in_a_room(samples: np.ndarray, ensemble: Ensemble, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Add reverberation: noise that decays by 60 dB in the drawn time, darker than the direct sound."""
    reverberation = float(generator.uniform(*ensemble.room))
    time = np.arange(round(reverberation * sample_rate)) / sample_rate
    tail = generator.standard_normal(len(time)) * 10 ** (-3 * time / reverberation)
    pole = np.exp(-2 * np.pi * generator.uniform(3000, 6000) / sample_rate)
    tail = lfilter([1 - pole], [1, -pole], tail)
    tail *= 10 ** (generator.uniform(-16, -7) / 20) / np.sqrt(np.sum(tail**2))
    return samples + oaconvolve(samples, tail)[: len(samples)]


def fade_ends(samples: np.ndarray, sample_rate: int) -> None:
    """Fade the cut ends of `samples` [shape=(n,)] in place."""
    fade = min(len(samples) // 2, round(FADE_SECONDS * sample_rate))
    ramp = (np.arange(fade) + 0.5) / max(1, fade)
    samples[:fade] *= ramp
    samples[len(samples) - fade :] *= ramp[::-1]


def _master(samples: np.ndarray, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Fade the cut ends, set the peak to the drawn level, round to 16 bits."""
    fade_ends(samples, sample_rate)
    peak = 10 ** (generator.uniform(-12, -1) / 20)
    scaled = samples * (peak / np.max(np.abs(samples)))
    return (np.round(scaled * 32768) / 32768).astype(np.float32)

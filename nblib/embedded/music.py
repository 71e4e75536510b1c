"""Lossless music: works of music21's bundled corpus, arranged and played by sampled instruments.

A piece is a function of its name, its length and the seed, bit for bit; nothing is downloaded.
"""

import re
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from nblib.audio import resample
from nblib.corpora.items import split_groups
from nblib.embedded.arranging import ENSEMBLES, Ensemble, Performance, arrange
from nblib.embedded.layouts import ITEMS, Recording, check_settings, fade_ends, fill, reverberated, turn
from nblib.embedded.scores import SPLIT, choose_works, read_score
from nblib.embedded.soundfont import play
from nblib.errors import check_whole
from nblib.provenance import random_generator


def write_music(folder: str | Path, *, pieces: int, seconds: float, sample_rate: int, seed: int) -> None:
    """Fill ``lossless_music`` with 16-bit mono WAV files and items.csv (title, ensemble, character, kind of work).

    Ensemble, tempo, transposition, excerpt, velocities, human timing, room and level (peak -12 to -1 dBFS) are drawn
    from the seed. Pieces are split by work, 70/20/10 (MM'19, Section 3); no piece's sound depends on their number.
    Where items.csv is there already, nothing is done.

    With more `pieces` (>= 3) than there are works (some 3,000) a work comes again in another arrangement, in the same
    split. A work shorter than `seconds` (>= 1) starts again from its beginning. `sample_rate` is 8,000 to 48,000 Hz.
    Raises `ParameterError` for a setting out of range, `CorpusError` where scores or instruments are missing, or the
    pieces come from fewer than 3 works.
    """
    check_whole("pieces", pieces, 3)
    check_settings(sample_rate, seconds, 1, pieces=pieces)
    if not (Path(folder) / ITEMS).exists():
        make = partial(_play_piece, seconds, sample_rate, seed)
        fill(folder, "lossless_music", plan_music(pieces, seed), make, sample_rate)


def plan_music(pieces: int, seed: int) -> list[Recording]:
    """The pieces in order; no score is opened yet."""
    works = list(islice(choose_works(seed), pieces))
    splits = split_groups([work.group for work in works], SPLIT, seed, "scores")
    recordings = []
    for piece, work in enumerate(works):
        ensemble = ENSEMBLES[turn(len(ENSEMBLES), piece, seed, "ensembles")]
        name = re.sub(r"[^A-Za-z0-9]+", "-", f"{piece:05d} {work.path.rsplit('.', 1)[0]} {ensemble.name}")
        info = {"title": work.title, "ensemble": ensemble.name, "character": ensemble.character, "kind": work.shelf}
        recordings.append(Recording(name, splits[work.group], work.group, info, (f"{name}.wav",), (work, ensemble)))
    return recordings


def _play_piece(seconds: float, sample_rate: int, seed: int, recording: Recording) -> tuple[np.ndarray]:
    work, ensemble = recording.plan
    generator = random_generator(seed, "scores", recording.file)
    performance = arrange(read_score(work), ensemble, seconds, generator)
    played = perform(performance, ensemble, seconds, sample_rate, generator)
    fade_ends(played, sample_rate)
    peak = 10 ** (generator.uniform(-12, -1) / 20)
    return (played * (peak / np.max(np.abs(played))),)


def perform(
    performance: Performance, ensemble: Ensemble, seconds: float, sample_rate: int, generator: np.random.Generator
) -> np.ndarray:
    """What `ensemble` plays in a drawn room [shape=(round(seconds * sample_rate),)], of no fixed level, not faded."""
    rate = max(sample_rate, 22_050 + sample_rate // 2)  # what folds over at it folds to above half of sample_rate
    samples = play(performance.notes, performance.channels, seconds, rate)
    if ensemble.drive:  # compress what is louder than most, as amplifiers and records do
        level = float(np.percentile(np.abs(samples), 99.5)) or 1.0
        gain = np.float32(1.5 * ensemble.drive / level)
        samples = np.tanh(samples * gain) / gain
    dry = resample(samples, rate, sample_rate)[: round(seconds * sample_rate)]
    return reverberated(dry, sample_rate, generator, ensemble.room, (7, 16), corner_hz=(3000, 6000))

"""Lossless music: works of music21's bundled corpus, arranged and played by sampled instruments.

Ensemble, tempo, transposition, excerpt, velocities, human timing, room and level (peak -12 to -1 dBFS) are drawn from
the seed. Pieces are split by work. With more pieces than there are works (some 3,000) a work comes again in another
arrangement, in the same split; a work shorter than its piece starts again from its beginning.
"""

import re
from collections.abc import Mapping
from itertools import islice

import numpy as np

from nblib.audio import resample
from nblib.corpora import split_groups
from nblib.embedded.arranging import ENSEMBLES, Ensemble, Performance, arrange
from nblib.embedded.layouts import SAMPLE_RATE, Recording, fade_ends, reverberated, turn
from nblib.embedded.scores import SPLIT, choose_works, read_score
from nblib.embedded.soundfont import play
from nblib.provenance import random_generator


def plan_music(sizes: Mapping[str, int], seconds: float, seed: int) -> list[Recording]:
    """As many pieces as the splits have together, 70/20/10 by work (MM'19, Section 3); no score is opened yet."""
    works = list(islice(choose_works(seed), sum(sizes.values())))
    splits = split_groups([work.group for work in works], SPLIT, seed, "scores")
    recordings = []
    for piece, work in enumerate(works):
        ensemble = ENSEMBLES[turn(len(ENSEMBLES), piece, seed, "ensembles")]
        name = re.sub(r"[^A-Za-z0-9]+", "-", f"{piece:05d} {work.path.rsplit('.', 1)[0]} {ensemble.name}")
        info = {"title": work.title, "ensemble": ensemble.name, "character": ensemble.character, "kind": work.shelf}
        plan = (work, ensemble, seed)
        recordings.append(Recording(name, splits[work.group], work.group, info, (f"{name}.wav",), plan))
    return recordings


def played(seconds: float, recording: Recording) -> tuple[np.ndarray]:
    """The one sound of a piece."""
    work, ensemble, seed = recording.plan
    generator = random_generator(seed, "scores", recording.file)
    samples = perform(arrange(read_score(work), ensemble, seconds, generator), ensemble, seconds, generator)
    fade_ends(samples)
    return (samples * (10 ** (generator.uniform(-12, -1) / 20) / np.max(np.abs(samples))),)


def perform(performance: Performance, ensemble: Ensemble, seconds: float, generator: np.random.Generator) -> np.ndarray:
    """What `ensemble` plays in a drawn room [shape=(round(seconds * 22050),)], of no fixed level, not faded."""
    rate = SAMPLE_RATE * 3 // 2  # what folds over at it folds to above half of SAMPLE_RATE
    samples = play(performance.notes, performance.channels, seconds, rate)
    if ensemble.drive:  # compress what is louder than most, as amplifiers and records do
        level = float(np.percentile(np.abs(samples), 99.5)) or 1.0
        gain = np.float32(1.5 * ensemble.drive / level)
        samples = np.tanh(samples * gain) / gain
    dry = resample(samples, rate, SAMPLE_RATE)[: round(seconds * SAMPLE_RATE)]
    return reverberated(dry, generator, ensemble.room, (7, 16), corner_hz=(3000, 6000))

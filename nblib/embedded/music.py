"""Pieces of lossless music, and songs: works of music21's corpus, arranged, sung and played by sampled instruments.

Ensemble, tempo, transposition, excerpt, velocities, human timing, room and level (peak -12 to -1 dBFS) are drawn from
the seed. With more pieces than there are works (some 3,000) a work comes again in another arrangement, in the same
split; a work shorter than its piece starts again from its beginning. Of a song the melody is taken out of the score
and sung with words (`singing`), the ensemble plays the rest in the singer's key and by the same clock.

What songs lack against records: one voice at a time, with no doubling or backing choir; no effects but a room; words in
English with espeak-ng's accents and timbres (see `singing`); melodies that were mostly written for instruments; nothing
above 11 kHz in the voice.
"""

import re
from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

import numpy as np

from nblib.audio import resample
from nblib.corpora import PEAK, limited, measured_snr_db, split_groups
from nblib.embedded.arranging import ENSEMBLES, Ensemble, Performance, arrange
from nblib.embedded.espeak import Voice, voices
from nblib.embedded.layouts import SAMPLE_RATE, Recording, fade_ends, quantised, reverberated, turn
from nblib.embedded.melodies import RANGES, Range, leader, top_line
from nblib.embedded.scores import SHELVES, SPLIT, Work, choose_works, read_score, shelf_works
from nblib.embedded.singing import sing
from nblib.embedded.soundfont import play
from nblib.embedded.words import Words, verse
from nblib.errors import CorpusError
from nblib.provenance import derive_seed, random_generator

# Vocals over accompaniment. 16 excerpts of 12 s from seven real songs measured -15 to 1 dB, half of them -9 to -4.6.
SNR_DB = (-9.0, 1.0)
# Sampled voices would be vocals among what is to be taken away from vocals.
ACCOMPANISTS = tuple(each for each in ENSEMBLES if not {"choir", "voices"} & set(", ".join(each.layers).split(", ")))


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


class Plan(NamedTuple):
    """What is known of a song before its score is opened."""

    work: Work
    ensemble: Ensemble
    singer: Range
    voice: Voice
    verse: list[Words]
    seed: int


def plan_songs(sizes: Mapping[str, int], seconds: float, seed: int) -> list[Recording]:
    """The songs of each split, validation below train/; no score is opened yet. Four songs hear all ranges."""
    dealt = split_groups([work.group for shelf in SHELVES for work in shelf_works(shelf)], SPLIT, seed, "songs")
    recordings = []
    for split, size in sizes.items():
        works = (work for work in choose_works(seed) if dealt[work.group] == split)
        for index, work in enumerate(islice(works, size)):
            own = derive_seed(seed, "song", split, index)
            random = random_generator(own, "plan")
            singer = RANGES[turn(len(RANGES), index, seed, "ranges", split)]
            high = singer.name in ("soprano", "alto")
            choices = [voice for voice in voices(seed) if voice.split == split and voice.high == high]
            voice = choices[int(random.integers(len(choices)))]
            ensemble = ACCOMPANISTS[turn(len(ACCOMPANISTS), index, seed, "accompanists", split)]
            syllables = round(3 * seconds) + 4  # more than most songs have
            words = verse(syllables, random_generator(own, "verse"))
            info = {
                "title": work.title,
                "snr_db": round(float(random.uniform(*SNR_DB)), 2),
                "ensemble": ensemble.name,
                "character": ensemble.character,
                "singer": voice.name,
                "range": singer.name,
                "lyrics": " ".join(each.text for each in words),
            }
            file = f"{'test' if split == 'test' else 'train'}/{split}-{index:05d}"
            sounds = (f"{file}/mixture.wav", f"{file}/vocals.wav", f"{file}/other.wav")
            plan = Plan(work, ensemble, singer, voice, words, own)
            recordings.append(Recording(file, split, work.group, info, sounds, plan))
    return recordings


def sung(seconds: float, recording: Recording) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mixture, vocals and accompaniment, the vocals at the plan's level over it, the mixture's peak -12 to -1 dBFS."""
    plan: Plan = recording.plan
    random = random_generator(plan.seed, "arrangement")
    score = read_score(plan.work)
    melody, _ = top_line(score.voices[leader(score.voices)])
    # The mean length in seconds of a sung note: songs have two to three notes a second.
    quarters_per_second = float(np.mean(melody[:, 1])) / float(random.uniform(0.32, 0.62))
    onsets = len(np.unique(np.concatenate([notes[:, 0] for notes in score.voices])))
    pace = quarters_per_second * onsets / max(score.length, 1.0)
    ensemble = plan.ensemble._replace(onsets=(pace, pace))
    performance = arrange(score, ensemble, seconds, random, plan.singer)
    if not performance.sung:
        raise CorpusError(f"{plan.work.path}: no melody to sing was found; choose another seed")
    dry = sing(plan.voice, plan.singer, performance.sung, plan.verse, seconds, plan.seed)
    vocals = reverberated(dry, random, (0.3, 1.3), (6.0, 16.0)).astype(np.float32).astype(np.float64)
    band = perform(performance, ensemble, seconds, random)
    for part in (vocals, band):
        fade_ends(part)
    band *= 10 ** ((measured_snr_db(vocals, band) - recording.info["snr_db"]) / 20)
    gain = min(PEAK, 10 ** (random.uniform(-12, -1) / 20)) / np.max(np.abs(vocals + band))
    target, rest, mixture = quantised(limited(vocals * gain, band * gain))
    return mixture, target, rest


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

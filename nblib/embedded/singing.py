"""A voice that sings notes: words spoken by espeak-ng on one pitch, moved onto the notes by Praat's PSOLA.

A phrase is spoken as a whole, so that its sounds flow into one another as in speech. espeak-ng tells where each sound
begins: every vowel is laid on its note and stretched in its steady middle, consonants keep about their own length and
come before the note, as singers place them.

What it lacks: the vowel of a held note repeats the few periods that were spoken, so that its timbre moves less than a
singer's; vowels are not modified in high notes; the timbres are espeak-ng's, a formant synthesiser's with little
breath in the voice; effort changes loudness and a little brightness, not the glottal pulse.

Figures for the vibrato of trained voices are those of Sundberg, "The Science of the Singing Voice" (1987), and Prame,
"Measurements of the vibrato rate of ten singers" (JASA 96, 1994): 5.5 to 6.5 Hz, half a semitone up and down and more;
pop voices less.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Self, TypeAlias

import numpy as np
import parselmouth
from parselmouth import praat
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, sosfiltfilt

from nblib.audio import resample
from nblib.embedded.espeak import SAMPLE_RATE, Phoneme, Voice, intone
from nblib.embedded.layouts import fade_ends, shaped
from nblib.embedded.melodies import Range, phrases, regrouped, syllables
from nblib.embedded.soundfont import Note
from nblib.embedded.words import Words, take
from nblib.provenance import random_generator

VOWELS = frozenset("aAeEiIoOuUV@03&Y")  # how espeak-ng's names of vowels begin
CONSONANTS = 0.9  # of their spoken length
MOST_CONSONANTS = 0.45  # of a syllable
EDGE_SECONDS = (0.04, 0.06)  # of a vowel, where it comes from and goes to a consonant: not stretched
FINE = 4  # times the rate at which periods are laid beside one another: PSOLA rounds them to samples, a hiss otherwise
EVENNESS = 0.7  # of the differences in level between syllables are taken out: singers and records have fewer
Placed: TypeAlias = tuple[tuple[float, float], Note]  # where in the song a syllable's vowel lies, and its first note
STEP_SECONDS = 0.008  # between points of the contour: some 20 in a period of vibrato
SHORTEST_VIBRATO = 0.35  # seconds of a note, below which no singer vibrates


def sing(
    voice: Voice, singer: Range, notes: Sequence[Note], verse: Sequence[Words], seconds: float, seed: int
) -> np.ndarray:
    """Sing `notes`, in a dry room: float64 [shape=(round(seconds * 22050),)], of no fixed level.

    `notes` are one line, in seconds; what overlaps is cut. The verse is sung as far as they reach, and again where they
    reach further. `seed` draws the singer's habits and all that is not written in notes; nothing else decides a sample.
    """
    random = random_generator(seed, "singer")
    manner = Manner.drawn(random)
    presence_db, air_db, breath_db = (float(random.uniform(*db)) for db in ((3.0, 9.0), (-36.0, -26.0), (-34.0, -22.0)))
    song = np.zeros(round(seconds * SAMPLE_RATE))
    words: list[Words] = []
    ended = 0.0
    for number, phrase in enumerate(phrases(notes, seconds)):
        own = random_generator(seed, "phrase", number)
        groups = syllables(phrase, own)
        words = words if sum(each.syllables for each in words) >= len(groups) else [*words, *verse]
        text, drawn = take(words, len(groups)), int(own.integers(1, 2**31))
        spoken, phonemes = intone(voice, text, drawn, singer.spoken, 95)  # slow: the longest vowels to stretch
        placed, knots = align(phonemes, groups, ended)
        times, pitches, vibrato = contour(phrase, manner, own)
        sung = _resynthesised(spoken, knots, times, 440 * 2 ** ((pitches - 69) / 12), int(own.integers(2**31)))
        start = float(knots[0, 1])
        clock = start + np.arange(len(sung)) / SAMPLE_RATE
        gain_db = _loudness(sung, placed, start, clock, singer) + np.interp(clock, times, vibrato) * 0.02
        sung = sung * 10 ** (gain_db / 20)
        fade_ends(sung, 0.02)
        breath = _breath(start - ended, np.sqrt(np.mean(sung**2)) * 10 ** (breath_db / 20), own)
        for part, first in ((breath, round(start * SAMPLE_RATE) - len(breath)), (sung, round(start * SAMPLE_RATE))):
            inside, begin = part[max(0, -first) : len(song) - first], max(0, first)
            song[begin : begin + len(inside)] += inside
        ended = start + len(sung) / SAMPLE_RATE
    return _airy(_equalised(song, presence_db), air_db, random)


def align(phonemes: Sequence[Phoneme], groups: Sequence[list[Note]], free: float) -> tuple[list[Placed], np.ndarray]:
    """Lay a phrase's sounds, the pause after it among them, on notes: each vowel on its own, consonants before it.

    `groups` are the notes of each syllable; they are made as many as the vowels. The first consonants should not begin
    before `free` seconds. Returns the vowels, and knots [shape=(k, 2)] of spoken and song seconds, both ascending,
    between which both run evenly.
    """
    starts = np.asarray([phoneme.start for phoneme in phonemes]) / SAMPLE_RATE
    vowels = [place for place, phoneme in enumerate(phonemes[:-1]) if phoneme.name[:1] in VOWELS]
    end = next(starts[place] for place in range(vowels[-1] + 1, len(phonemes)) if phonemes[place].name == "_")
    notes = regrouped(groups, len(vowels))
    begins = [group[0].start for group in notes] + [notes[-1][-1].end]
    lead = min(CONSONANTS * starts[vowels[0]], max(0.03, begins[0] - free))
    knots = [(0.0, begins[0] - lead)]
    placed: list[Placed] = []
    for index, place in enumerate(vowels):
        spoken = (float(starts[place]), float(starts[place + 1]))
        after = float(starts[vowels[index + 1]] if index + 1 < len(vowels) else end) - spoken[1]
        room = begins[index + 1] - begins[index]
        sung = (begins[index], begins[index + 1] - min(CONSONANTS * after, MOST_CONSONANTS * room))
        knots += _vowel_knots(phonemes[place].name, spoken, sung)
        placed.append((sung, notes[index][0]))
    knots.append((end, begins[-1]))
    table = np.asarray(knots)
    return placed, table[np.append(np.diff(table[:, 0]) > 1e-4, True)]


def _vowel_knots(name: str, spoken: tuple[float, float], sung: tuple[float, float]) -> list[tuple[float, float]]:
    """The steady part of a vowel is stretched, the first half of a diphthong; the ways to and from it less."""
    length, room = spoken[1] - spoken[0], sung[1] - sung[0]
    glides = len(name) > 1 and name[1] not in ":#2345-"
    first = min(EDGE_SECONDS[0], 0.3 * length)
    last = 0.5 * length if glides else min(EDGE_SECONDS[1], 0.35 * length)
    scale = min(1.2, 0.8 * room / (first + last))
    return [
        (spoken[0], sung[0]),
        (spoken[0] + first, sung[0] + scale * first),
        (spoken[1] - last, sung[1] - scale * last),
        (spoken[1], sung[1]),
    ]


def _resynthesised(
    spoken: np.ndarray, knots: np.ndarray, times: np.ndarray, hertz: np.ndarray, seed: int
) -> np.ndarray:
    """`spoken` on the song's clock and pitch, from ``knots[0, 1]`` on."""
    (begins, starts), (ends, stops) = knots[0], knots[-1]
    # Praat cuts what becomes more than three times as long: silence after it makes the whole long enough.
    silence = max(0.0, (stops - starts - 3 * (ends - begins)) / 2) + 0.05
    spoken = np.pad(spoken[: round(ends * SAMPLE_RATE) + 1].astype(np.float64), (0, round(silence * SAMPLE_RATE)))
    sound = parselmouth.Sound(spoken, SAMPLE_RATE)
    fine = parselmouth.Sound(resample(spoken, SAMPLE_RATE, FINE * SAMPLE_RATE), FINE * SAMPLE_RATE)
    places = np.interp(times, knots[:, 1], knots[:, 0])
    inside = (times > starts) & (times < stops)
    lengths = np.diff(knots[:, 1]) / np.diff(knots[:, 0])
    near = 1e-5
    borders = np.append(np.column_stack([knots[:-1, 0] + near, knots[1:, 0] - near]).ravel(), ends + near)
    manipulation = praat.call(sound, "To Manipulation", 0.01, 70.0, 500.0)  # Hz that espeak-ng's voices speak at
    praat.call([manipulation, fine], "Replace original sound")
    for kind, xs, ys in (
        ("Pitch", places[inside], hertz[inside]),
        ("Duration", borders, np.append(np.repeat(lengths, 2), 1.0)),
    ):
        tier = praat.call(f"Create {kind}Tier", "sung", 0, sound.duration)
        # One script: a call for each point would cost more than all the rest.
        praat.run([tier], "\n".join(f"Add point: {x:.9f}, {y:.6f}" for x, y in zip(xs, ys, strict=True)))
        praat.call([tier, manipulation], f"Replace {kind.lower()} tier")
    # Voiceless sounds are put together from pieces in random order.
    praat.run(f"random_initializeWithSeedUnsafelyButPredictably ({seed})")
    made = praat.call(manipulation, "Get resynthesis (overlap-add)")
    praat.run("random_initializeSafelyAndUnpredictably ( )")
    return resample(made.values[0], FINE * SAMPLE_RATE, SAMPLE_RATE)[: round((stops - starts) * SAMPLE_RATE)]


def _loudness(
    samples: np.ndarray, placed: Sequence[Placed], start: float, clock: np.ndarray, singer: Range
) -> np.ndarray:
    """A gain in dB for every sample: syllables more alike, an arch over the phrase, high and stressed notes louder."""
    points: list[tuple[float, float]] = []
    first, last = placed[0][0][0], placed[-1][0][1]
    vowels = [slice(*(max(0, round((time - start) * SAMPLE_RATE)) for time in sung)) for sung, _ in placed]
    levels = [10 * np.log10(np.mean(samples[vowel] ** 2) + 1e-9) for vowel in vowels]
    for ((begin, end), note), level in zip(placed, levels, strict=True):
        wanted = 0.12 * (note.velocity - 80) + 0.25 * (note.key - (singer.low + singer.high) / 2)
        gain = wanted - EVENNESS * (level - float(np.mean(levels)))
        for part, swell in ((0.1, -1.0), (0.45, 0.5), (0.9, -1.5)):
            time = begin + part * (end - begin)
            arch = 3 * np.sin(np.pi * (time - first) / (last - first))
            points.append((time, gain + arch + swell * min(1.0, end - begin)))
    return np.interp(clock, *np.transpose(points))


def _breath(room: float, level: float, random: np.random.Generator) -> np.ndarray:
    """Air drawn in before a phrase, in at most `room` seconds: noise like an open mouth's, rising until it stops."""
    length = round(min(0.4, 0.8 * room) * SAMPLE_RATE)
    if length < 0.1 * SAMPLE_RATE:
        return np.zeros(0)
    air = shaped(
        random.standard_normal(length),
        lambda f: 1 / (1 + ((f - 1800) / 1200) ** 2) + 0.3 / (1 + ((f - 5000) / 2000) ** 2),
    )
    time = np.arange(length) / length
    air *= time * np.clip((1 - time) / 0.25, 0, 1)
    return air * level / np.sqrt(np.mean(air**2))


def _equalised(samples: np.ndarray, presence_db: float) -> np.ndarray:
    """Louder around 3 kHz, where trained singers' formants meet, and from 5 kHz on, where espeak-ng's vowels end.

    Records are equalised so; those filters' magnitudes, of quality 1.2 and of second order, without their phase.
    """
    amplitude = 10 ** (presence_db / 40)

    def gain(frequency: np.ndarray) -> np.ndarray:
        x, y = frequency / 3000, frequency / 5000
        presence = (1 - x**2 + 1j * x * amplitude / 1.2) / (1 - x**2 + 1j * x / amplitude / 1.2)
        return np.abs(presence * (1 - 0.7 * y**2 / (1 - y**2 + 1j * np.sqrt(2) * y)))

    return shaped(samples, gain)


def _airy(samples: np.ndarray, breath_db: float, random: np.random.Generator) -> np.ndarray:
    """With breath in the voice, as loud as the voice is at the time."""
    power = sosfiltfilt(butter(1, 12, fs=SAMPLE_RATE, output="sos"), samples**2)
    air = shaped(random.standard_normal(len(samples)), lambda f: f**2 / (f**2 + 4000**2))
    return samples + air * np.sqrt(np.maximum(power, 0)) * 10 ** (breath_db / 20) / np.sqrt(np.mean(air**2))


class Manner(NamedTuple):
    """A singer's habits: vibrato rate (Hz) and depth (cents up and down), its onset (s), glides (s), scoops (0-1)."""

    rate: float
    depth: float
    delay: float
    glide: float
    scoops: float

    @classmethod
    def drawn(cls, random: np.random.Generator) -> Self:
        """The habits of one performance, from straight pop voices to operatic ones."""
        ranges = ((5.1, 6.2), (30, 90), (0.12, 0.3), (0.05, 0.12), (0.1, 0.4))
        return cls(*(float(random.uniform(low, high)) for low, high in ranges))


def contour(
    notes: list[Note], manner: Manner, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pitch of one phrase of at least one note, from 0.3 s before its first to 0.1 s after its last.

    Times in seconds on the notes' clock, MIDI pitch (fractional), and the part of it that is vibrato, in cents; each
    [shape=(n,)].
    """
    times = np.arange(notes[0].start - 0.3, notes[-1].end + 0.1, STEP_SECONDS)
    pitch = np.full(len(times), float(notes[0].key))
    for before, note in pairwise(notes):
        # Nearly all of a logistic step of width w lies within 4.4 w; a short note leaves less time for it.
        width = min(manner.glide, 0.5 * (note.end - note.start), 0.5 * (before.end - before.start)) / 4.4
        middle = note.start + 0.02 - 2.2 * width  # 0.02 s of it lie after the note's beginning
        pitch += (note.key - before.key) * _step(times, middle, width)
    vibrato = np.zeros(len(times))
    for index, note in enumerate(notes):
        # No note is quite in tune: a few cents off, for as long as it lasts.
        off = 0.07 * float(np.clip(random.standard_normal(), -2, 2))
        pitch += off * (_step(times, note.start, 0.015) - _step(times, note.end, 0.015))
        leap = index and note.key - notes[index - 1].key >= 3
        if index == 0 or (leap and random.random() < manner.scoops):
            fading = np.exp(-np.maximum(times - note.start, 0.0) / min(0.05, (note.end - note.start) / 6))
            pitch -= random.uniform(0.2, 1.2) * _step(times, note.start - 0.05, 0.01) * fading
        vibrato += _vibrato(times, note, manner, random)
    pitch += 0.06 * _wander(len(times), 0.08, random) + 0.03 * _wander(len(times), 0.01, random)
    fall = np.clip((times - notes[-1].end + 0.12) / 0.12, 0, 1)
    pitch -= random.uniform(0, 0.8) * fall**2
    return times, pitch + vibrato / 100, vibrato


def _wander(count: int, seconds: float, random: np.random.Generator) -> np.ndarray:
    """Noise smoothed over so many seconds, of standard deviation 1."""
    noise = gaussian_filter1d(random.standard_normal(count), seconds / STEP_SECONDS)
    return noise / noise.std()


def _step(times: np.ndarray, middle: float, width: float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip((times - middle) / width, -30, 30)))


def _vibrato(times: np.ndarray, note: Note, manner: Manner, random: np.random.Generator) -> np.ndarray:
    """Sets in after `delay`, grows over 0.3 s, is deeper on longer notes, and ends with the note."""
    seconds = note.end - note.start
    if seconds < SHORTEST_VIBRATO:
        return np.zeros(len(times))
    rate = manner.rate * (1 + 0.03 * _wander(len(times), 0.15, random) + 0.03 * float(random.standard_normal()))
    phase = np.cumsum(2 * np.pi * rate * STEP_SECONDS) + random.uniform(0, 2 * np.pi)
    grown = np.clip((times - note.start - min(manner.delay, 0.4 * seconds)) / 0.3, 0, 1)
    ended = np.clip((note.end - times) / 0.08, 0, 1)
    depth = manner.depth * (0.4 + 0.6 * min(1.0, (seconds - SHORTEST_VIBRATO) / 0.9))
    return depth * grown * ended * np.sin(phase)

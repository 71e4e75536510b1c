"""How a singer's pitch goes from note to note: portamento, scoops, vibrato and small unsteadiness.

Figures for trained voices are those of Sundberg, "The Science of the Singing Voice" (1987), and Prame, "Measurements of
the vibrato rate of ten singers" (JASA 96, 1994): 5.5 to 6.5 Hz, half a semitone up and down and more; pop voices
less.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from nblib.embedded.soundfont import Note

STEP_SECONDS = 0.008  # between points of the contour: some 20 in a period of vibrato
ARRIVED_SECONDS = 0.02  # of a glide lies after the note's beginning, the rest before
SHORTEST_VIBRATO = 0.35  # seconds of a note, below which no singer vibrates


class Manner(NamedTuple):
    """A singer's habits: vibrato rate (Hz) and depth (cents up and down), its onset (s), glides (s), scoops (0-1)."""

    rate: float
    depth: float
    delay: float
    glide: float
    scoops: float

    @classmethod
    def drawn(cls, random: np.random.Generator) -> Manner:
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
        middle = note.start + ARRIVED_SECONDS - 2.2 * width
        pitch += (note.key - before.key) * _step(times, middle, width)
    vibrato = np.zeros(len(times))
    for index, note in enumerate(notes):
        pitch += _aim(times, note, random)
        leap = index and note.key - notes[index - 1].key >= 3
        if index == 0 or (leap and random.random() < manner.scoops):
            pitch -= _scoop(times, note, random.uniform(0.2, 1.2))
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


def _aim(times: np.ndarray, note: Note, random: np.random.Generator) -> np.ndarray:
    """No note is quite in tune: a few cents off, for as long as it lasts."""
    off = 0.07 * float(np.clip(random.standard_normal(), -2, 2))
    return off * (_step(times, note.start, 0.015) - _step(times, note.end, 0.015))


def _scoop(times: np.ndarray, note: Note, semitones: float) -> np.ndarray:
    since = np.maximum(times - note.start, 0.0)
    return semitones * _step(times, note.start - 0.05, 0.01) * np.exp(-since / min(0.05, (note.end - note.start) / 6))


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

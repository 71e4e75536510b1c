"""Which line of a score is sung, and where: the melody taken out of the other parts and moved into a singer's range."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Range(NamedTuple):
    """A kind of singer: the lowest and highest MIDI pitch of a comfortable line."""

    name: str
    low: int
    high: int


RANGES = (Range("soprano", 62, 79), Range("alto", 56, 73), Range("tenor", 50, 67), Range("bass", 42, 60))
"""An octave and a half each, inside what choirs ask for: sung lines stay off the extremes, where words are lost."""

DOUBLED = 0.6  # of a part's notes in unison or octaves with the melody: it plays the melody too


def leader(voices: list[np.ndarray]) -> int:
    """The part that is sung: the highest one that sounds nearly as long as the one that sounds longest.

    Parameters
    ----------
    voices : list of np.ndarray [shape=(n, 3)]
        Onset and duration in quarter notes, MIDI pitch; from high to low, at least one.
    """
    sounding = [sung_time(notes) for notes in voices]
    return next(index for index, time in enumerate(sounding) if time >= 0.8 * max(sounding))


def sung_time(notes: np.ndarray) -> float:
    """Quarter notes for which the top line of `notes` [shape=(n, 3)] sounds."""
    return float(top_line(notes)[0][:, 1].sum())


def top_line(notes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The upper line of a part, one note at a time, and what lies under it (chords, a second line).

    A note ends where the next of the line begins.
    """
    order = np.lexsort((-notes[:, 2], notes[:, 0]))
    line: list[np.ndarray] = []
    under: list[np.ndarray] = []
    for note in notes[order]:
        last = line[-1] if line else None
        sounds = last is not None and note[0] < last[0] + last[1] - 1e-6
        if last is not None and sounds and (note[2] <= last[2] or note[0] <= last[0]):
            under.append(note)
            continue
        if last is not None and sounds:
            last[1] = note[0] - last[0]
        line.append(note.copy())
    return np.asarray(line).reshape(-1, 3), np.asarray(under).reshape(-1, 3)


def split_melody(voices: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """The melody [shape=(n, 3)], and all that accompanies it: the parts without it and without those that double it."""
    lead = leader(voices)
    melody, under = top_line(voices[lead])
    onsets = {round(onset * 48): pitch for onset, _, pitch in melody}
    others = []
    for notes in [under] + [notes for index, notes in enumerate(voices) if index != lead]:
        same = [(onsets.get(round(onset * 48), np.nan) - pitch) % 12 == 0 for onset, _, pitch in notes]
        if same and np.mean(same) < DOUBLED:
            others.append(notes)
    return melody, others


def into_range(melody: np.ndarray, singer: Range, transposition: int) -> tuple[np.ndarray, int]:
    """`melody` [shape=(n, 3)] where `singer` reaches it, and the transposition of those who accompany it.

    Of the keys within three semitones of `transposition` the one is taken in which most of the melody lies in the
    range, in the octave that fits; the band moves by less than an octave, as a singer's band does. A note that is still
    out of range is sung an octave nearer.

    Returns
    -------
    melody : np.ndarray [shape=(n, 3)]
    transposition : int
        Semitones, within three of the wanted.
    """

    def outside(shift: int) -> float:
        pitches = melody[:, 2] + shift
        beyond = np.maximum(singer.low - pitches, 0) + np.maximum(pitches - singer.high, 0)
        centre = abs(float(np.average(pitches, weights=melody[:, 1])) - (singer.low + singer.high) / 2)
        return float(np.sum(beyond * melody[:, 1])) + 0.05 * centre

    keys = range(transposition - 3, transposition + 4)
    octaves = range(-48, 49, 12)
    best, key = min(((key + octave, key) for key in keys for octave in octaves), key=lambda pair: outside(pair[0]))
    sung = melody + [0.0, 0.0, best]
    sung[:, 2] += 12 * np.ceil(np.maximum(singer.low - sung[:, 2], 0) / 12)
    sung[:, 2] -= 12 * np.ceil(np.maximum(sung[:, 2] - singer.high, 0) / 12)
    return sung, key

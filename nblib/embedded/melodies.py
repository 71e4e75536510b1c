"""Which line of a score is sung, and how: taken out of the parts, moved into a range, in phrases and syllables."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from nblib.embedded.layouts import table
from nblib.embedded.soundfont import Note


class Range(NamedTuple):
    """A kind of singer: the lowest and highest MIDI pitch of a line, and espeak-ng's pitch (0 to 99) for it."""

    name: str
    low: int
    high: int
    spoken: int


RANGES = tuple(Range(name, *pitches) for name, pitches in table("voices")["singers"].items())
LEGATO_SECONDS = 0.12  # shorter gaps between notes are sung through
SHORTEST_NOTE = 0.05
SHORTEST_SYLLABLE = 0.22  # seconds; quicker notes share one: nobody sings more than some four syllables a second
PHRASE_SECONDS = ((2.5, 0.6), (5.0, 0.3), (7.0, 0.0))  # lasting so long it ends with the first note of such a length


def leader(voices: Sequence[np.ndarray]) -> int:
    """The part that is sung, of a score's voices: the highest one that sounds nearly as long as the longest."""
    sounding = [sung_time(notes) for notes in voices]
    return next(index for index, time in enumerate(sounding) if time >= 0.8 * max(sounding))


def sung_time(notes: np.ndarray) -> float:
    """Quarter notes for which the top line of `notes` [shape=(n, 3)] sounds."""
    return float(top_line(notes)[0][:, 1].sum())


def top_line(notes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The upper line of a part, one note at a time, and what lies under it (chords, a second line).

    A note ends where the next of the line begins.
    """
    line: list[np.ndarray] = []
    under: list[np.ndarray] = []
    for note in notes[np.lexsort((-notes[:, 2], notes[:, 0]))]:
        if line and note[0] < line[-1][0] + line[-1][1] - 1e-6:
            if note[2] <= line[-1][2] or note[0] <= line[-1][0]:
                under.append(note)
                continue
            line[-1][1] = note[0] - line[-1][0]
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
        if same and np.mean(same) < 0.6:  # else most of it doubles the melody, in unison or octaves
            others.append(notes)
    return melody, others


def into_range(melody: np.ndarray, singer: Range, transposition: int) -> tuple[np.ndarray, int]:
    """`melody` [shape=(n, 3)] where `singer` reaches it, and the transposition of those who accompany it, in semitones.

    Of the keys within three semitones of `transposition` the one is taken in which most of the melody lies in the
    range, in the octave that fits; the band moves by less than an octave, as a singer's band does. A note that is still
    out of range is sung an octave nearer.
    """

    def outside(shift: int) -> float:
        pitches = melody[:, 2] + shift
        beyond = np.maximum(singer.low - pitches, 0) + np.maximum(pitches - singer.high, 0)
        centre = abs(float(np.average(pitches, weights=melody[:, 1])) - (singer.low + singer.high) / 2)
        return float(np.sum(beyond * melody[:, 1])) + 0.05 * centre

    keys = range(transposition - 3, transposition + 4)
    shifts = [(key + octave, key) for key in keys for octave in range(-48, 49, 12)]
    best, key = min(shifts, key=lambda pair: outside(pair[0]))
    sung = melody + [0.0, 0.0, best]
    sung[:, 2] += 12 * np.ceil(np.maximum(singer.low - sung[:, 2], 0) / 12)
    sung[:, 2] -= 12 * np.ceil(np.maximum(sung[:, 2] - singer.high, 0) / 12)
    return sung, key


def seconds_of(notes: Sequence[Note]) -> float:
    """From the first note's beginning to the last one's end."""
    return notes[-1].end - notes[0].start


def phrases(notes: Sequence[Note], seconds: float) -> list[list[Note]]:
    """A line's notes in phrases: no two overlap, and between phrases there is time to breathe.

    `seconds` is where the song ends: later notes are left out, a note that reaches past it is cut.
    """
    single: list[Note] = []
    for note in notes:  # human timing can bring two quick notes out of order
        if note.start < seconds - 2 * SHORTEST_NOTE:
            start = max(note.start, single[-1].start + SHORTEST_NOTE) if single else note.start
            single.append(note._replace(start=start, end=max(note.end, start + SHORTEST_NOTE)))
    for index, (note, after) in enumerate(pairwise(single)):
        if after.start - note.end <= LEGATO_SECONDS:
            single[index] = note._replace(end=after.start)
    found: list[list[Note]] = [[]]
    for note in single:
        if note.start >= seconds - SHORTEST_NOTE:
            break
        note = note._replace(end=min(note.end, seconds))
        if found[-1] and note.start - found[-1][-1].end > LEGATO_SECONDS:
            found.append([])
        found[-1].append(note)
        if any(seconds_of(found[-1]) >= lasted and note.end - note.start >= long for lasted, long in PHRASE_SECONDS):
            found[-1][-1] = note._replace(end=note.end - min(0.35, 0.4 * (note.end - note.start)))
            found.append([])
    return [phrase for phrase in found if phrase]


def syllables(phrase: Sequence[Note], random: np.random.Generator) -> list[list[Note]]:
    """The notes of each syllable of `phrase`: one, or more where they are quick (a melisma) or slurred."""
    groups: list[list[Note]] = []
    for note in phrase:
        # Some moderately short notes are tied to the syllable before though there was time for another.
        slurred = random.random() < 0.08 and note.end - note.start < 2 * SHORTEST_SYLLABLE
        if groups and (seconds_of(groups[-1]) < SHORTEST_SYLLABLE or slurred):
            groups[-1].append(note)
        else:
            groups.append([note])
    if len(groups) > 1 and seconds_of(groups[-1]) < SHORTEST_SYLLABLE:
        groups[-2:] = [groups[-2] + groups[-1]]
    return groups


def regrouped(groups: Sequence[list[Note]], count: int) -> list[list[Note]]:
    """`groups` made `count`, for words of another number of syllables: short ones join, long notes are sung twice."""
    made = list(groups)
    while len(made) > count:
        short = min(range(1, len(made)), key=lambda index: seconds_of(made[index]))
        made[short - 1 : short + 1] = [made[short - 1] + made[short]]
    while len(made) < count:
        longest = max(range(len(made)), key=lambda index: seconds_of(made[index]))
        group = made[longest]
        if len(group) == 1:
            middle = (group[0].start + group[0].end) / 2
            group = [group[0]._replace(end=middle), group[0]._replace(start=middle)]
        made[longest : longest + 1] = [group[: len(group) // 2], group[len(group) // 2 :]]
    return made

"""A melody as a singer breathes and speaks it: phrases that end in a breath, and notes that share a syllable."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from nblib.corpora.soundfont import Note

LEGATO_SECONDS = 0.12  # shorter gaps between notes are sung through
SHORTEST_NOTE = 0.05
SHORTEST_SYLLABLE = 0.22  # seconds; quicker notes share one: nobody sings more than some four syllables a second
SLURS = 0.08  # of the moderately short notes, tied to the syllable before though there was time for another
BREATH_SECONDS = 0.35
PHRASE_SECONDS = ((2.5, 0.6), (5.0, 0.3), (7.0, 0.0))
"""A phrase that has lasted so long ends with the first note of at least such a length (both in seconds)."""


def seconds_of(notes: Sequence[Note]) -> float:
    """From the first note's beginning to the last one's end."""
    return notes[-1].end - notes[0].start


def phrases(notes: Sequence[Note], seconds: float) -> list[list[Note]]:
    """The melody's notes in phrases: no two overlap, and between phrases there is time to breathe.

    Parameters
    ----------
    notes : sequence of Note
        One line, in the order of its notes.
    seconds : float
        Where the song ends: later notes are left out, a note that reaches past it is cut.
    """
    found: list[list[Note]] = [[]]
    for note in _one_by_one([note for note in notes if note.start < seconds - 2 * SHORTEST_NOTE], seconds):
        if found[-1] and note.start - found[-1][-1].end > LEGATO_SECONDS:
            found.append([])
        found[-1].append(note)
        if any(seconds_of(found[-1]) >= lasted and note.end - note.start >= long for lasted, long in PHRASE_SECONDS):
            found[-1][-1] = note._replace(end=note.end - min(BREATH_SECONDS, 0.4 * (note.end - note.start)))
            found.append([])
    return [phrase for phrase in found if phrase]


def _one_by_one(notes: Sequence[Note], seconds: float) -> list[Note]:
    starts = [note.start for note in notes]
    for index in range(1, len(starts)):  # human timing can bring two quick notes out of order
        starts[index] = max(starts[index], starts[index - 1] + SHORTEST_NOTE)
    single = [note._replace(start=start) for note, start in zip(notes, starts, strict=True)]
    for index, (note, after) in enumerate(pairwise(single)):
        end = max(note.end, note.start + SHORTEST_NOTE)
        single[index] = note._replace(end=after.start if after.start - end <= LEGATO_SECONDS else end)
    if single:
        last = single[-1]
        single[-1] = last._replace(end=max(last.end, last.start + SHORTEST_NOTE))
    return [note._replace(end=min(note.end, seconds)) for note in single if note.start < seconds - SHORTEST_NOTE]


def syllables(phrase: Sequence[Note], random: np.random.Generator) -> list[list[Note]]:
    """The notes of each syllable of `phrase`: one, or more where they are quick (a melisma) or slurred."""
    groups: list[list[Note]] = []
    for note in phrase:
        slurred = random.random() < SLURS and note.end - note.start < 2 * SHORTEST_SYLLABLE
        if groups and (seconds_of(groups[-1]) < SHORTEST_SYLLABLE or slurred):
            groups[-1].append(note)
        else:
            groups.append([note])
    if len(groups) > 1 and seconds_of(groups[-1]) < SHORTEST_SYLLABLE:
        tail = groups.pop()
        groups[-1] += tail
    return groups


def regrouped(groups: Sequence[Sequence[Note]], count: int) -> list[list[Note]]:
    """`groups` made `count`, for words of another number of syllables: short ones join, long notes are sung twice."""
    made = [list(group) for group in groups]
    while len(made) > count:
        short = min(range(1, len(made)), key=lambda index: seconds_of(made[index]))
        joined = made.pop(short)
        made[short - 1] += joined
    while len(made) < count:
        longest = max(range(len(made)), key=lambda index: seconds_of(made[index]))
        group = made[longest]
        if len(group) == 1:
            middle = (group[0].start + group[0].end) / 2
            group = [group[0]._replace(end=middle), group[0]._replace(start=middle)]
        made[longest : longest + 1] = [group[: len(group) // 2], group[len(group) // 2 :]]
    return made

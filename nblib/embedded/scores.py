"""Which works of music21's bundled corpus are played, and how a score becomes plain arrays of notes.

Choosing reads only file names and sizes, so that a corpus of thousands of pieces is listed in milliseconds. Reading
goes past music21's cache of pickled scores: nothing hangs on an earlier run, and processes cannot clash over a file.
"""

import re
import warnings
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nblib.embedded.layouts import package_path, table, turn
from nblib.errors import CorpusError
from nblib.provenance import random_generator

SPLIT = (0.7, 0.2, 0.1)  # of the works; MM'19, Section 3
SHELVES = table("shelves")  # of each kind of work: `share` of every 22 pieces, `folders` and `suffixes` of its files


class Work(NamedTuple):
    """One score: `path` relative to the corpus, the `group` it shares with other movements of the same work."""

    path: str
    shelf: str
    group: str
    title: str


class Score(NamedTuple):
    """Notes as a player needs them; times are in quarter notes."""

    voices: tuple[np.ndarray, ...]  # from high to low: onset, duration and MIDI pitch [shape=(n, 3)], sorted by onset
    length: float  # until the last note ends
    beat: float  # of the metre; 1.5 in compound ones
    beats: int  # in a bar
    upbeat: float  # before the first whole bar


def corpus_folder() -> Path:
    """The folder of music21's bundled scores (there is a distribution without), found without importing music21."""
    return package_path("music21", "corpus/bach").parent


def _work(path: str, shelf: str) -> Work:
    """A file's work by its catalogue number, ``bach/bwv18`` for ``bach/bwv18.5-w.mxl``, and a readable title.

    Masses are numbered at the end (``Kyrie_17_a``), a quartet is a folder, a song cycle an opus; two settings of one
    fiddle tune differ in a trailing number.
    """
    folder, _, name = path.partition("/")
    stem = name.rsplit(".", 1)[0]
    title = f"{re.sub(r'(?<=[a-z])(?=[A-Z])|[_/]+', ' ', stem)} ({folder})"
    number, opus = re.search(r"\d+", stem), re.match(r".*?op(us|_)?\d+", stem)
    if "/" in stem:
        group = stem.split("/")[0]
    elif folder == "palestrina":
        group = f"mass{number.group() if number else ''}"
    elif folder == "bach" and number:
        group = f"bwv{number.group()}"
    elif opus:
        group = opus.group()
    else:
        group = re.sub(r"(_old|No[0-9]+|(?<=[a-z])[0-9]+)$", "", stem)
    return Work(path, shelf, f"{folder}/{group}", title)


@cache
def shelf_works(shelf: str) -> tuple[Work, ...]:
    """All works of one kind that are small enough to parse, by path."""
    folder, where = corpus_folder(), SHELVES[shelf]
    paths = []
    for file in (file for name in where["folders"] for file in (folder / name).rglob("*")):
        # Larger scores, whole quartets in one file, take more than about a second to parse. MusicXML that is not zipped
        # is some twenty times as large for the same notes.
        largest = 320_000 if file.suffix == ".xml" else 40_000
        if file.suffix in where["suffixes"] and file.stat().st_size <= largest:
            paths.append(file.relative_to(folder).as_posix())
    return tuple(_work(path, shelf) for path in sorted(paths))


def choose_works(seed: int) -> Iterator[Work]:
    """Works without end in an order drawn from `seed`, the kinds mixed in the proportions of `SHELVES`.

    A kind that has been gone through begins anew: the work then comes with another arrangement and excerpt.
    """
    orders = {shelf: random_generator(seed, "works", shelf).permutation(len(shelf_works(shelf))) for shelf in SHELVES}
    drawn = dict.fromkeys(SHELVES, 0)
    cycle = [shelf for shelf, where in SHELVES.items() for _ in range(where["share"])]
    for piece in count():
        shelf = cycle[turn(len(cycle), piece, seed, "shelves")]
        yield shelf_works(shelf)[orders[shelf][drawn[shelf] % len(orders[shelf])]]
        drawn[shelf] += 1


def read_score(work: Work) -> Score:
    """Parse one score; repeats are not played, ties become one note, rests of all voices shrink to one beat.

    `CorpusError` where music21 cannot parse the file, or finds no notes in it.
    """
    from music21 import converter

    path = corpus_folder() / work.path
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed: Any = converter.parseFile(path, forceSource=True, storePickle=False)
    except Exception as error:  # music21 raises anything from ValueError to its own hundred classes
        raise CorpusError(f"{work.path}: music21 cannot parse this score ({error}); choose another seed") from error
    voices = [notes for notes in map(_part_notes, parsed.parts) if len(notes)]
    if not voices:
        raise CorpusError(f"{work.path}: the score holds no notes; choose another seed")
    beat, beats, upbeat = _metre(parsed.parts[0])
    voices = _close_gaps(sorted(voices, key=lambda notes: -notes[:, 2].mean()), beat)
    return Score(tuple(voices), max(float((notes[:, 0] + notes[:, 1]).max()) for notes in voices), beat, beats, upbeat)


def _part_notes(part: Any) -> np.ndarray:
    notes: list[list[float]] = []
    held: dict[int, int] = {}
    for element in part.flatten().notes:
        if "Harmony" in element.classes or not element.duration.quarterLength:
            continue  # chord symbols and grace notes
        onset, duration = float(element.offset), float(element.duration.quarterLength)
        for note in getattr(element, "notes", (element,)):
            if not hasattr(note, "pitch"):
                continue  # unpitched percussion
            pitch = int(note.pitch.midi)
            tie = note.tie.type if note.tie else ""
            if tie in ("stop", "continue") and pitch in held:
                notes[held[pitch]][1] = onset + duration - notes[held[pitch]][0]
            else:
                notes.append([onset, duration, pitch])
                held[pitch] = len(notes) - 1
            if tie not in ("start", "continue"):
                held.pop(pitch, None)
    found = np.asarray(notes, dtype=float).reshape(-1, 3)
    return found[np.lexsort((found[:, 2], found[:, 0]))]


def _metre(part: Any) -> tuple[float, int, float]:
    signature = next(iter(part.recurse().getElementsByClass("TimeSignature")), None)
    if signature is None:
        return 1.0, 4, 0.0
    compound = signature.denominator >= 8 and signature.numerator % 3 == 0
    beat = 12 / signature.denominator if compound else 4 / signature.denominator
    bar = float(signature.barDuration.quarterLength)
    measures = [float(measure.offset) for measure in part.getElementsByClass("Measure")]
    upbeat = measures[1] % bar if len(measures) > 1 else 0.0
    return beat, max(1, round(bar / beat)), upbeat


def _close_gaps(voices: list[np.ndarray], beat: float) -> list[np.ndarray]:
    everything = np.concatenate(voices)
    everything = everything[np.argsort(everything[:, 0], kind="stable")]
    ends = np.maximum.accumulate(np.concatenate([[0.0], everything[:, 0] + everything[:, 1]]))[:-1]
    gaps = everything[:, 0] - ends
    surplus = np.where(gaps > beat, np.ceil(gaps / beat) * beat - beat, 0.0)
    shifts = np.cumsum(surplus)
    closed = []
    for notes in voices:
        before = np.searchsorted(everything[:, 0], notes[:, 0], side="right") - 1
        closed.append(np.column_stack([notes[:, 0] - shifts[before], notes[:, 1:]]))
    return closed

"""A score and an ensemble become a performance: excerpt, tempo, harmony, accompaniment, drums and human timing."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from nblib.embedded.layouts import table
from nblib.embedded.melodies import Range, into_range, leader, split_melody, sung_time
from nblib.embedded.scores import Score
from nblib.embedded.soundfont import Channel, Note

STEPS = 4  # rhythm steps in a beat
SLOT_BEATS = 2  # beats that share one chord


class Comp(NamedTuple):
    """An accompanist on the harmony."""

    program: str
    style: str  # pad (held), chord, strum (one string after the other), arpeggio, bass (roots) or walk (chord tones)
    rhythm: str = "x.......x......."
    low: int = 48  # the lowest MIDI key of its chords


class Ensemble(NamedTuple):
    """An ensemble and its manner of playing."""

    name: str
    character: str
    layers: list[str]  # each plays all voices of the score, its instruments from high to low; +1: an octave up
    comps: tuple[Comp, ...] = ()
    drums: tuple[tuple[str, str], ...] = ()  # kit and pattern, of which one is drawn
    onsets: tuple[float, float] = (3.0, 6.0)  # notes a second, all voices together: the tempo is drawn to meet it
    swing: float = 0.5  # where the off-beat falls within a beat: 0.5 straight, 0.66 triplets
    looseness: float = 0.008  # standard deviation of a note's start, seconds
    room: tuple[float, float] = (0.3, 0.9)  # reverberation time RT60, seconds
    drive: float = 0.0  # 1: the loudest passages are compressed to about half, as a produced record is
    pedal: bool = False  # notes are held until the harmony changes


TABLE = table("ensembles")
ENSEMBLES = tuple(
    Ensemble(**{**row, "comps": tuple(Comp(**comp) for comp in row.get("comps", ()))}) for row in TABLE["ensembles"]
)


class Performance(NamedTuple):
    """What the synthesiser plays, and what is sung by the same clock."""

    notes: list[Note]
    channels: list[Channel]
    sung: list[Note]


def arrange(
    score: Score, ensemble: Ensemble, seconds: float, generator: np.random.Generator, singer: Range | None = None
) -> Performance:
    """Play an excerpt of `score` on `ensemble` for `seconds`.

    The excerpt begins at a bar line; a score that is too short starts again from its first bar, as dances are played.
    Where one or two voices are left to play, three more follow the harmony. `generator` draws what is not written. With
    a `singer` the melody is in `sung`, by the same clock; no instrument plays it, and the band's key is the singer's.
    """
    quarters_per_second, beat = _tempo(score, ensemble, generator)
    quarters = seconds * quarters_per_second + beat
    excerpts = [_excerpt(score, quarters, generator) for _ in range(8 if singer else 1)]
    # A singer takes the one with the most to sing.
    voices = max(excerpts, key=lambda cut: sung_time(cut[leader(cut)])) if singer else excerpts[0]
    chords = harmony(voices, int(np.ceil(quarters / (SLOT_BEATS * beat))), SLOT_BEATS * beat)
    melody, played = split_melody(voices) if singer else (None, voices)
    if len(played) < 3:
        played = played + _filling_voices(voices, chords, SLOT_BEATS * beat)
    clock = _Clock(beat, quarters_per_second, ensemble, generator)
    transposition = int(generator.integers(-3, 4))
    channels: list[Channel] = []
    notes: list[Note] = []
    sung: list[Note] = []
    if singer and melody is not None:
        melody, transposition = into_range(melody, singer, transposition)
        sung = [clock.note(onset, length, 0, int(pitch), 80) for onset, length, pitch in melody]
    for layer in ensemble.layers:
        notes += _play_layer(layer, played, transposition, channels, clock, ensemble.pedal)
    for comp in ensemble.comps:
        channels.append(_channel(comp.program, 66, generator))
        notes += _play_comp(comp, chords, transposition, len(channels) - 1, clock)
    if ensemble.drums:
        kit, pattern = ensemble.drums[generator.integers(len(ensemble.drums))]
        channels.append(Channel(TABLE["kits"][kit], int(generator.integers(80, 116)), drums=True))
        notes += _play_drums(TABLE["drums"][pattern], score.beats, quarters, len(channels) - 1, clock)
    return Performance(notes, channels, sung)


def harmony(voices: list[np.ndarray], slots: int, slot: float) -> list[tuple[int, bool]]:
    """The major or minor triad that best fits each stretch of `slot` quarter notes: (root pitch class, is minor).

    Sounding time counts for a triad, double on its root, and against it outside; a change costs a little.
    """
    weights, edges = np.zeros((slots, 12)), np.arange(slots + 1) * slot
    for onset, duration, pitch in np.concatenate(voices):
        shared = np.minimum(onset + duration, edges[1:]) - np.maximum(onset, edges[:-1])
        weights[:, int(pitch) % 12] += np.maximum(shared, 0.0)
    triads = [(root, minor) for root in range(12) for minor in (False, True)]
    table = np.full((24, 12), -0.5)
    for row, chord in enumerate(triads):
        table[row, _tones(chord)] = 1.5, 1.0, 1.0
    chosen: list[tuple[int, bool]] = []
    for fits in weights @ table.T:
        if chosen:
            fits[triads.index(chosen[-1])] += 0.15 * slot
        chosen.append(triads[int(np.argmax(fits))])
    return chosen


class _Clock:
    """Score time to seconds, with swing, rubato and looseness; velocities with accents and swells."""

    def __init__(self, beat: float, rate: float, ensemble: Ensemble, generator: np.random.Generator) -> None:
        self.beat, self.rate, self.swing, self.looseness = beat, rate, ensemble.swing, ensemble.looseness
        self.generator = generator
        self.rubato = 0.0 if ensemble.drums else float(generator.uniform(0.01, 0.05))
        self.swell = float(generator.uniform(4, 14))
        self.period = float(generator.uniform(5, 12))
        self.phase = float(generator.uniform(0, 2 * np.pi))

    def seconds(self, quarters: float) -> float:
        whole, fraction = divmod(quarters / self.beat, 1.0)
        bent = fraction * 2 * self.swing if fraction < 0.5 else self.swing + (fraction - 0.5) * 2 * (1 - self.swing)
        time = (whole + bent) * self.beat / self.rate
        # The derivative of the bend stays above -1, so time never runs backwards.
        return time + self.rubato * self.period / (2 * np.pi) * np.sin(2 * np.pi * time / self.period + self.phase)

    def note(
        self, onset: float, duration: float, channel: int, key: int, velocity: float, looseness: float = 1.0
    ) -> Note:
        start, end = self.seconds(onset), self.seconds(onset + duration)
        late = looseness * self.looseness * float(np.clip(self.generator.standard_normal(), -2, 2))
        accent = 6.0 if onset % self.beat < 1e-6 else 0.0
        swell = self.swell * np.sin(2 * np.pi * start / self.period + self.phase)
        loudness = velocity + accent + swell + 5 * self.generator.standard_normal()
        start = max(0.0, start + late)
        return Note(start, max(start + 0.03, end + late), channel, key, int(np.clip(loudness, 20, 127)))


def _tempo(score: Score, ensemble: Ensemble, generator: np.random.Generator) -> tuple[float, float]:
    onsets = np.unique(np.concatenate([notes[:, 0] for notes in score.voices]))
    rate = float(generator.uniform(*ensemble.onsets)) * max(score.length, 1.0) / len(onsets)
    octaves = np.floor(np.log2(rate / score.beat / (75 / 60)))  # so that a beat lasts as in 75 to 150 a minute
    return rate, float(score.beat * 2**octaves)


def _excerpt(score: Score, quarters: float, generator: np.random.Generator) -> list[np.ndarray]:
    bar = score.beat * score.beats
    bars = int((score.length - score.upbeat - quarters) // bar)
    if bars < 1:
        start, repeats = score.upbeat, int(np.ceil(quarters / max(bar, score.length - score.upbeat)))
    else:
        start, repeats = score.upbeat + bar * float(generator.integers(bars + 1)), 1
    turn = max(bar, np.ceil((score.length - start) / score.beat - 1e-6) * score.beat)
    cut = []
    for notes in score.voices:
        sounding = notes[notes[:, 0] + notes[:, 1] > start + 1e-6]
        onsets = np.maximum(sounding[:, 0], start)
        once = np.column_stack([onsets - start, sounding[:, 0] + sounding[:, 1] - onsets, sounding[:, 2]])
        again = np.concatenate([once + [turn * repeat, 0.0, 0.0] for repeat in range(repeats)])
        cut.append(again[again[:, 0] < quarters])
    return [notes for notes in cut if len(notes)]


def _tones(chord: tuple[int, bool]) -> list[int]:
    root, minor = chord
    return [root, (root + (3 if minor else 4)) % 12, (root + 7) % 12]


def _voicing(chord: tuple[int, bool], low: int) -> list[int]:
    return sorted(low + (tone - low) % 12 for tone in _tones(chord))


def _filling_voices(voices: list[np.ndarray], chords: list[tuple[int, bool]], slot: float) -> list[np.ndarray]:
    low = int(max(45, min(float(notes[:, 2].min()) for notes in voices) - 12))
    pitches = [[*_voicing(chord, low)[:0:-1], 36 + (chord[0] - 36) % 12] for chord in chords]
    onsets = np.arange(len(chords)) * slot
    return [np.column_stack([onsets, np.full(len(chords), slot), voice]) for voice in zip(*pitches, strict=True)]


def _channel(program: str, volume: int, generator: np.random.Generator) -> Channel:
    volume, pan = int(volume + generator.integers(-14, 15)), float(generator.uniform(-0.5, 0.5))
    return Channel(TABLE["programs"][program], volume, pan)


def _play_layer(
    layer: str, voices: list[np.ndarray], transposition: int, channels: list[Channel], clock: _Clock, pedal: bool
) -> Iterator[Note]:
    first = len(channels)
    instruments = [part.partition(" +") for part in layer.split(", ")]
    channels += [_channel(program, 92, clock.generator) for program, _, _ in instruments]
    slot = SLOT_BEATS * clock.beat
    for index, notes in enumerate(voices):
        place = round(index * (len(instruments) - 1) / max(1, len(voices) - 1))
        shift = transposition + 12 * int(instruments[place][2] or 0)
        velocity = float(clock.generator.uniform(70, 96)) + (8 if index == 0 else 0)
        for onset, duration, pitch in notes:
            if pedal:
                duration = max(duration, (onset // slot + 1) * slot - onset)
            key = int(pitch) + shift  # octaves down from where only a piccolo goes, and up from under a piano
            key += 12 * max(0, -(-(21 - key) // 12)) - 12 * max(0, -(-(key - 98) // 12))
            yield clock.note(onset, duration * 0.97, first + place, key, velocity)


def _struck(rhythm: str, beats: int, quarters: float, beat: float) -> Iterator[tuple[float, float]]:
    """Onsets in quarter notes and their strength; a bar of three beats plays the first three quarters of a rhythm."""
    for step in range(int(quarters / beat * STEPS)):
        sign = rhythm[step % (STEPS * (3 if beats == 3 else 4))]
        if sign != ".":
            yield step * beat / STEPS, 1.0 if sign == "x" else 0.6


def _play_comp(
    comp: Comp, chords: list[tuple[int, bool]], transposition: int, channel: int, clock: _Clock
) -> Iterator[Note]:
    slot = SLOT_BEATS * clock.beat
    total = len(chords) * slot
    held, loudness = (0.99, 78) if comp.style == "pad" else (0.9, 92)
    struck = list(_struck(comp.rhythm, 4, total, clock.beat))
    for count, (onset, strength) in enumerate(struck):
        chord = chords[min(len(chords) - 1, int(onset // slot))]
        until = struck[count + 1][0] if count + 1 < len(struck) else total
        length = min(until - onset, slot)
        keys = _voicing(chord, comp.low)
        if comp.style == "strum":
            keys = keys + [keys[0] + 12, keys[1] + 12]
        elif comp.style == "arpeggio":
            keys = [(keys + [key + 12 for key in keys])[(0, 2, 4, 1, 3, 5, 4, 2)[count % 8]]]
        elif comp.style == "bass":
            keys = [comp.low + (chord[0] - comp.low) % 12]
        elif comp.style == "walk":
            keys = [comp.low + (_tones(chord)[(0, 2, 1, 2)[count % 4]] - comp.low) % 12]
        for order, key in enumerate(keys):
            note = clock.note(onset, length * held, channel, key + transposition, loudness * strength)
            late = 0.011 * order if comp.style == "strum" else 0.0
            yield note._replace(start=note.start + late, end=note.end + late)


def _play_drums(pattern: dict[str, str], beats: int, quarters: float, channel: int, clock: _Clock) -> Iterator[Note]:
    for sound, rhythm in pattern.items():
        for onset, strength in _struck(rhythm, beats, quarters, clock.beat):
            yield clock.note(onset, clock.beat / 2, channel, int(sound), 100 * strength, looseness=0.6)
    bar = (3 if beats == 3 else 4) * clock.beat
    for index in range(int(quarters // bar) + 1):
        if index % 4 == 0:
            yield clock.note(index * bar, bar, channel, 49, 96)
        elif index % 4 == 3 and clock.generator.random() < 0.7:
            last_beat = (index + 1) * bar - clock.beat
            for step, key in enumerate((38, 48, 45, 41)):
                yield clock.note(last_beat + clock.beat * step / STEPS, clock.beat / STEPS, channel, key, 98)

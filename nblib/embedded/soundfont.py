"""Sampled instruments: notes in, samples out, by tinysoundfont and the General MIDI soundfont inside pretty_midi."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nblib.embedded.layouts import package_path


class Channel(NamedTuple):
    """An instrument: General MIDI program 0-127 (a kit's number on a drum channel), volume 0-127, pan -1 to 1."""

    program: int
    volume: int = 100
    pan: float = 0.0
    drums: bool = False


class Note(NamedTuple):
    """One note: start and end in seconds, index of its channel, MIDI key 0-127, velocity 1-127."""

    start: float
    end: float
    channel: int
    key: int
    velocity: int


def play(notes: Sequence[Note], channels: Sequence[Channel], seconds: float, sample_rate: int) -> np.ndarray:
    """Play `notes` on at most 16 channels: float32 [shape=(round(seconds * sample_rate),)], not limited to [-1, 1].

    The two loudspeakers are down-mixed by their mean. A key that is struck again before it was released is released
    first; every event falls on its sample. The instruments' samples, up to 22.05 kHz, are interpolated without a
    filter and fold over at `sample_rate`.
    """
    import tinysoundfont

    synth = tinysoundfont.Synth(gain=-12.0, samplerate=sample_rate)
    font = synth.sfload(package_path("pretty_midi", "TimGM6mb.sf2").read_bytes())
    for index, channel in enumerate(channels):
        synth.program_select(index, font, 128 if channel.drums else 0, channel.program, channel.drums)
        synth.control_change(index, 7, channel.volume)
        synth.control_change(index, 10, round(64 + 63 * channel.pan))
    length = round(seconds * sample_rate)
    stereo = np.zeros((length, 2), dtype=np.float32)
    view = stereo.data.cast("B")
    done = 0
    for start, velocity, place, key in _events(notes, sample_rate):
        if start >= length:
            break
        if start > done:
            synth.generate_simple(start - done, view[done * 8 : start * 8])
            done = start
        if velocity:
            synth.noteon(place, key, velocity)
        else:
            synth.noteoff(place, key)
    if done < length:
        synth.generate_simple(length - done, view[done * 8 :])
    return stereo.mean(axis=1)


def _events(notes: Sequence[Note], sample_rate: int) -> list[tuple[int, int, int, int]]:
    events = []
    sounding: dict[tuple[int, int], int] = {}
    for note in sorted(notes, reverse=True):  # from the last to the first: each knows when its key is struck next
        start = max(0, round(note.start * sample_rate))
        again = sounding.get((note.channel, note.key))
        if again is not None and again <= start:
            continue  # two voices in unison on one instrument: one note
        end = max(start + 1, round(note.end * sample_rate))
        events.append((start, note.velocity, note.channel, note.key))
        events.append((min(end, again) if again is not None else end, 0, note.channel, note.key))
        sounding[note.channel, note.key] = start
    return sorted(events)
